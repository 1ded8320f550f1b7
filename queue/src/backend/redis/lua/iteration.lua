-- A run of a scheduler. A fragment; expects `base`, `clock` and the fragment `place`.

-- Creates the run in a slot and places it; the caller has made sure that there is none.
-- Events: added, then waiting | delayed.
local function create_run(scheduler, slot, name, data, plan)
  local at, now = string.format('%.0f', slot), string.format('%.0f', clock)
  local delay = math.max(0, slot - clock)
  local id, wait = 'repeat:' .. scheduler .. ':' .. at, string.format('%.0f', delay)
  local opts = plan.head .. '"jobId":"repeat:' .. plan.json .. ':' .. at .. '","delay":' .. wait
    .. ',"timestamp":' .. now .. ',"repeatJobKey":"' .. plan.json .. '",'
    .. (plan.slot and '"prevMillis":' .. at .. ',' or '') .. '"repeat":' .. plan.rhythm .. '}'
  redis.call('INCR', base .. 'id')
  redis.call('HSET', base .. id, 'name', name, 'data', data, 'opts', opts, 'timestamp', now,
    'delay', wait, 'priority', string.format('%.0f', plan.priority), 'rjk', scheduler)
  redis.call('XADD', base .. 'events', '*', 'event', 'added', 'jobId', id, 'name', name)
  if delay > 0 then
    delay_until(id, slot)
  else
    enqueue(id, plan.priority, plan.front)
    redis.call('XADD', base .. 'events', '*', 'event', 'waiting', 'jobId', id)
  end
  return id
end

-- Reads the plan of a run from seven arguments: escaped id, slot ('' = an interval's), beginning
-- of the options, `opts.repeat`, priority, '1' = to the front, interval of the job ('' = none).
local function plan_at(at)
  return {
    json = ARGV[at], slot = tonumber(ARGV[at + 1]), head = ARGV[at + 2], rhythm = ARGV[at + 3],
    priority = tonumber(ARGV[at + 4]), front = ARGV[at + 5] == '1', every = tonumber(ARGV[at + 6]),
  }
end
