-- Removes jobs of one structure, the oldest first; the armed runs of schedulers and held jobs stay.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 now (ms)   4 name of the structure
--       5 how many to leave out at the front   6 most to look at (at most 1,000)
--       7 the youngest to remove (ms since the epoch, '' = any)
-- Effects  the jobs leave the structure and are deleted with all that belongs to them; their
--          deduplication ids are free; parents are detached.
-- Returns  1 the removed ids, those of a list the youngest first   2 how many were looked at and stay
--          3 1 = there may be more
local base, marks, clock, structure = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local skip, most, cutoff = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local key = base .. structure
local listed = structure == 'wait' or structure == 'paused' or structure == 'active'
local ended = structure == 'completed' or structure == 'failed'
--@include erasing
local ids = {}
if listed then
  local tail = redis.call('LRANGE', key, -(skip + most), -(skip + 1))
  for i = #tail, 1, -1 do ids[#ids + 1] = tail[i] end
elseif ended and cutoff then
  ids = redis.call('ZRANGEBYSCORE', key, '-inf', cutoff, 'LIMIT', skip, most)
else
  ids = redis.call('ZRANGE', key, skip, skip + most - 1)
end
local removed, kept, more = {}, 0, #ids == most and 1 or 0
for i = 1, #ids do
  local id = ids[i]
  local row = redis.pcall('HMGET', base .. id, 'rjk', 'timestamp', 'processedOn', 'finishedOn')
  if row.err then row = {} end
  local armed = row[1] and redis.call('ZSCORE', base .. 'repeat', row[1])
  -- The run of a series that is over may have ended.
  local stays = armed and not ended and id == 'repeat:' .. row[1] .. ':' .. string.format('%.0f', tonumber(armed))
  if structure == 'active' then stays = stays or redis.call('EXISTS', base .. id .. ':lock') == 1 end
  if cutoff and not ended then
    local since = tonumber(row[2])
    if structure ~= 'prioritized' then since = tonumber(row[3]) or since end
    if listed then since = tonumber(row[4]) or since end
    stays = stays or (since and since > cutoff)
  end
  if stays then
    kept = kept + 1
  else
    removed[#removed + 1] = id
  end
end
-- A list is read from its head, that is from the youngest.
if listed then
  for i = 1, math.floor(#removed / 2) do
    removed[i], removed[#removed + 1 - i] = removed[#removed + 1 - i], removed[i]
  end
end
for i = 1, #removed do
  if listed then redis.call('LREM', key, -1, removed[i]) else redis.call('ZREM', key, removed[i]) end
  erase_job(removed[i])
end
return { removed, kept, more }
