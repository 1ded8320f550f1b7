-- Which parents a script may touch. A fragment; expects `base`.

-- In a cluster (then a second key is declared) a script may touch no key of another slot, such as a
-- parent that a foreign producer names: it would end here, half done.
local function is_out_of_reach(parent)
  local tag = '^[^{]*{([^}]+)}'
  return #KEYS > 1 and string.match(parent, tag) ~= string.match(base, tag)
end
