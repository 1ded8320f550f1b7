-- What a job leaves behind. A fragment; expects `base`.

-- Deletes the hash and the sub-keys of a job and frees the deduplication id that it owns; its place
-- and its parent are the caller's business. Returns how many keys there were.
local function forget(id, deduplication)
  local job = base .. id
  if deduplication and redis.call('GET', base .. 'de:' .. deduplication) == id then
    redis.call('DEL', base .. 'de:' .. deduplication, base .. 'dn:' .. deduplication)
  end
  return redis.call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed',
    job .. ':failed', job .. ':unsuccessful')
end
