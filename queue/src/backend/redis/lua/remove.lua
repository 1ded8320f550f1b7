-- Removes a job that nobody holds, with everything that belongs to it.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 id
-- Effects  the job leaves its state structure; its hash and sub-keys are deleted; its
--          deduplication id is freed; a parent that waited only for it is released. The children
--          of a removed parent stay.
-- Events   removed{prev}; waiting{prev=waiting-children} of the released parent before it.
-- Returns  1 removed   0 no such job   -1 a worker holds it   -8 it is the armed run of a scheduler
local base, marks, clock, id = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local job = base .. id
--@include state
--@include forget
if redis.call('EXISTS', job) == 0 then return 0 end
if redis.call('EXISTS', job .. ':lock') == 1 then return -1 end
local row = redis.call('HMGET', job, 'rjk', 'parentKey', 'deid')
if row[1] then
  local armed = redis.call('ZSCORE', base .. 'repeat', row[1])
  if armed and id == 'repeat:' .. row[1] .. ':' .. string.format('%.0f', tonumber(armed)) then
    return -8
  end
end
local state = state_of(id) or 'unknown'
local family
if row[2] then
  --@include family
  family.removed(row[2], job)
end
if state == 'wait' or state == 'active' or state == 'paused' then
  redis.call('LREM', base .. state, 0, id)
elseif state ~= 'unknown' then
  redis.call('ZREM', base .. state, id)
end
forget(id, row[3])
redis.call('ZREM', marks, id)
redis.call('XADD', base .. 'events', '*', 'event', 'removed', 'jobId', id, 'prev', state)
return 1
