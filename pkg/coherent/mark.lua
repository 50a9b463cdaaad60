-- MARK: a writer announces that it may change the cell. Every value and every
-- fill lease is void from here on, and no reader fills until the token is gone.
-- The marker has no expiry: a writer that stalls must not lose it.
-- model: core.pml and gen.pml, MARK
-- KEYS: value, markers.  ARGV: token, milliseconds until the soft deadline.
local now = redis.call('TIME')
local deadline = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', deadline))
redis.call('PERSIST', KEYS[2])
return 1
