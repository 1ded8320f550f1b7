-- Removing many jobs. A fragment; expects `base`, `marks` and `clock`.
--@include forget

--@include reach

-- Frees a parent of a child that is gone; one in this queue that waited for nothing else is deleted
-- with it, and so on upwards.
local function detach(parent, child)
  if is_out_of_reach(parent) then return end
  if redis.call('SREM', parent .. ':dependencies', child) == 0 then return end
  if redis.call('SCARD', parent .. ':dependencies') > 0 then return end
  local home, id = string.match(parent, '^(.*:)([^:]*)$')
  if not home or redis.call('ZREM', home .. 'waiting-children', id) == 0 then return end
  if home == base then
    local above = redis.call('HGET', parent, 'parentKey')
    if above then detach(above, parent) end
    forget(id)
  else
    redis.call('RPUSH', home .. 'wait', id)
    if redis.call('HEXISTS', home .. 'meta', 'paused') == 0 then
      redis.call('ZADD', home .. 'marker', 0, '0')
    end
  end
end

-- Deletes all that belongs to a job, but for its place, which is the caller's business.
local function erase_job(id)
  local job = base .. id
  local row = redis.pcall('HMGET', job, 'parentKey', 'deid')
  if row.err then row = {} end
  if row[1] then detach(row[1], job) end
  forget(id, row[2])
  redis.call('ZREM', marks, id)
end
