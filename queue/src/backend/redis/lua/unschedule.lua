-- Ends a job scheduler. An armed run that waits already still runs, as the last.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 scheduler id
-- Effects  `repeat` and the scheduler's hash; the armed run if it is delayed.
-- Events   removed{prev=delayed} of that run.
-- Returns  1 removed   0 no such scheduler
local base, scheduler = ARGV[1], ARGV[2]
--@include forget
local armed = tonumber(redis.call('ZSCORE', base .. 'repeat', scheduler))
if armed then
  local id = 'repeat:' .. scheduler .. ':' .. string.format('%.0f', armed)
  if redis.call('ZREM', base .. 'delayed', id) == 1 then
    forget(id)
    redis.call('XADD', base .. 'events', '*', 'event', 'removed', 'jobId', id, 'prev', 'delayed')
  end
end
local known = redis.call('ZREM', base .. 'repeat', scheduler)
return math.max(known, redis.call('DEL', base .. 'repeat:' .. scheduler))
