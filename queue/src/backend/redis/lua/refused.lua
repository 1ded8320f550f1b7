-- Part of settle.lua: an end that the job's children do not allow is a failed attempt, with a trace of
-- its own and the pause of the job's backoff, without its dice. Expects `job`, `text`, `asked` (the
-- verdict that was given), `verdict` and `attempts`; sets `stack`, `pause`, and for a job that was to
-- complete `keep` and `kept_age`, by its own option.
local row = redis.call('HMGET', job, 'stacktrace', 'opts')
local readable, traces = pcall(cjson.decode, row[1] or '')
if not readable or type(traces) ~= 'table' then traces = {} end
traces[#traces + 1] = text
local opts
readable, opts = pcall(cjson.decode, row[2] or '')
if not readable or type(opts) ~= 'table' then opts = {} end
local most = tonumber(opts.stackTraceLimit)
while most and #traces > most do table.remove(traces, 1) end
stack = #traces > 0 and cjson.encode(traces) or '[]'
if asked == 'complete' then
  keep, kept_age = '', ''
  local rule = opts.removeOnFail
  if type(rule) == 'number' then rule = { count = rule } end
  if rule == true then
    keep = '0'
  elseif type(rule) == 'table' then
    if tonumber(rule.count) then keep = string.format('%.0f', rule.count) end
    if tonumber(rule.age) then kept_age = string.format('%.0f', rule.age) end
    if kept_age ~= '' and tonumber(rule.limit) then
      kept_age = kept_age .. string.format(' %.0f', rule.limit)
    end
  end
end
if verdict == 'retry' then
  local backoff = opts.backoff
  if type(backoff) ~= 'table' then backoff = { delay = backoff } end
  pause = tonumber(backoff.delay) or 0
  if backoff.type == 'exponential' then pause = pause * 2 ^ math.min(attempts, 62) end
  pause = math.min(pause, 86400000)
  if pause == 0 and not promotes_first then
    promotes_first = true
    --@include due
    earliest = nil
  end
end
