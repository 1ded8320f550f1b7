-- Part of settle.lua: removes finished jobs over the count or the age that is kept, at most 1,000 of
-- each kind, of those that are too old the newest. Expects `keep_count`, `keep_age` and `keep_most`
-- (the most removed for their age) by set name.
for _, set in ipairs({ 'completed', 'failed' }) do
  local key, old, any_old = base .. set, {}, keep_age[set]
  local bound = any_old and clock - any_old * 1000
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
      local oldest = redis.call('ZPOPMIN', key, excess)
      for i = 1, #oldest, 2 do old[#old + 1] = oldest[i] end
      -- What is left is younger still.
      any_old = any_old and tonumber(oldest[#oldest]) <= bound
    end
  end
  if any_old then
    local aged = redis.call('ZREVRANGEBYSCORE', key, bound, '-inf', 'LIMIT', 0,
      math.min(keep_most[set] or 1000, 1000))
    if #aged > 0 then redis.call('ZREM', key, unpack(aged)) end
    for i = 1, #aged do old[#old + 1] = aged[i] end
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
