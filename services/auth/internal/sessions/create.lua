-- Begins a session and its first access token, unless it has been ended before
-- it got here.
-- KEYS: session, token, the note that the session has ended.
-- ARGV: session TTL ms, token TTL ms, then the fields.
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local fields = {}
for i = 3, #ARGV do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1
