-- Appends a row to the log of a job.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 id   3 row   4 newest rows to keep ('' = as the job's option `kl` says)
-- Returns  the number of rows, or -1 when there is no such job.
local job = ARGV[1] .. ARGV[2]
local opts = redis.call('HGET', job, 'opts')
if not opts and redis.call('EXISTS', job) == 0 then return -1 end
local keep = tonumber(ARGV[4])
if not keep and opts and string.find(opts, '"kl"', 1, true) then
  local readable, decoded = pcall(cjson.decode, opts)
  keep = readable and type(decoded) == 'table' and tonumber(decoded.kl)
end
local length = redis.call('RPUSH', job .. ':logs', ARGV[3])
if keep and keep > 0 and length > keep then
  redis.call('LTRIM', job .. ':logs', -keep, -1)
  return keep
end
return length
