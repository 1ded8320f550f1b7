-- Adds a tree of jobs as a whole, in several queues of one prefix.
--
-- KEYS  1 meta of the root's queue
-- ARGV  1 now (ms)   2 number of jobs (at most 1,000), parents before their children, then for each
--       12 values: key base, id, name, data, opts (JSON), timestamp (ms), delay (ms), priority,
--       '1' = in front of the line, key of the parent ('' = none), `parent` (JSON), '1' = has children
-- Effects  Everything is checked first. New jobs: counter `id`, hash, place (`waiting-children` with
--          children), markers, `:dependencies` of the parent. A job that exists is left as it is but
--          for its parent, whose `:processed` gets the result if it completed. At last, parents that
--          wait for nobody are released.
-- Events   added, then waiting | delayed | waiting-children; duplicated for an id that exists;
--          waiting{prev=waiting-children} | delayed of released parents.
-- Returns  1 for each job '1' new or '0' it existed   or { -5, place } when the parent of the job
--          there does not exist, { -7, place } when the job there has another living parent: then
--          nothing was changed.
local clock, count, base = tonumber(ARGV[1]), tonumber(ARGV[2]), ''
--@include place
local family
--@include family
local made = {}
for i = 1, count do
  local at = 12 * i - 9
  local job, parent = ARGV[at] .. ARGV[at + 1], ARGV[at + 9]
  if parent ~= '' then
    if not made[parent] and redis.call('EXISTS', parent) == 0 then return { -5, i } end
    local old = redis.call('HGET', job, 'parentKey')
    if old and old ~= parent and redis.call('EXISTS', old) == 1 then return { -7, i } end
  end
  made[job] = true
end

local lengths, reply, parents = {}, {}, {}
for i = 1, count do
  local at = 12 * i - 9
  base = ARGV[at]
  local id, name, data, opts = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local due, priority = tonumber(ARGV[at + 5]) + tonumber(ARGV[at + 6]), ARGV[at + 7]
  local parent, job, events = ARGV[at + 9], base .. id, base .. 'events'
  if not lengths[base] then
    lengths[base] = true
    if redis.call('HSETNX', base .. 'meta', 'opts.maxLenEvents', '10000') == 0 then
      local length = tonumber(redis.call('HGET', base .. 'meta', 'opts.maxLenEvents')) or 10000
      redis.call('XTRIM', events, 'MAXLEN', '~', length)
    end
  end
  redis.call('INCR', base .. 'id')
  if redis.call('EXISTS', job) == 1 then
    reply[i] = 0
    if parent ~= '' then
      if redis.call('ZSCORE', base .. 'completed', id) then
        redis.call('HSET', parent .. ':processed', job,
          redis.call('HGET', job, 'returnvalue') or 'null')
      else
        redis.call('SADD', parent .. ':dependencies', job)
      end
      redis.call('HSET', job, 'parentKey', parent, 'parent', ARGV[at + 10])
    end
    redis.call('XADD', events, '*', 'event', 'duplicated', 'jobId', id)
  else
    reply[i] = 1
    redis.call('HSET', job, 'name', name, 'data', data, 'opts', opts, 'timestamp', ARGV[at + 5],
      'delay', ARGV[at + 6], 'priority', priority)
    if parent ~= '' then
      redis.call('HSET', job, 'parentKey', parent, 'parent', ARGV[at + 10])
    end
    redis.call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', name)
    if ARGV[at + 11] == '1' then
      redis.call('ZADD', base .. 'waiting-children', ARGV[at + 5], id)
      redis.call('XADD', events, '*', 'event', 'waiting-children', 'jobId', id)
    elseif tonumber(ARGV[at + 6]) > 0 then
      delay_until(id, due)
    else
      enqueue(id, tonumber(priority), ARGV[at + 8] == '1')
      redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id)
    end
    if parent ~= '' then redis.call('SADD', parent .. ':dependencies', job) end
  end
  if parent ~= '' and not parents[parent] then
    parents[parent] = true
    parents[#parents + 1] = parent
  end
end
for i = 1, #parents do family.release(parents[i]) end
return reply
