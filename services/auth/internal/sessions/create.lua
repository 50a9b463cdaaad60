-- Begins a session and its first access token.
-- KEYS: session, token, credential generation of the subject.
-- ARGV: credential generation, session TTL ms, token TTL ms, then the fields.
-- A generation that has moved since the caller read it means that the user's
-- sessions were ended while the password was being checked.
local moved = tonumber(redis.call('GET', KEYS[3]) or '0')
if moved > tonumber(ARGV[1]) then return 0 end
local fields = {}
for i = 4, #ARGV do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return 1
