-- Creates or replaces a job scheduler and arms its next run.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 scheduler id   4 data of the run (JSON)   5 name
--       6 offset ('' = not given)   7 start date ('' = none)   8-14 the plan (see iteration.lua)
--       15... fields of the scheduler's hash, in pairs, but `offset` and `ic`
-- Effects  The armed run of an older definition is removed if it has not started, and its slot is
--          kept if the interval is the same. `repeat`, the hash (`ic` goes on), counter `id`, the
--          new run with its marker.
-- Events   added, then waiting | delayed.
-- Returns  the slot, or -10 (pattern) or -11 (interval) when jobs of other runs stand in it and,
--          for an interval, in the 32 after it: then nothing was changed.
local base, clock, scheduler = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local definition, plan = base .. 'repeat:' .. scheduler, nil
--@include slot
--@include place
--@include state
--@include iteration
--@include forget
plan = plan_at(8)
local old = redis.call('HMGET', definition, 'every', 'offset', 'ic')
local armed = tonumber(redis.call('ZSCORE', base .. 'repeat', scheduler))
local function run_at(slot) return 'repeat:' .. scheduler .. ':' .. string.format('%.0f', slot) end

-- Everything is decided before the first write.
local given, start = tonumber(ARGV[6]), tonumber(ARGV[7])
local same = plan.every and tonumber(old[1]) == plan.every
local slot = plan.slot
if plan.every then
  slot = slot_after(same and armed or nil, plan.every, given or (same and tonumber(old[2])) or 0,
    start)
end
local leaves = false
if armed and redis.call('EXISTS', base .. run_at(armed)) == 1 then
  local state = state_of(run_at(armed))
  if state == 'delayed' or state == 'prioritized' or state == 'wait' or state == 'paused' then
    leaves = state
    if same then slot = armed end
  end
end
local function is_taken(at)
  if redis.call('EXISTS', base .. run_at(at)) == 0 then return false end
  return not (leaves and at == armed)
end
if plan.every then
  local steps = 0
  while is_taken(slot) do
    if steps == 32 then return -11 end
    slot, steps = slot + plan.every, steps + 1
  end
elseif is_taken(slot) then
  return -10
end

if redis.call('HSETNX', KEYS[1], 'opts.maxLenEvents', '10000') == 0 then
  local length = tonumber(redis.call('HGET', KEYS[1], 'opts.maxLenEvents')) or 10000
  redis.call('XTRIM', base .. 'events', 'MAXLEN', '~', length)
end
if leaves then
  local id = run_at(armed)
  if leaves == 'wait' or leaves == 'paused' then
    redis.call('LREM', base .. leaves, 0, id)
  else
    redis.call('ZREM', base .. leaves, id)
  end
  forget(id, redis.call('HGET', base .. id, 'deid'))
end
local offset = given or tonumber(old[2])
if not given and not leaves then
  offset = plan.every and slot - math.floor(slot / plan.every) * plan.every or 0
end
redis.call('DEL', definition)
for i = 15, #ARGV, 2 do redis.call('HSET', definition, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', definition, 'offset', string.format('%.0f', offset or 0), 'ic', old[3] or '1')
redis.call('ZADD', base .. 'repeat', slot, scheduler)
create_run(scheduler, slot, ARGV[5], ARGV[4], plan)
return string.format('%.0f', slot)
