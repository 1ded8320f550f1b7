-- Parents and deduplication: what the end of one job changes for others.
-- A fragment, placed by the loader into the branch that needs it, so that other calls do not pay for
-- its functions. Expects `clock` (now as a number) and `base` (the key base of the queue of the
-- ending job); sets `family`.

--@include reach

-- Gives a waiting parent back to its queue; nothing when it does not wait.
-- Events (parent's stream): delayed | waiting{prev=waiting-children}.
local function release_parent(parent)
  local home, id = string.match(parent, '^(.*:)([^:]*)$')
  if not home or redis.call('EXISTS', parent) == 0 then return end
  if redis.call('ZREM', home .. 'waiting-children', id) == 0 then return end
  local row = redis.call('HMGET', parent, 'priority', 'delay')
  local priority, delay = tonumber(row[1]) or 0, tonumber(row[2]) or 0
  if delay > 0 then
    redis.call('ZADD', home .. 'delayed', (clock + delay) * 4096, id)
    redis.call('XADD', home .. 'events', '*', 'event', 'delayed', 'jobId', id,
      'delay', string.format('%.0f', clock + delay))
    local first = redis.call('ZRANGE', home .. 'delayed', 0, 0, 'WITHSCORES')
    redis.call('ZADD', home .. 'marker', tonumber(first[2]) / 4096, '1')
    return
  end
  if priority > 0 then
    local turn = redis.call('INCR', home .. 'pc') % 4294967296
    redis.call('ZADD', home .. 'prioritized', priority * 4294967296 + turn, id)
  else
    redis.call('RPUSH', home .. 'wait', id)
  end
  if redis.call('HEXISTS', home .. 'meta', 'paused') == 0 then
    redis.call('ZADD', home .. 'marker', 0, '0')
  end
  redis.call('XADD', home .. 'events', '*', 'event', 'waiting', 'jobId', id,
    'prev', 'waiting-children')
end

local function release_parent_if_done(parent)
  if redis.call('SCARD', parent .. ':dependencies') == 0 then release_parent(parent) end
end

-- A child completed: its value moves to the parent, and the last one releases the parent.
local function child_completed(parent, child, value)
  if is_out_of_reach(parent) then return end
  if redis.call('SREM', parent .. ':dependencies', child) == 1 then
    redis.call('HSET', parent .. ':processed', child, value)
    release_parent_if_done(parent)
  end
end

-- A child failed for good: its own policy, written in its `parent` field, decides.
local function child_failed(parent, child, link, reason)
  if is_out_of_reach(parent) then return end
  local readable, policy = pcall(cjson.decode, link)
  if not readable or type(policy) ~= 'table' then return end
  if not (policy.fpof or policy.cpof or policy.idof or policy.rdof) then return end
  if redis.call('SREM', parent .. ':dependencies', child) == 0 then return end
  if policy.fpof then
    redis.call('ZADD', parent .. ':unsuccessful', clock, child)
    local home, id = string.match(parent, '^(.*:)([^:]*)$')
    if not home or redis.call('EXISTS', parent) == 0 then return end
    local deferred = 'child ' .. child .. ' failed'
    if redis.call('ZSCORE', home .. 'waiting-children', id) then
      redis.call('HSET', parent, 'defa', deferred)
      release_parent(parent)
    elseif redis.call('ZREM', home .. 'delayed', id) == 1 then
      redis.call('HSET', parent, 'defa', deferred, 'delay', '0')
      redis.call('ZADD', home .. 'waiting-children', clock, id)
      release_parent(parent)
    elseif not redis.call('ZSCORE', home .. 'failed', id) then
      redis.call('HSET', parent, 'defa', deferred)
    end
  elseif policy.cpof then
    redis.call('HSET', parent .. ':failed', child, reason)
    release_parent(parent)
  elseif policy.idof then
    redis.call('HSET', parent .. ':failed', child, reason)
    release_parent_if_done(parent)
  else
    release_parent_if_done(parent)
  end
end

-- A child is deleted: a parent that waited only for it is released, in front and at once.
local function child_removed(parent, child)
  if is_out_of_reach(parent) then return end
  if redis.call('SREM', parent .. ':dependencies', child) == 0 then return end
  if redis.call('SCARD', parent .. ':dependencies') > 0 then return end
  local home, id = string.match(parent, '^(.*:)([^:]*)$')
  if not home or redis.call('ZREM', home .. 'waiting-children', id) == 0 then return end
  redis.call('RPUSH', home .. 'wait', id)
  if redis.call('HEXISTS', home .. 'meta', 'paused') == 0 then
    redis.call('ZADD', home .. 'marker', 0, '0')
  end
  redis.call('XADD', home .. 'events', '*', 'event', 'waiting', 'jobId', id,
    'prev', 'waiting-children')
end

-- A finished job frees its deduplication id, unless a time window outlives it.
local function free_deduplication(deduplication, id)
  local key = base .. 'de:' .. deduplication
  local left = redis.call('PTTL', key)
  if left == 0 or (left == -1 and redis.call('GET', key) == id) then redis.call('DEL', key) end
end

-- The add that was kept back while the owner ran takes the owner's place.
-- Events: added, then waiting | delayed; duplicated when its id was taken meanwhile.
local function requeue_deduplicated(deduplication)
  local kept = base .. 'dn:' .. deduplication
  if redis.call('EXISTS', kept) == 0 then return end
  local row = redis.call('HMGET', kept, 'name', 'data', 'opts', 'jid', 'pk', 'pd', 'pdk', 'rjk')
  local readable, opts = pcall(cjson.decode, row[3] or '')
  redis.call('DEL', kept)
  if not readable or type(opts) ~= 'table' then return end
  local count = redis.call('INCR', base .. 'id')
  local id = row[4] or string.format('%.0f', count)
  -- Somebody took the id meanwhile: that job is not to be overwritten.
  if redis.call('EXISTS', base .. id) == 1 then
    redis.call('XADD', base .. 'events', '*', 'event', 'duplicated', 'jobId', id)
    return
  end
  local rule = type(opts.de) == 'table' and opts.de or {}
  local window = tonumber(rule.ttl) or 0
  if window > 0 and not rule.keepLastIfActive then
    redis.call('SET', base .. 'de:' .. deduplication, id, 'PX', math.floor(window))
  else
    redis.call('SET', base .. 'de:' .. deduplication, id)
  end
  local delay, priority = tonumber(opts.delay) or 0, tonumber(opts.priority) or 0
  local job = base .. id
  redis.call('HSET', job, 'name', row[1] or '', 'data', row[2] or '{}', 'opts', row[3],
    'timestamp', string.format('%.0f', clock), 'delay', string.format('%.0f', delay),
    'priority', string.format('%.0f', priority), 'deid', deduplication)
  if row[5] then redis.call('HSET', job, 'parentKey', row[5]) end
  if row[6] then redis.call('HSET', job, 'parent', row[6]) end
  if row[8] then redis.call('HSET', job, 'rjk', row[8]) end
  redis.call('XADD', base .. 'events', '*', 'event', 'added', 'jobId', id, 'name', row[1] or '')
  if delay > 0 then
    local due = clock + delay
    local floor, top = due * 4096, due * 4096 + 4095
    local last = redis.call('ZREVRANGEBYSCORE', base .. 'delayed', top, floor,
      'WITHSCORES', 'LIMIT', 0, 1)
    local score = last[2] and math.min(tonumber(last[2]) + 1, top) or floor
    redis.call('ZADD', base .. 'delayed', score, id)
    redis.call('XADD', base .. 'events', '*', 'event', 'delayed', 'jobId', id,
      'delay', string.format('%.0f', due))
    local first = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
    redis.call('ZADD', base .. 'marker', tonumber(first[2]) / 4096, '1')
  else
    if priority > 0 then
      local turn = redis.call('INCR', base .. 'pc') % 4294967296
      redis.call('ZADD', base .. 'prioritized', priority * 4294967296 + turn, id)
    else
      redis.call(opts.lifo and 'RPUSH' or 'LPUSH', base .. 'wait', id)
    end
    redis.call('XADD', base .. 'events', '*', 'event', 'waiting', 'jobId', id)
    if redis.call('HEXISTS', base .. 'meta', 'paused') == 0 then
      redis.call('ZADD', base .. 'marker', 0, '0')
    end
  end
  if row[7] and not is_out_of_reach(row[7]) then redis.call('SADD', row[7], job) end
end

-- A finished child runs again: its parent awaits it again.
local function child_back(parent, child)
  if is_out_of_reach(parent) then return end
  if redis.call('EXISTS', parent) == 0 then return end
  local gone = redis.call('ZREM', parent .. ':unsuccessful', child)
    + redis.call('HDEL', parent .. ':failed', child)
    + redis.call('HDEL', parent .. ':processed', child)
  if gone > 0 then redis.call('SADD', parent .. ':dependencies', child) end
end

family = {
  completed = child_completed, failed = child_failed, removed = child_removed, back = child_back,
  release = release_parent_if_done, free = free_deduplication, requeue = requeue_deduplicated,
}
