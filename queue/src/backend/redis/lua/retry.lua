-- Puts a finished job back to wait (BullMQ `job.retry()`).
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 id
--       5 '1' = the counters of attempts and starts begin anew
-- Effects  the job leaves completed or failed, loses what told its end, and stands at the back of
--          wait or prioritized (in front if it is a `lifo` job); a waiting parent awaits it again.
-- Events   waiting{prev = completed | failed}.
-- Returns  the state found and the position of the event, or false when there is no such job;
--          position '' when the state was another, and nothing was changed.
local base, marks, clock, id = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local job = base .. id
--@include state
--@include place
if redis.call('EXISTS', job) == 0 then return false end
local state = state_of(id)
if state ~= 'completed' and state ~= 'failed' then return { state or 'unknown', '' } end
local row = redis.call('HMGET', job, 'priority', 'opts', 'parentKey')
local readable, opts = pcall(cjson.decode, row[2] or '')
redis.call('ZREM', base .. state, id)
redis.call('ZREM', marks, id)
redis.call('HDEL', job, 'finishedOn', 'processedOn',
  state == 'completed' and 'returnvalue' or 'failedReason')
if ARGV[5] == '1' then redis.call('HDEL', job, 'atm', 'ats') end
enqueue(id, tonumber(row[1]) or 0, readable and type(opts) == 'table' and opts.lifo == true)
if row[3] then
  local family
  --@include family
  family.back(row[3], job)
end
return { state, redis.call('XADD', base .. 'events', '*', 'event', 'waiting', 'jobId', id,
  'prev', state) }
