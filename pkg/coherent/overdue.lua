#!lua flags=allow-oom
-- OVERDUE: what the register holds, and the names of markers to resolve for the
-- janitor whose turn it is. A turn is taken when there is something to do, and
-- ends by itself, so a janitor that died keeps nobody from the rest.
-- KEYS: register, turn.  ARGV: who asks, how many milliseconds a turn lasts, how
-- many a marker is past its deadline, how many names are wanted.
-- Returns how many markers there are, the deadline of the oldest less the present
-- time in milliseconds ('' if there is none), and the names, the oldest first.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if not oldest then return { 0, '' } end
local names = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[3]), 'BYSCORE', 'LIMIT', 0, ARGV[4])
if #names > 0 and not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and redis.call('GET', KEYS[2]) ~= ARGV[1] then
  names = {}
end
return { redis.call('ZCARD', KEYS[1]), string.format('%.0f', oldest - now), unpack(names) }
