-- Arms the runs that follow runs which were just claimed. A retry of a run arms nothing.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 number of runs (at most 100), then for each 9 values: id of the
--       claimed run, scheduler id, the plan (see iteration.lua)
-- Effects  for each claimed run that is the armed one of its scheduler: `repeat`, `ic` and counter
--          `id` go on, and the next run is created with the name and data of the scheduler.
-- Events   added, then waiting | delayed; duplicated when a job stands in the slot.
-- Returns  the number of runs that were armed.
local base, clock = ARGV[1], tonumber(ARGV[2])
--@include slot
--@include place
--@include iteration
local made = 0
for i = 1, tonumber(ARGV[3]) do
  local at = 9 * i - 5
  local scheduler, plan = ARGV[at + 1], plan_at(at + 2)
  local definition = base .. 'repeat:' .. scheduler
  local armed = tonumber(redis.call('ZSCORE', base .. 'repeat', scheduler))
  if armed and ARGV[at] == 'repeat:' .. scheduler .. ':' .. string.format('%.0f', armed)
    and redis.call('EXISTS', definition) == 1 then
    local kept = redis.call('HMGET', definition, 'name', 'data', 'every', 'offset', 'startDate')
    local every = tonumber(kept[3]) or plan.every
    local slot = plan.slot
    if every and every > 0 then
      slot = slot_after(armed, every, tonumber(kept[4]) or 0, tonumber(kept[5]))
    end
    local id = slot and 'repeat:' .. scheduler .. ':' .. string.format('%.0f', slot)
    if id and redis.call('EXISTS', base .. id) == 1 then
      redis.call('XADD', base .. 'events', '*', 'event', 'duplicated', 'jobId', id)
    elseif id then
      redis.call('ZADD', base .. 'repeat', slot, scheduler)
      redis.call('HINCRBY', definition, 'ic', 1)
      create_run(scheduler, slot, kept[1] or scheduler, kept[2] or '{}', plan)
      made = made + 1
    end
  end
end
return made
