-- Reads jobs with their states.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 key of the cancel marks   3 number of jobs (at most 100), then their ids
-- Returns  for each job false when there is none, else its state, its score in `delayed` (or
--          false), 1 if it was asked to stop, and its hash.
local base = ARGV[1]
--@include state
local reply = {}
for i = 1, tonumber(ARGV[3]) do
  local id = ARGV[3 + i]
  local row = redis.pcall('HGETALL', base .. id)
  local state = not row.err and #row > 0 and state_of(id)
  if state then
    reply[i] = { state, redis.call('ZSCORE', base .. 'delayed', id),
      redis.call('ZSCORE', ARGV[2], id) and 1 or 0, row }
  else
    reply[i] = false
  end
end
return reply
