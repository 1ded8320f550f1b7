-- Renews the locks that a process holds.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 lock duration (ms)   4 number of locks (at most
--       1,000), then for each 2 values: id, token
-- Effects  locks with the given token hold for the duration from now, and their jobs leave
--          `stalled`. PEXPIRE, not SET: a server that is out of memory still renews.
-- Returns  1 the ids whose lock is not the caller's   2 the held ids that were asked to stop
local base, count = ARGV[1], tonumber(ARGV[4])
local locks = {}
for i = 1, count do locks[i] = base .. ARGV[2 * i + 3] .. ':lock' end
local holders = redis.call('MGET', unpack(locks))
local lost, held = {}, {}
for i = 1, count do
  if holders[i] == ARGV[2 * i + 4] then
    redis.call('PEXPIRE', locks[i], ARGV[3])
    held[#held + 1] = ARGV[2 * i + 3]
  else
    lost[#lost + 1] = ARGV[2 * i + 3]
  end
end
local cancelled = {}
if #held > 0 then
  redis.call('SREM', base .. 'stalled', unpack(held))
  if redis.call('EXISTS', ARGV[2]) == 1 then
    local marked = redis.call('ZMSCORE', ARGV[2], unpack(held))
    for i = 1, #held do
      if marked[i] then cancelled[#cancelled + 1] = held[i] end
    end
  end
end
return { lost, cancelled }
