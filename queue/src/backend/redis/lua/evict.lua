-- Part of settle.lua: removes finished jobs over the count or the age that is kept, at most 1,000 of
-- each kind, of those that are too old the newest; the newest goes first. Expects `keep_count`,
-- `keep_age` and `keep_most` (the most removed for their age) by set name.
for _, set in ipairs({ 'completed', 'failed' }) do
  local key, old = base .. set, {}
  if keep_age[set] then
    old = redis.call('ZREVRANGEBYSCORE', key, clock - keep_age[set] * 1000, '-inf', 'LIMIT', 0,
      math.min(keep_most[set] or 1000, 1000))
    if #old > 0 then redis.call('ZREM', key, unpack(old)) end
  end
  if keep_count[set] then
    local size = redis.call('ZCARD', key)
    -- As a packed list, a set walks its members at every change. A long member makes it a skip list,
    -- which it stays until Redis loads it from its disk: hence now and then.
    if size > 64 and clock % 16 == 0 then
      local long = string.rep('-', 65)
      redis.call('ZADD', key, 0, long)
      redis.call('ZREM', key, long)
    end
    local excess = math.min(size - keep_count[set], 1000)
    if excess > 0 then
      local more = redis.call('ZPOPMIN', key, excess)
      for i = #more - 1, 1, -2 do old[#old + 1] = more[i] end
    end
  end
  local removed, size = {}, 0
  for i = 1, #old do
    local job = base .. old[i]
    removed[size + 1], removed[size + 2] = job, job .. ':logs'
    removed[size + 3], removed[size + 4] = job .. ':dependencies', job .. ':processed'
    removed[size + 5], removed[size + 6] = job .. ':failed', job .. ':unsuccessful'
    size = size + 6
    -- Only a failed child can still be awaited by a parent.
    local parent = set == 'failed' and redis.call('HGET', job, 'parentKey')
    if parent then
      if not family then
        --@include family
      end
      family.removed(parent, job)
    end
    -- A call takes only so many arguments.
    if size >= 6000 or (i == #old and size > 0) then
      redis.call('DEL', unpack(removed, 1, size))
      removed, size = {}, 0
    end
  end
end
