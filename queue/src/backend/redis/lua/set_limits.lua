-- Sets or removes limits of the whole queue.
--
-- KEYS  1 meta
-- ARGV  1 key base, then field, value, ...; an empty value removes the field
-- Effects  the fields of meta; the marker, if jobs wait: they may be allowed to start now.
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
if redis.call('HEXISTS', KEYS[1], 'paused') == 0
  and redis.call('EXISTS', ARGV[1] .. 'wait', ARGV[1] .. 'prioritized') > 0 then
  redis.call('ZADD', ARGV[1] .. 'marker', 0, '0')
end
return 1
