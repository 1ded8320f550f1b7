-- Ends a job that nobody runs, or asks its worker to stop it.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 id   5 reason
--       6 how long a mark holds (ms)
-- Effects  waiting, delayed, prioritized or waiting for children: the job goes to failed with the
--          reason, also in a paused queue, and uses no attempt; it is deleted instead when its
--          options keep no failed job; parents and deduplication follow. Active: a mark, which
--          renewals return and settling heeds.
-- Events   failed{prev = the state} | cancel-requested.
-- Returns  false when there is no such job, -8 when it is the armed run of a scheduler, else the state found, the position of the event ('' if
--          the job had ended) and the holder of the lock (or false).
local base, marks, now, id, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local clock, job, events = tonumber(now), base .. id, base .. 'events'
--@include state
if redis.call('EXISTS', job) == 0 then return false end
local state = state_of(id)
if state == 'completed' or state == 'failed' then return { state, '', false } end
if state == 'active' then
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', clock)
  redis.call('ZADD', marks, clock + tonumber(ARGV[6]), id)
  redis.call('PEXPIRE', marks, ARGV[6])
  local version = redis.call('XADD', events, '*', 'event', 'cancel-requested', 'jobId', id)
  return { state, version, redis.call('GET', job .. ':lock') }
end
local row = redis.call('HMGET', job, 'opts', 'parentKey', 'parent', 'deid', 'rjk')
local armed = row[5] and redis.call('ZSCORE', base .. 'repeat', row[5])
if armed and id == 'repeat:' .. row[5] .. ':' .. string.format('%.0f', tonumber(armed)) then
  return -8
end
local readable, opts = pcall(cjson.decode, row[1] or '')
local keep = readable and type(opts) == 'table' and opts.removeOnFail
if type(keep) == 'table' then keep = keep.count end
if state == 'wait' or state == 'paused' then
  redis.call('LREM', base .. state, 0, id)
elseif state then
  redis.call('ZREM', base .. state, id)
end
local family
if row[2] or row[4] then
  --@include family
  if row[4] then
    family.free(row[4], id)
    family.requeue(row[4])
  end
  if row[2] then family.failed(row[2], job, row[3] or '', reason) end
end
if keep == true or keep == 0 then
  if row[2] then family.removed(row[2], job) end
  redis.call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed',
    job .. ':failed', job .. ':unsuccessful')
else
  redis.call('HSET', job, 'failedReason', reason, 'finishedOn', now)
  redis.call('HDEL', job, 'defa')
  redis.call('ZADD', base .. 'failed', clock, id)
end
return { state or 'unknown', redis.call('XADD', events, '*', 'event', 'failed', 'jobId', id,
  'failedReason', reason, 'prev', state or 'unknown'), false }
