-- Part of turn.lua: tells how attempts ended.
if count > 0 then
  -- Everything is read and checked before the first write.
  local ids, locks, keys = {}, {}, { marks }
  for i = 1, count do
    local id = ARGV[9 * i + 3]
    ids[i] = id
    locks[i] = base .. id .. ':lock'
    if ARGV[9 * i + 2] == 'complete' or ARGV[9 * i + 2] == 'children' then
      keys[#keys + 1] = base .. id .. ':dependencies'
      keys[#keys + 1] = base .. id .. ':unsuccessful'
    end
  end
  local holders = redis.call('MGET', unpack(locks))
  -- Marks and children are rare: one test for all of both.
  local marked, any_children = false, redis.call('EXISTS', unpack(keys)) > 0
  any_marks = any_children and redis.call('EXISTS', marks) == 1
  if any_marks then marked = redis.call('ZMSCORE', marks, unpack(ids)) end
  local rows, found, leaving, held = {}, {}, {}, 0
  local related = false
  for i = 1, count do
    local id = ids[i]
    local row = redis.pcall('HMGET', base .. id, 'ats', 'atm', 'parentKey', 'deid')
    if row.err or not (row[1] or redis.call('EXISTS', base .. id) == 1) then
      found[i] = 'no such job'
    elseif not holders[i] then
      found[i] = 'no lock'
    elseif holders[i] ~= ARGV[9 * i + 4] then
      found[i] = 'the lock of another worker'
    elseif leaving[id] then
      found[i] = 'settled before'
    else
      rows[i] = row
      leaving[id] = i
      held = held + 1
      related = related or row[3] or row[4]
    end
  end

  -- Out of `active` in as few commands as the order allows.
  if held > 0 then
    local out, seen = 0, {}
    if held > 2 then
      local tail = redis.call('LRANGE', active, -held, -1)
      for i = 1, #tail do
        if leaving[tail[i]] and not seen[tail[i]] then
          seen[tail[i]] = true
          out = out + 1
        end
      end
    end
    if out == held then
      redis.call('LTRIM', active, 0, -(held + 1))
    elseif held > 2 and redis.call('LLEN', active) <= 4 * held then
      local list = redis.call('LRANGE', active, 0, -1)
      local rest = {}
      seen = {}
      for i = #list, 1, -1 do
        if leaving[list[i]] and not seen[list[i]] then
          seen[list[i]] = true
        else
          rest[#rest + 1] = list[i]
        end
      end
      redis.call('DEL', active)
      if #rest > 0 then redis.call('LPUSH', active, unpack(rest)) end
    else
      seen = {}
      for id in pairs(leaving) do
        if redis.call('LREM', active, -1, id) == 1 then seen[id] = true end
      end
    end
    for id, i in pairs(leaving) do
      if not seen[id] then
        found[i] = 'not active'
        rows[i] = nil
        held = held - 1
      end
    end
  end

  if held > 0 then
    redis.call('XTRIM', events, 'MAXLEN', '~', tonumber(meta[5]) or 10000)
  end
  local gone, freed, completed, failed, backs = {}, {}, {}, {}, {}
  local keep_count, keep_age, keep_most = {}, {}, {}
  local family
  if related then
    --@include family
  end
  for i = 1, count do
    local row, at = rows[i], 9 * i + 1
    local state, version, attempts, cancelled = found[i], '', tonumber(row and row[2]) or 0, 0
    if row then
      local verdict, id, job = ARGV[at + 1], ids[i], base .. ids[i]
      local text, stack = ARGV[at + 7], ARGV[at + 8]
      gone[#gone + 1] = locks[i]
      freed[#freed + 1] = id
      if verdict ~= 'complete' and marked and marked[i] then
        verdict, text, cancelled = 'fail', ARGV[9], 1
      end
      local keep, kept_age, pause = ARGV[at + 5], ARGV[at + 6], tonumber(ARGV[at + 9])
      local asked = verdict
      if verdict == 'children' then
        if any_children and redis.call('EXISTS', job .. ':unsuccessful') == 1 then
          verdict, text = 'fail', 'Cannot complete job ' .. id
            .. ' because it has at least one failed child. moveToWaitingChildren'
        elseif not any_children or redis.call('EXISTS', job .. ':dependencies') == 0 then
          verdict = 'handback'
        end
      elseif verdict == 'complete' and any_children then
        if redis.call('EXISTS', job .. ':dependencies') == 1 then
          verdict = attempts + 1 < tonumber(ARGV[at + 4]) and 'retry' or 'fail'
          text = 'Job ' .. id .. ' has pending dependencies. moveToFinished'
        elseif redis.call('EXISTS', job .. ':unsuccessful') == 1 then
          verdict, text = 'fail', 'Cannot complete job ' .. id
            .. ' because it has at least one failed child. moveToFinished'
        end
      end
      if verdict ~= asked and verdict ~= 'handback' then
        --@include refused
      end

      if verdict == 'complete' or verdict == 'fail' then
        attempts = attempts + 1
        any_finished = true
        if row[4] then
          family.free(row[4], id)
          family.requeue(row[4])
        end
        if row[3] then
          if verdict == 'complete' then
            family.completed(row[3], job, text)
          else
            family.failed(row[3], job, redis.call('HGET', job, 'parent') or '', text)
          end
        end
        local ended = verdict == 'complete' and 'completed' or 'failed'
        local set = verdict == 'complete' and completed or failed
        if keep == '0' then
          local size = #gone
          gone[size + 1], gone[size + 2] = job, job .. ':logs'
          gone[size + 3], gone[size + 4] = job .. ':dependencies', job .. ':processed'
          gone[size + 5], gone[size + 6] = job .. ':failed', job .. ':unsuccessful'
          if row[3] then family.removed(row[3], job) end
        else
          set[#set + 1] = now
          set[#set + 1] = id
          if verdict == 'complete' then
            redis.call('HSET', job, 'returnvalue', text, 'finishedOn', now, 'atm', attempts)
          elseif stack == '' then
            redis.call('HSET', job, 'failedReason', text, 'finishedOn', now, 'atm', attempts)
            redis.call('HDEL', job, 'defa')
          else
            redis.call('HSET', job, 'failedReason', text, 'finishedOn', now, 'atm', attempts,
              'stacktrace', stack)
            redis.call('HDEL', job, 'defa')
          end
          local limit, age = tonumber(keep), tonumber(kept_age)
          if not age and kept_age ~= '' then
            local kept, most = string.match(kept_age, '^(%d+) (%d+)$')
            age, most = tonumber(kept), tonumber(most)
            keep_most[ended] = math.min(keep_most[ended] or most, most)
          end
          if limit then keep_count[ended] = math.min(keep_count[ended] or limit, limit) end
          if age then keep_age[ended] = math.min(keep_age[ended] or age, age) end
        end
        if verdict == 'complete' then
          state = 'completed'
          version = redis.call('XADD', events, '*', 'event', 'completed', 'jobId', id,
            'returnvalue', text, 'prev', 'active')
        else
          state = 'failed'
          version = redis.call('XADD', events, '*', 'event', 'failed', 'jobId', id,
            'failedReason', text, 'prev', 'active')
          if attempts >= tonumber(ARGV[at + 4]) then
            redis.call('XADD', events, '*', 'event', 'retries-exhausted', 'jobId', id,
              'attemptsMade', attempts)
          end
        end
      elseif verdict == 'delay' or (verdict == 'retry' and (pause or 0) > 0) then
        if verdict == 'retry' then
          attempts = attempts + 1
        else
          pause = math.max(0, pause - clock)
        end
        if stack ~= '' then redis.call('HSET', job, 'stacktrace', stack) end
        if text ~= '' then redis.call('HSET', job, 'failedReason', text) end
        redis.call('HSET', job, 'delay', string.format('%.0f', pause))
        if verdict == 'retry' then redis.call('HSET', job, 'atm', attempts) end
        local due = clock + pause
        local floor, top = due * 4096, due * 4096 + 4095
        local peer = redis.call('ZREVRANGEBYSCORE', delayed, top, floor, 'WITHSCORES',
          'LIMIT', 0, 1)
        redis.call('ZADD', delayed, peer[2] and math.min(tonumber(peer[2]) + 1, top) or floor, id)
        any_delayed = true
        state = 'delayed'
        version = redis.call('XADD', events, '*', 'event', 'delayed', 'jobId', id,
          'delay', string.format('%.0f', due))
      elseif verdict == 'retry' then
        attempts = attempts + 1
        redis.call('HSET', job, 'atm', attempts, 'failedReason', text)
        if stack ~= '' then redis.call('HSET', job, 'stacktrace', stack) end
        local place = redis.call('HMGET', job, 'priority', 'opts')
        local priority = tonumber(place[1]) or 0
        if priority > 0 then
          local turn = redis.call('INCR', base .. 'pc') % 4294967296
          redis.call('ZADD', prioritized, priority * 4294967296 + turn, id)
          state = 'prioritized'
        else
          local readable, opts = pcall(cjson.decode, place[2] or '')
          local front = readable and type(opts) == 'table' and opts.lifo == true
          redis.call(front and 'RPUSH' or 'LPUSH', wait, id)
          state = 'waiting'
        end
        any_waiting = true
        version = redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
      elseif verdict == 'children' then
        redis.call('ZADD', base .. 'waiting-children', clock, id)
        state = 'waiting-children'
        version = redis.call('XADD', events, '*', 'event', 'waiting-children', 'jobId', id,
          'prev', 'active')
      else
        told_off = told_off or verdict == 'limited'
        local priority = tonumber(redis.call('HGET', job, 'priority')) or 0
        if priority > 0 then
          redis.call('ZADD', prioritized, priority * 4294967296, id)
          state = 'prioritized'
        else
          backs[#backs + 1] = id
          state = 'waiting'
        end
        any_waiting = true
        version = redis.call('XADD', events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
      end
    end
    settled[#settled + 1] = state
    settled[#settled + 1] = version
    settled[#settled + 1] = attempts
    settled[#settled + 1] = cancelled
  end

  -- Handed back jobs keep their order: the first is the next to run.
  for i = #backs, 1, -1 do redis.call('RPUSH', wait, backs[i]) end
  if held > 0 then
    redis.call('DEL', unpack(gone))
    redis.call('SREM', base .. 'stalled', unpack(freed))
    if marked then redis.call('ZREM', marks, unpack(freed)) end
  end
  if #completed > 0 then redis.call('ZADD', base .. 'completed', unpack(completed)) end
  if #failed > 0 then redis.call('ZADD', base .. 'failed', unpack(failed)) end
  --@include evict
  if ARGV[9 * count + 13] then
    --@include metrics
  end
end
