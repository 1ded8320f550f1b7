-- Removes a paused queue with all that is in it.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 '1' = also if jobs are active
--       5 most jobs in this call
-- Effects  jobs of all states but waiting-children are deleted, then the schedulers, at last the
--          keys of the queue itself.
-- Returns  0 done   1 call again   text: so many jobs are active, and nothing was done
local base, marks, clock, left = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
--@include erasing
local running = redis.call('LLEN', base .. 'active')
if running > 0 and ARGV[4] ~= '1' then return tostring(running) end
local places = { 'active', 'delayed', 'completed', 'wait', 'paused', 'prioritized', 'failed' }
for i = 1, #places do
  local key = base .. places[i]
  local listed = places[i] == 'active' or places[i] == 'wait' or places[i] == 'paused'
  if left > 0 then
    local ids = redis.call(listed and 'LRANGE' or 'ZRANGE', key, 0, left - 1)
    for j = 1, #ids do
      erase_job(ids[j])
      if places[i] == 'active' then redis.call('DEL', base .. ids[j] .. ':lock') end
    end
    if listed then
      redis.call('LTRIM', key, #ids, -1)
    elseif #ids > 0 then
      redis.call('ZREMRANGEBYRANK', key, 0, #ids - 1)
    end
    left = left - #ids
  end
end
if left <= 0 then return 1 end
local schedulers = redis.call('ZRANGE', base .. 'repeat', 0, -1)
for i = 1, #schedulers do redis.call('DEL', base .. 'repeat:' .. schedulers[i]) end
redis.call('DEL', base .. 'repeat', base .. 'events', base .. 'delay', base .. 'priority',
  base .. 'stalled-check', base .. 'stalled', base .. 'id', base .. 'pc', base .. 'marker',
  KEYS[1], base .. 'metrics:completed', base .. 'metrics:failed',
  base .. 'metrics:completed:data', base .. 'metrics:failed:data', marks)
return 0
