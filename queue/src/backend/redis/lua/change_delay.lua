-- Lets a delayed job become due at another time.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 id   4 delay from now (ms)
-- Effects  the job's score in `delayed` and its field `delay`; the marker of the earliest.
-- Events   delayed{delay = due ms}.
-- Returns  as retry.lua.
local base, clock, id, delay = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local job = base .. id
--@include state
--@include place
if redis.call('EXISTS', job) == 0 then return false end
local state = state_of(id)
if state ~= 'delayed' then return { state or 'unknown', '' } end
-- It is not taken out first: like BullMQ's, a job that keeps its due time goes behind itself.
redis.call('HSET', job, 'delay', ARGV[4])
return { state, delay_until(id, clock + delay) }
