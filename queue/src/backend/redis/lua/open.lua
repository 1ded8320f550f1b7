-- Makes a queue visible to the tools that look for it.
--
-- KEYS  1 meta
-- ARGV  1 version of the wire format   2 name and version of this engine
-- Effects  `opts.maxLenEvents` and `version` if they are absent, `library`.
redis.call('HSETNX', KEYS[1], 'opts.maxLenEvents', '10000')
redis.call('HSETNX', KEYS[1], 'version', ARGV[1])
redis.call('HSET', KEYS[1], 'library', ARGV[2])
return 1
