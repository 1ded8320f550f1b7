-- Asks for runs, safely however often.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 number of jobs (at most 100), then
--       for each job 9 values: id, name, data, opts (JSON), timestamp (ms), delay (ms), generation,
--       priority (0 = none), '1' = in front of the line
-- Effects  No such job, or its hash stands in no structure: as add.lua. Ended with a lower
--          `data.generation`: the hash gets the new content and loses every trace of the old run,
--          the job waits (or is delayed) again. Else nothing.
-- Events   added (new jobs only), then waiting[{prev=completed|failed}] | delayed.
-- Returns  for each job 2 values: 'added' and a position, 'again' and a position, or
--          'unchanged' and the state.
local base, marks, now = ARGV[1], ARGV[2], ARGV[3]
local clock, events = tonumber(now), base .. 'events'
local length = tonumber(redis.call('HGET', KEYS[1], 'opts.maxLenEvents'))
--@include state
--@include place
local family

local reply = {}
for i = 1, tonumber(ARGV[4]) do
  local at = 9 * i - 5
  local id, name, data, opts = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local job, delay = base .. id, tonumber(ARGV[at + 6])
  local exists = redis.call('EXISTS', job) == 1
  local state = exists and state_of(id)
  local word, version = 'unchanged', state
  if not state then
    word = 'added'
    redis.call('INCR', base .. 'id')
  elseif state == 'completed' or state == 'failed' then
    local old = redis.call('HMGET', job, 'data', 'parentKey')
    local readable, content = pcall(cjson.decode, old[1] or '')
    local generation = readable and type(content) == 'table' and tonumber(content.generation) or 0
    if generation < tonumber(ARGV[at + 7]) then
      word = 'again'
      redis.call('ZREM', base .. state, id)
      redis.call('HDEL', job, 'finishedOn', 'processedOn', 'returnvalue', 'failedReason', 'atm',
        'ats', 'stc', 'progress', 'stacktrace', 'defa', 'pb', 'deid')
      if old[2] then
        if not family then
          --@include family
        end
        family.back(old[2], job)
      end
    end
  end
  if word ~= 'unchanged' then
    if not length then
      length = 10000
      redis.call('HSET', KEYS[1], 'opts.maxLenEvents', '10000')
    end
    redis.call('XTRIM', events, 'MAXLEN', '~', length)
    redis.call('ZREM', marks, id)
    redis.call('HSET', job, 'name', name, 'data', data, 'opts', opts, 'timestamp', ARGV[at + 5],
      'delay', ARGV[at + 6], 'priority', ARGV[at + 8])
    if word == 'added' then
      redis.call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', name)
    end
    if delay > 0 then
      version = delay_until(id, tonumber(ARGV[at + 5]) + delay)
    else
      enqueue(id, tonumber(ARGV[at + 8]), ARGV[at + 9] == '1')
      if word == 'again' then
        version = redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id, 'prev', state)
      else
        version = redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id)
      end
    end
  end
  reply[#reply + 1] = word
  reply[#reply + 1] = version
end
return reply
