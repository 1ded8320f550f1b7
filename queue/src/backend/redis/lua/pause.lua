-- Stops claims. Running jobs go on, and added jobs wait.
--
-- KEYS  1 meta
-- ARGV  1 key base
-- Events   paused.
redis.call('HSET', KEYS[1], 'paused', '1')
redis.call('DEL', ARGV[1] .. 'marker')
redis.call('XADD', ARGV[1] .. 'events', '*', 'event', 'paused')
return 1
