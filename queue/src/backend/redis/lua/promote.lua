-- Moves one delayed job to wait, or to prioritized if it has a priority.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 id
-- Events   waiting{prev=delayed}.
-- Returns  as retry.lua.
local base, clock, id = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local job = base .. id
--@include state
--@include place
if redis.call('EXISTS', job) == 0 then return false end
local state = state_of(id)
if state ~= 'delayed' then return { state or 'unknown', '' } end
redis.call('ZREM', base .. 'delayed', id)
enqueue(id, tonumber(redis.call('HGET', job, 'priority')) or 0, false)
local version = redis.call('XADD', base .. 'events', '*', 'event', 'waiting', 'jobId', id,
  'prev', 'delayed')
redis.call('HSET', job, 'delay', '0')
return { state, version }
