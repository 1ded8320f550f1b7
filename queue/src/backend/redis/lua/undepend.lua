-- Lets a child go its own way.
--
-- KEYS  1 meta
-- ARGV  1 key base   2 now (ms)   3 id of the child
-- Effects  The parent no longer waits for it, and is released if it waited for nobody else; the
--          fields `parentKey` and `parent` of the child go.
-- Events   waiting{prev=waiting-children} of a released parent.
-- Returns  1 done   0 the parent did not wait for it   -1 no such job   or the key of a parent that
--          does not exist
local base, clock, job = ARGV[1], tonumber(ARGV[2]), ARGV[1] .. ARGV[3]
local family
--@include family
if redis.call('EXISTS', job) == 0 then return -1 end
local parent = redis.call('HGET', job, 'parentKey')
if not parent then return 0 end
if redis.call('EXISTS', parent) == 0 then return parent end
if redis.call('SISMEMBER', parent .. ':dependencies', job) == 0 then return 0 end
family.removed(parent, job)
redis.call('HDEL', job, 'parentKey', 'parent')
return 1
