-- One turn of a worker: tells how attempts ended, promotes what is due, claims the next jobs.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 most jobs to claim
--       5 token of the new locks   6 lock duration (ms)   7 worker name ('' = none)
--       8 most bytes of job data to claim   9 reason of a cancelled job
--       10 number of settlements (at most 100), then for each 9 values:
--       verdict (complete | fail | retry | delay | children | handback | limited), id, token, attempts allowed,
--       kept count ('' = all), kept age in s ('' = for ever), perhaps with a
--       space and the most that go for their age, result or reason, stack traces
--       (JSON, '' = unchanged), pause in ms (retry) or due time in ms (delay); after them, if the
--       worker has a rate limit of its own, its most starts and its window (ms, '' = none), and, if
--       it counts ends, the minutes that metrics keep
-- Effects  settling: the job leaves `active`, its lock, `stalled` and its cancel mark, and goes to
--          completed, failed, delayed, wait, prioritized or nowhere; kept jobs are trimmed; parents
--          and deduplication follow; metrics count the ends. Claiming: due jobs leave `delayed`; jobs go from wait or
--          prioritized to `active` with a lock. Ids without a job hash are dropped.
--          With no settlement and nothing to claim the script only promotes. It does so first when
--          a job is tried again at once, and not at all when it settles and claims nothing else.
-- Events   completed | failed [retries-exhausted] | waiting{prev=active} | delayed; then
--          waiting{prev=delayed}; then active; then drained.
-- Returns  1 for each settlement 4 values: state or the reason why it did not count, position,
--            attempts made, whether it was turned into a cancellation
--          2 for each claimed job 4 values: id, position, row, further row of a job that was
--            started before (or false)
--          3 when the next delayed job is due (ms, or false)   4 number promoted
--          5 how long the rate limit holds (ms, 0 = it does not)
local base, marks, now = ARGV[1], ARGV[2], ARGV[3]
local clock, most, count = tonumber(now), tonumber(ARGV[4]), tonumber(ARGV[10])
local wait, active, prioritized = base .. 'wait', base .. 'active', base .. 'prioritized'
local delayed, events, marker = base .. 'delayed', base .. 'events', base .. 'marker'
local meta = redis.call('HMGET', KEYS[1], 'paused', 'concurrency', 'max', 'duration',
  'opts.maxLenEvents')
local settled, jobs = {}, {}
local promoted, held_back, limited, earliest = 0, false, 0, nil
local any_waiting, any_delayed, any_finished = false, false, false
-- Whether a run was told off by a rate limit that the worker may not know.
local told_off = false
-- Whether some job is marked to stop; not known yet.
local any_marks = nil

-- A job that is tried again at once stands behind those that became due before.
local promotes_first = false
for i = 1, count do
  if ARGV[9 * i + 2] == 'retry' and (tonumber(ARGV[9 * i + 10]) or 0) == 0 then
    promotes_first = true
  end
end
if promotes_first then
  --@include due
  earliest = nil
end
--@include settle
if not promotes_first and (most > 0 or count == 0) then
  --@include due
end
--@include claim

if any_waiting and not meta[1] and redis.call('EXISTS', wait, prioritized) > 0 then
  redis.call('ZADD', marker, 0, '0')
end
local next_due = false
if earliest == nil then earliest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] end
if earliest then
  next_due = string.format('%.0f', math.floor(tonumber(earliest) / 4096))
  if any_delayed then redis.call('ZADD', marker, tonumber(earliest) / 4096, '1') end
end
if any_finished and #jobs == 0 and (most == 0 or not (held_back or next_due))
  and redis.call('EXISTS', wait, active, prioritized) == 0 then
  redis.call('XADD', events, '*', 'event', 'drained')
end
return { settled, jobs, next_due, promoted, limited }
