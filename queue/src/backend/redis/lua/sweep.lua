-- Takes back the jobs of workers that let their lock run out (two phases: a job is taken back when
-- an earlier sweep had marked it and nobody renewed its lock since).
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 interval (ms)
--       5 most stalls of a job   6 reason of a job that stalled more   7 reason of a cancelled job
--       8 '1' = goes on with a sweep that was larger than one call
-- Effects  `stalled-check` stops other sweeps within the interval. Of the marked jobs (at most
--          1,000 a call) those without a lock leave `active` for the front of wait, `stc` + 1; past
--          the limit, or asked to stop, they get a deferred failure (`defa`), which the next worker
--          carries out. Ids without a job hash are dropped. At the end every active job is marked.
-- Events   waiting{prev=active}, stalled.
-- Returns  1 the recovered ids   2 whether more are marked: call again
local base, marks, now = ARGV[1], ARGV[2], ARGV[3]
local clock, events = tonumber(now), base .. 'events'
if ARGV[8] ~= '1' then
  if redis.call('EXISTS', base .. 'stalled-check') == 1 then return { {}, 0 } end
  redis.call('SET', base .. 'stalled-check', now, 'PX', ARGV[4])
end
local meta = redis.call('HMGET', KEYS[1], 'paused', 'opts.maxLenEvents')
redis.call('XTRIM', events, 'MAXLEN', '~', tonumber(meta[2]) or 10000)
local recovered = {}
local suspects
if redis.call('SCARD', base .. 'stalled') <= 1000 then
  suspects = redis.call('SMEMBERS', base .. 'stalled')
  redis.call('DEL', base .. 'stalled')
else
  suspects = redis.call('SPOP', base .. 'stalled', 1000)
end
for i = 1, #suspects do
  local id, job = suspects[i], base .. suspects[i]
  if redis.call('EXISTS', job .. ':lock') == 0 and redis.call('LREM', base .. 'active', 1, id) == 1
  then
    local row = redis.pcall('HMGET', job, 'stc', 'rjk', 'name', 'timestamp')
    if not row.err and (row[3] or row[4]) then
      local stalls = (tonumber(row[1]) or 0) + 1
      redis.call('HSET', job, 'stc', stalls)
      local scheduled = row[2] and redis.call('ZSCORE', base .. 'repeat', row[2])
      if redis.call('ZSCORE', marks, id) then
        redis.call('HSET', job, 'defa', ARGV[7])
      elseif stalls > tonumber(ARGV[5]) and not scheduled then
        redis.call('HSET', job, 'defa', ARGV[6])
      end
      redis.call('RPUSH', base .. 'wait', id)
      redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
      redis.call('XADD', events, '*', 'event', 'stalled', 'jobId', id)
      recovered[#recovered + 1] = id
    end
  end
end
if #recovered > 0 and not meta[1] then redis.call('ZADD', base .. 'marker', 0, '0') end
if redis.call('EXISTS', base .. 'stalled') == 1 then return { recovered, 1 } end
local active = redis.call('LLEN', base .. 'active')
for first = 0, active - 1, 5000 do
  redis.call('SADD', base .. 'stalled',
    unpack(redis.call('LRANGE', base .. 'active', first, first + 4999)))
end
return { recovered, 0 }
