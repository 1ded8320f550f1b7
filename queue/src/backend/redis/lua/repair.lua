-- Replaces fields of a claimed job that no client can decode by ones that every client can, so that
-- the job can end as failed and be shown.
--
-- KEYS  1 job
-- ARGV  field, value, ...; an empty value deletes the field
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return 1
