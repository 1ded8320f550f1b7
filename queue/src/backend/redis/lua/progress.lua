-- Stores what a handler reports.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 id   3 progress (JSON)
-- Events   progress{data}.
-- Returns  the position of the event, or false when there is no such job.
local job = ARGV[1] .. ARGV[2]
if redis.call('EXISTS', job) == 0 then return false end
local length = tonumber(redis.call('HGET', KEYS[1], 'opts.maxLenEvents')) or 10000
redis.call('HSET', job, 'progress', ARGV[3])
return redis.call('XADD', ARGV[1] .. 'events', 'MAXLEN', '~', length, '*', 'event', 'progress',
  'jobId', ARGV[2], 'data', ARGV[3])
