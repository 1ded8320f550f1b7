-- Adds jobs, in order.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 number of jobs (at most 500)   4 number of values for each
--       (4 or 11), then those; if 4: name, data, opts (JSON), timestamp (ms); if 11: id ('' = the queue
--       gives one), those four, delay (ms), priority (0 = none), '1' = in front of the line,
--       deduplication id ('' = none), its time (ms, 0 = until the owner ends), its ways (e = extend,
--       r = replace, k = keep the last if active, s = reschedule)
-- Effects  counter `id`, job hashes, `wait`, `prioritized` (`pc`) or `delayed`, markers, the stream;
--          `de:` and `dn:` of deduplication ids, see deduplicate.lua.
-- Events   added, then waiting | delayed{delay = due ms}; duplicated for an id that exists.
-- Returns  for each job 2 values: the id of the job that stands for it, and the position of its
--          waiting or delayed event, false for a duplicate, or 0 when it was deduplicated.
local base, count, width = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local events, delayed, marker = base .. 'events', base .. 'delayed', base .. 'marker'
local meta = redis.call('HMGET', KEYS[1], 'paused', 'concurrency', 'opts.maxLenEvents')
local last = redis.call('INCRBY', base .. 'id', count)
if not meta[3] then redis.call('HSET', KEYS[1], 'opts.maxLenEvents', '10000') end
redis.call('XTRIM', events, 'MAXLEN', '~', tonumber(meta[3]) or 10000)

local reply, waiting, fronts, any_ranked, any_delayed = {}, {}, {}, false, false
local wide, at = width == 11, 4
for i = 1, count do
  local first = wide and at + 1 or at
  local id, name = wide and ARGV[at + 1] or '', ARGV[first + 1]
  local pause = wide and ARGV[at + 6] or '0'
  local delay = tonumber(pause)
  local custom = id ~= ''
  if not custom then id = string.format('%.0f', last - count + i) end
  local job = base .. id
  local rule, owner = wide and ARGV[at + 9] or '', false
  if custom and redis.call('EXISTS', job) == 1 then
    redis.call('XADD', events, '*', 'event', 'duplicated', 'jobId', id)
    reply[#reply + 1] = id
    reply[#reply + 1] = false
    rule = ''
    owner = id
  end
  if rule ~= '' then
    --@include deduplicate
    if owner then
      reply[#reply + 1] = owner
      reply[#reply + 1] = 0
    end
  end
  if not owner then
    local priority = wide and ARGV[at + 7] or '0'
    redis.call('HSET', job, 'name', name, 'data', ARGV[first + 2], 'opts', ARGV[first + 3],
      'timestamp', ARGV[first + 4], 'delay', pause, 'priority', priority)
    if rule ~= '' then redis.call('HSET', job, 'deid', rule) end
    redis.call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', name)
    reply[#reply + 1] = id
    if delay > 0 then
      local due = tonumber(ARGV[first + 4]) + delay
      local floor, top = due * 4096, due * 4096 + 4095
      local peer = redis.call('ZREVRANGEBYSCORE', delayed, top, floor, 'WITHSCORES', 'LIMIT', 0, 1)
      redis.call('ZADD', delayed, peer[2] and math.min(tonumber(peer[2]) + 1, top) or floor, id)
      any_delayed = true
      reply[#reply + 1] = redis.call('XADD', events, '*', 'event', 'delayed', 'jobId', id,
        'delay', string.format('%.0f', due))
    else
      if priority ~= '0' then
        local turn = redis.call('INCR', base .. 'pc') % 4294967296
        redis.call('ZADD', base .. 'prioritized', priority * 4294967296 + turn, id)
        any_ranked = true
      elseif wide and ARGV[at + 8] == '1' then
        fronts[#fronts + 1] = id
      else
        waiting[#waiting + 1] = id
      end
      reply[#reply + 1] = redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id)
    end
  end
  at = at + width
end

if #waiting > 0 then redis.call('LPUSH', base .. 'wait', unpack(waiting)) end
if #fronts > 0 then redis.call('RPUSH', base .. 'wait', unpack(fronts)) end
if #waiting > 0 or #fronts > 0 or any_ranked then
  local limit = tonumber(meta[2])
  if not meta[1] and not (limit and redis.call('LLEN', base .. 'active') >= limit) then
    redis.call('ZADD', marker, 0, '0')
  end
end
if any_delayed then
  local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  redis.call('ZADD', marker, tonumber(first[2]) / 4096, '1')
end
return reply
