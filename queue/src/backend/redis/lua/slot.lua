-- The time slots of an interval, as `scheduler/slot.rs` computes them. A fragment; expects `clock`.

-- Returns the slot after `prev`, or the first one; missed slots are skipped.
local function slot_after(prev, every, offset, start)
  local slot = clock
  if prev then
    slot = prev + every
    if slot >= clock then return slot end
  elseif start then
    return math.max(start, clock)
  elseif offset == 0 then
    return clock
  end
  slot = math.floor(clock / every) * every + offset
  return slot > clock and slot or slot + every
end
