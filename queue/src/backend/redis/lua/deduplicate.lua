-- Part of add.lua: whether an add with a deduplication id becomes a job. Expects the arguments of
-- the job after `at`, `id` and `rule` (the deduplication id); sets `owner` to the job that stands
-- for the add, or to false when a job is to be made.
-- Events   deduplicated, or removed{prev=delayed} and deduplicated (ids reversed) when the add takes
--          the place of a delayed owner; delayed when it gives the owner its delay.
local lock, kept = base .. 'de:' .. rule, base .. 'dn:' .. rule
local window, ways = tonumber(ARGV[at + 10]), ARGV[at + 11]
local extends = window > 0 and string.find(ways, 'e', 1, true)
local replaces = string.find(ways, 'r', 1, true)
local keeps_last = string.find(ways, 'k', 1, true)
-- What SET needs beside the key and the owner.
local term = {}
if window > 0 and not keeps_last then term = { 'PX', ARGV[at + 10] } end
owner = redis.call('GET', lock)
if owner and redis.call('PTTL', lock) == -1 and redis.call('EXISTS', base .. owner) == 0 then
  redis.call('DEL', lock, kept)
  owner = false
end
if not owner then
  redis.call('SET', lock, id, unpack(term))
elseif replaces and redis.call('ZREM', delayed, owner) == 1 then
  local old = base .. owner
  redis.call('DEL', old, old .. ':logs', old .. ':dependencies', old .. ':processed',
    old .. ':failed', old .. ':unsuccessful', kept)
  redis.call('XADD', events, '*', 'event', 'removed', 'jobId', owner, 'prev', 'delayed')
  redis.call('XADD', events, '*', 'event', 'deduplicated', 'jobId', id, 'deduplicationId', rule,
    'deduplicatedJobId', owner)
  if window > 0 and not extends and not keeps_last then term = { 'KEEPTTL' } end
  redis.call('SET', lock, id, unpack(term))
  owner = false
elseif keeps_last and redis.call('LPOS', base .. 'active', owner) then
  redis.call('DEL', kept)
  redis.call('HSET', kept, 'name', name, 'data', ARGV[at + 3], 'opts', ARGV[at + 4], 'jid', id)
  redis.call('PERSIST', lock)
  redis.call('XADD', events, '*', 'event', 'deduplicated', 'jobId', owner, 'deduplicationId', rule,
    'deduplicatedJobId', id)
elseif not replaces then
  if extends then redis.call('SET', lock, owner, unpack(term)) end
  redis.call('XADD', events, '*', 'event', 'deduplicated', 'jobId', owner, 'deduplicationId', rule,
    'deduplicatedJobId', id)
  if string.find(ways, 's', 1, true) and redis.call('ZREM', delayed, owner) == 1 then
    redis.call('HSET', base .. owner, 'delay', ARGV[at + 6])
    local due = tonumber(ARGV[at + 5]) + delay
    local floor, top = due * 4096, due * 4096 + 4095
    local peer = redis.call('ZREVRANGEBYSCORE', delayed, top, floor, 'WITHSCORES', 'LIMIT', 0, 1)
    redis.call('ZADD', delayed, peer[2] and math.min(tonumber(peer[2]) + 1, top) or floor, owner)
    redis.call('XADD', events, '*', 'event', 'delayed', 'jobId', owner,
      'delay', string.format('%.0f', due))
    any_delayed = true
  end
end
