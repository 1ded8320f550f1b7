-- Part of turn.lua: takes the next jobs, oldest first.
if most > 0 then
  local room = most
  -- The number of the queue goes before that of the worker, the worker's window before the queue's.
  local own = 9 * count + 11
  local cap = tonumber(meta[3]) or tonumber(ARGV[own])
  local window = tonumber(ARGV[own + 1]) or tonumber(meta[4])
  local starts = false
  if told_off and not (cap and window) then
    limited = math.max(0, redis.call('PTTL', base .. 'limiter'))
  elseif cap and window then
    local counter = redis.call('GET', base .. 'limiter')
    local left = redis.call('PTTL', base .. 'limiter')
    starts = tonumber(counter) or 0
    if left == 0 or (counter and not tonumber(counter)) then
      redis.call('DEL', base .. 'limiter')
    end
    if left <= 0 then starts = 0 end
    if starts >= cap then limited = left end
    room = math.min(room, cap - starts)
  end
  local parallel = tonumber(meta[2])
  if parallel then room = math.min(room, parallel - redis.call('LLEN', active)) end
  -- Nobody tells when others end their jobs or the limit is raised: look again as BullMQ does.
  if room <= 0 and limited == 0 then limited = 5000 end
  held_back = meta[1] or limited > 0 or room <= 0

  local taken, counted, bytes, budget = {}, 0, 0, tonumber(ARGV[8])
  if any_marks == nil and not held_back then any_marks = redis.call('EXISTS', marks) == 1 end
  local dry, in_place = false, false
  while not held_back and not dry and #taken < room and bytes < budget do
    -- A lone job is moved by one command instead of three.
    local moved = room == 1 and redis.call('RPOPLPUSH', wait, active)
    local ids = moved and { moved } or room > 1
      and redis.call('LRANGE', wait, -math.min(room - #taken, 1000), -1) or {}
    local from_list = #ids > 0
    if not from_list then
      local lowest = redis.call('ZPOPMIN', prioritized, room - #taken)
      for i = #lowest - 1, 1, -2 do ids[#ids + 1] = lowest[i] end
      if #ids == 0 then
        redis.call('DEL', base .. 'pc')
        dry = true
      end
    end
    local used = 0
    for i = #ids, 1, -1 do
      -- What came from the set is out of it already, so it is taken whatever its size.
      if from_list and bytes >= budget then break end
      used = used + 1
      local id, job = ids[i], base .. ids[i]
      local row = redis.pcall('HMGET', job, 'name', 'data', 'opts', 'timestamp', 'delay',
        'priority', 'ats', 'defa', 'progress', 'parent', 'stacktrace')
      local real = not row.err and string.sub(id, 1, 2) ~= '0:'
        and (row[1] or row[2] or row[3] or row[4])
      if real then
        local more, starts_made = false, (tonumber(row[7]) or 0) + 1
        -- A retry may have reset the counters of a job that has failed before.
        if row[7] or row[11] then
          more = redis.call('HMGET', job, 'atm', 'stc', 'failedReason', 'attemptsMade')
          if more[4] then redis.call('HDEL', job, 'attemptsMade') end
        end
        if ARGV[7] == '' then
          redis.call('HSET', job, 'processedOn', now, 'ats', starts_made)
        else
          redis.call('HSET', job, 'processedOn', now, 'ats', starts_made, 'pb', ARGV[7])
        end
        redis.call('SET', job .. ':lock', ARGV[5], 'PX', ARGV[6])
        if not row[8] then counted = counted + 1 end
        if any_marks and redis.call('ZSCORE', marks, id) then row[8] = ARGV[9] end
        local size = #(row[2] or '')
        bytes = bytes + size
        if size > 1048576 then row[2] = false; row[12] = size end
        taken[#taken + 1] = id
        in_place = moved
        local at = #jobs
        jobs[at + 1], jobs[at + 2] = id, redis.call('XADD', events, '*', 'event', 'active',
          'jobId', id, 'prev', 'waiting')
        jobs[at + 3], jobs[at + 4] = row, more
      elseif moved then
        redis.call('LREM', active, 1, id)
      end
    end
    if from_list and not moved then redis.call('LTRIM', wait, 0, -(used + 1)) end
  end
  if #taken > 0 then
    if not in_place then redis.call('LPUSH', active, unpack(taken)) end
    any_waiting = true
    if starts and counted > 0 then
      redis.call('INCRBY', base .. 'limiter', counted)
      if redis.call('PTTL', base .. 'limiter') < 0 then
        redis.call('PEXPIRE', base .. 'limiter', math.floor(window))
      end
    end
  end
end
