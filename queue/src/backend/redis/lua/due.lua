-- Part of turn.lua: moves delayed jobs that are due to wait, at most 1,000.
local bound = (clock + 1) * 4096 - 1
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
earliest = first[2] or false
if first[2] and tonumber(first[2]) <= bound then
  earliest = nil
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', bound, 'LIMIT', 0, 1000)
  redis.call('ZREM', delayed, unpack(due))
  local plain = {}
  for i = 1, #due do
    local id, job = due[i], base .. due[i]
    local row = redis.pcall('HMGET', job, 'priority', 'name', 'timestamp')
    if not row.err and (row[1] or row[2] or row[3]) then
      local priority = tonumber(row[1]) or 0
      if priority > 0 then
        local turn = redis.call('INCR', base .. 'pc') % 4294967296
        redis.call('ZADD', prioritized, priority * 4294967296 + turn, id)
      else
        plain[#plain + 1] = id
      end
      redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
      redis.call('HSET', job, 'delay', '0')
      promoted = promoted + 1
    end
  end
  if #plain > 0 then redis.call('LPUSH', wait, unpack(plain)) end
  any_waiting = true
end
