-- Frees a deduplication id.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 deduplication id   3 the job that must own it ('' = whoever does)
-- Returns  1 if it was freed, else 0.
local key = ARGV[1] .. 'de:' .. ARGV[2]
if ARGV[3] ~= '' and redis.call('GET', key) ~= ARGV[3] then return 0 end
return redis.call('DEL', key)
