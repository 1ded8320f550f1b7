-- Gives a job another priority, and its place by it if it may be claimed.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 id   3 priority (0 = none)   4 '1' = as the first of its priority
-- Effects  the field `priority`; a job in wait or prioritized moves, in other states it will be put
--          by the new priority when it comes to wait.
-- Returns  1, or 0 when there is no such job.
local base, id, priority = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job = base .. id
--@include place
if redis.call('EXISTS', job) == 0 then return 0 end
redis.call('HSET', job, 'priority', ARGV[3])
if redis.call('ZREM', base .. 'prioritized', id) == 1
  or redis.call('LREM', base .. 'wait', -1, id) == 1 then
  if priority > 0 and ARGV[4] == '1' then
    redis.call('ZADD', base .. 'prioritized', priority * 4294967296, id)
  else
    enqueue(id, priority, ARGV[4] == '1')
  end
end
return 1
