-- Removing many jobs. A fragment; expects `base`, `marks` and `clock`.

-- Frees a parent of a child that is gone; one in this queue that waited for nothing else is deleted
-- with it, and so on upwards.
local function detach(parent, child)
  if redis.call('SREM', parent .. ':dependencies', child) == 0 then return end
  if redis.call('SCARD', parent .. ':dependencies') > 0 then return end
  local home, id = string.match(parent, '^(.*:)([^:]*)$')
  if not home or redis.call('ZREM', home .. 'waiting-children', id) == 0 then return end
  if home == base then
    local above = redis.call('HGET', parent, 'parentKey')
    if above then detach(above, parent) end
    redis.call('DEL', parent, parent .. ':logs', parent .. ':dependencies',
      parent .. ':processed', parent .. ':failed', parent .. ':unsuccessful')
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
  if row[2] and redis.call('GET', base .. 'de:' .. row[2]) == id then
    redis.call('DEL', base .. 'de:' .. row[2], base .. 'dn:' .. row[2])
  end
  redis.call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed',
    job .. ':failed', job .. ':unsuccessful')
  redis.call('ZREM', marks, id)
end
