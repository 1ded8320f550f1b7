-- Stores the status records that are newer than the stored ones.
--
-- KEYS  the records
-- ARGV  for each record 7 values: generation, version (ms), version (sequence), state, '1' = final,
--       when it is to be forgotten (ms since the epoch), record (JSON)
-- Effects  a record takes the place of a lower generation, or of a lower version of the same
--          generation unless that one is final and of another state.
-- Returns  for each record false when it was stored, else the stored one.
local reply = {}
for i = 1, #KEYS do
  local at = 7 * i - 7
  local generation, ms, seq = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local old = redis.call('HMGET', KEYS[i], 'generation', 'ms', 'seq', 'state', 'final', 'record')
  local newer = true
  if old[6] then
    local had, had_ms, had_seq = tonumber(old[1]), tonumber(old[2]), tonumber(old[3])
    if generation ~= had then
      newer = generation > had
    else
      newer = (ms > had_ms or (ms == had_ms and seq > had_seq))
        and not (old[5] == '1' and old[4] ~= ARGV[at + 4])
    end
  end
  if newer then
    redis.call('HSET', KEYS[i], 'generation', ARGV[at + 1], 'ms', ARGV[at + 2],
      'seq', ARGV[at + 3], 'state', ARGV[at + 4], 'final', ARGV[at + 5], 'record', ARGV[at + 7])
    redis.call('PEXPIREAT', KEYS[i], ARGV[at + 6])
    reply[i] = false
  else
    reply[i] = old[6]
  end
end
return reply
