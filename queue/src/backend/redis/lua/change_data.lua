-- Replaces the input of a job.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 id   3 data (JSON)
-- Returns  1, or 0 when there is no such job.
local job = ARGV[1] .. ARGV[2]
if redis.call('EXISTS', job) == 0 then return 0 end
redis.call('HSET', job, 'data', ARGV[3])
return 1
