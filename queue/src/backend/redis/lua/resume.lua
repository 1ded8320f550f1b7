-- Allows claims again, and merges the list that BullMQ 5 moves waiting jobs to.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 '1' = goes on with a merge that was larger than one call
-- Events   resumed.
-- Returns  how many ids are still to be merged: call again.
local base = ARGV[1]
local wait, paused = base .. 'wait', base .. 'paused'
redis.call('HDEL', KEYS[1], 'paused')
if redis.call('EXISTS', paused) == 1 then
  if redis.call('EXISTS', wait) == 0 then
    redis.call('RENAME', paused, wait)
  else
    redis.call('RPUSH', wait, unpack(redis.call('LRANGE', paused, 0, 999)))
    redis.call('LTRIM', paused, 1000, -1)
  end
end
if redis.call('EXISTS', wait, base .. 'prioritized') > 0 then
  redis.call('ZADD', base .. 'marker', 0, '0')
else
  local first = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', base .. 'marker', tonumber(first[2]) / 4096, '1') end
end
if ARGV[2] ~= '1' then redis.call('XADD', base .. 'events', '*', 'event', 'resumed') end
return redis.call('LLEN', paused)
