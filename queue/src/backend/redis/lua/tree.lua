-- Removes a job with all jobs below it, or only those below it that it still awaits.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 id   4 'all' | 'awaited'
-- Effects  Each removed job leaves its state structure; its hash and sub-keys are deleted; its
--          deduplication id is freed; a parent outside the tree that waited only for it is released.
--          'awaited' leaves the job itself, and of its children those that a worker holds and
--          those that failed, with what is below them.
-- Events   on the stream of each job: removed{prev}; waiting{prev=waiting-children} of released
--          parents before it.
-- Returns  1 done   0 no such job   -8 it is the armed run of a scheduler   or the key of a job of
--          the tree that a worker holds: nothing was done then
local base, clock, mode = ARGV[1], tonumber(ARGV[2]), ARGV[4]
local root, armed_of = base .. ARGV[3], nil
local family
--@include family
--@include state
--@include forget
if redis.call('EXISTS', root) == 0 then return 0 end

-- Returns the names of a job: the key base of its queue, and its id, which has no colon below a root.
local function names_of(job)
  if job == root then return ARGV[1], ARGV[3] end
  return string.match(job, '^(.*:)([^:]*)$')
end

local looked_at, gone = {}, {}

-- Returns the key of a job that a worker holds, of this one and those that it awaits.
local function held_in(job)
  if looked_at[job] then return false end
  looked_at[job] = true
  if redis.call('EXISTS', job .. ':lock') == 1 then return job end
  for _, child in ipairs(redis.call('SMEMBERS', job .. ':dependencies')) do
    local held = held_in(child)
    if held then return held end
  end
  return false
end

-- Returns the keys of the children that go with a job.
local function children_of(job)
  local children = redis.call('SMEMBERS', job .. ':dependencies')
  if mode == 'all' then
    for _, ended in ipairs({ redis.call('HKEYS', job .. ':processed'),
      redis.call('HKEYS', job .. ':failed'), redis.call('ZRANGE', job .. ':unsuccessful', 0, -1) }) do
      for _, child in ipairs(ended) do children[#children + 1] = child end
    end
  end
  table.sort(children)
  return children
end

local fell

local function fell_below(job)
  for _, child in ipairs(children_of(job)) do
    local home, id = names_of(child)
    local stays = not home or mode == 'awaited'
      and (redis.call('EXISTS', child .. ':lock') == 1 or redis.call('ZSCORE', home .. 'failed', id))
    if not stays then fell(child) end
  end
end

fell = function(job)
  if gone[job] then return end
  gone[job] = true
  local home, id = names_of(job)
  local row = redis.pcall('HMGET', job, 'parentKey', 'deid')
  if row.err then return end
  if row[1] then family.removed(row[1], job) end
  fell_below(job)
  -- The fragments speak of the queue whose base this is.
  base = home
  local state = state_of(id) or 'unknown'
  local exists = redis.call('EXISTS', job) == 1
  if state == 'wait' and not exists then state = 'unknown' end
  if state == 'wait' or state == 'active' or state == 'paused' then
    redis.call('LREM', base .. state, 0, id)
  elseif state ~= 'unknown' then
    redis.call('ZREM', base .. state, id)
  end
  if forget(id, row[2]) > 0 then
    redis.call('XADD', base .. 'events', '*', 'event', 'removed', 'jobId', id, 'prev', state)
  end
  local prefix, queue = string.match(base, '^(.*):([^:]*):$')
  redis.call('ZREM', prefix .. '.oxherd:' .. queue .. ':cancel', id)
end

if mode == 'awaited' then
  fell_below(root)
  return 1
end
local held = held_in(root)
if held then return held end
local scheduler = redis.call('HGET', root, 'rjk')
if scheduler then armed_of = redis.call('ZSCORE', base .. 'repeat', scheduler) end
if armed_of and ARGV[3] == 'repeat:' .. scheduler .. ':' .. string.format('%.0f', tonumber(armed_of)) then
  return -8
end
fell(root)
return 1
