-- Where a job stands. A fragment; expects `base`.

-- Returns the state of an existing job in the order in which BullMQ tests, or false when it stands
-- nowhere. In a list of more than 10,000 ids it is not searched but taken for granted.
local function state_of(id)
  if redis.call('ZSCORE', base .. 'completed', id) then return 'completed' end
  if redis.call('ZSCORE', base .. 'failed', id) then return 'failed' end
  if redis.call('ZSCORE', base .. 'delayed', id) then return 'delayed' end
  if redis.call('ZSCORE', base .. 'prioritized', id) then return 'prioritized' end
  if redis.call('LPOS', base .. 'active', id) then return 'active' end
  if redis.call('ZSCORE', base .. 'waiting-children', id) then return 'waiting-children' end
  if redis.call('LPOS', base .. 'paused', id) then return 'paused' end
  if redis.call('LLEN', base .. 'wait') > 10000 or redis.call('LPOS', base .. 'wait', id) then
    return 'wait'
  end
  return false
end
