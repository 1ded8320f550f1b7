-- Part of settle.lua: counts the ends of this turn, and once a minute notes how many there were in
-- the minutes before. Expects `settled`. What others broke is left alone: a count is not worth a job.
local kept = tonumber(ARGV[9 * count + 13])
for _, ended in ipairs({ 'completed', 'failed' }) do
  local key, some = base .. 'metrics:' .. ended, 0
  for i = 1, #settled, 4 do
    if settled[i] == ended then some = some + 1 end
  end
  local total = some > 0 and redis.pcall('HINCRBY', key, 'count', some)
  if type(total) == 'number' then
    local before = total - some
    local noted = redis.call('HMGET', key, 'prevTS', 'prevCount')
    local since = tonumber(noted[1])
    local minutes = since and math.min(math.floor(clock / 60000) - math.floor(since / 60000), kept)
    if not since then
      redis.call('HSET', key, 'prevTS', now, 'prevCount', 0)
    elseif minutes > 0 then
      local points = { before - (tonumber(noted[2]) or 0) }
      repeat
        -- A call takes only so many arguments.
        while #points < 1000 and minutes > 1 do
          points[#points + 1] = 0
          minutes = minutes - 1
        end
        redis.pcall('LPUSH', key .. ':data', unpack(points))
        points = {}
      until minutes <= 1
      redis.pcall('LTRIM', key .. ':data', 0, kept - 1)
      redis.call('HSET', key, 'prevTS', now, 'prevCount', before)
    end
  end
end
