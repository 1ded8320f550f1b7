-- Where a job that may run soon is put. A fragment; expects `base` and `clock`.

-- Puts a job at the back of its line and wakes a worker, unless the queue is paused.
local function enqueue(id, priority, front)
  if priority > 0 then
    local turn = redis.call('INCR', base .. 'pc') % 4294967296
    redis.call('ZADD', base .. 'prioritized', priority * 4294967296 + turn, id)
  else
    redis.call(front and 'RPUSH' or 'LPUSH', base .. 'wait', id)
  end
  if redis.call('HEXISTS', base .. 'meta', 'paused') == 0 then
    redis.call('ZADD', base .. 'marker', 0, '0')
  end
end

-- Puts a job into `delayed`, tells it, and returns the position of the event.
local function delay_until(id, due)
  local floor, top = due * 4096, due * 4096 + 4095
  local peer = redis.call('ZREVRANGEBYSCORE', base .. 'delayed', top, floor, 'WITHSCORES',
    'LIMIT', 0, 1)
  redis.call('ZADD', base .. 'delayed',
    peer[2] and math.min(tonumber(peer[2]) + 1, top) or floor, id)
  local version = redis.call('XADD', base .. 'events', '*', 'event', 'delayed', 'jobId', id,
    'delay', string.format('%.0f', due))
  local first = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
  redis.call('ZADD', base .. 'marker', tonumber(first[2]) / 4096, '1')
  return version
end
