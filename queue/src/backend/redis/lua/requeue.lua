-- Puts jobs of one state back to wait, the oldest first.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 completed | failed | delayed
--       5 the latest end of an ended job (ms since the epoch)   6 most jobs in this call
-- Effects  the jobs go to wait, or to prioritized if they have a priority; what told the end of an
--          ended job is gone, and a parent awaits it again. Counters and `delay` stay.
-- Events   waiting{prev = the state} for each.
-- Returns  how many were moved.
local base, marks, clock, state = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local key, most = base .. state, tonumber(ARGV[6])
--@include place
local family
local bound = state == 'delayed' and '+inf' or ARGV[5]
local ids = redis.call('ZRANGEBYSCORE', key, '-inf', bound, 'LIMIT', 0, most)
if #ids == 0 then return 0 end
redis.call('ZREMRANGEBYRANK', key, 0, #ids - 1)
for i = 1, #ids do
  local id, job = ids[i], base .. ids[i]
  local row = redis.pcall('HMGET', job, 'priority', 'parentKey', 'name', 'timestamp')
  if not row.err and (row[3] or row[4]) then
    if state ~= 'delayed' then
      redis.call('HDEL', job, 'finishedOn', 'processedOn',
        state == 'completed' and 'returnvalue' or 'failedReason')
      redis.call('ZREM', marks, id)
      if row[2] then
        if not family then
          --@include family
        end
        family.back(row[2], job)
      end
    end
    enqueue(id, tonumber(row[1]) or 0, false)
    redis.call('XADD', base .. 'events', '*', 'event', 'waiting', 'jobId', id, 'prev', state)
  end
end
return #ids
