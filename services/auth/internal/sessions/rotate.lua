-- Trades a refresh token for its successor and a new access token.
-- KEYS: session, new access token, the note that the session was ended for reuse.
-- ARGV: 1 client, 2 generation, 3 its digest, 4 the successor's digest,
--       5 wanted scope or '', 6 grace ms, 7 idle ms, 8 access TTL ms,
--       9 the scopes that the client may have, 10… its audiences.
-- Answers {outcome, access TTL, scope given, fields…}. An outcome that ends the
-- session has done so when it is answered, and is answered again to whoever asks
-- again: the caller that heard it first may have failed before it made the end
-- durable. Any other refusal leaves the token as it was.
local s = redis.call('HMGET', KEYS[1], 'cl', 'g', 'd', 'p', 'pt', 'ax', 'sc', 'te', 'ro', 'au')
if not s[1] then return {redis.call('EXISTS', KEYS[3]) == 1 and 'reused' or 'ended'} end
if s[1] ~= ARGV[1] then return {'client'} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local held, shown = tonumber(s[2] or '-1'), tonumber(ARGV[2])
local left = tonumber(s[6]) - now

local current = shown == held and s[3] == ARGV[3]
local again = shown == held - 1 and s[4] == ARGV[3] and s[3] == ARGV[4]
  and now - tonumber(s[5]) <= tonumber(ARGV[6])
if left <= 0 or not (current or again) then
  redis.call('DEL', KEYS[1])
  if left > 0 then redis.call('SET', KEYS[3], '1', 'PX', left) end
  return {'reused'}
end
local serves = false
for i = 10, #ARGV do serves = serves or s[10] == ARGV[i] end
if not serves then return {'target'} end
local function has(list, name) return string.find(' ' .. list .. ' ', ' ' .. name .. ' ', 1, true) end
local given = {}
for name in string.gmatch(ARGV[5] ~= '' and ARGV[5] or s[7], '%S+') do
  if not has(s[7], name) then return {'scope'} end
  if has(ARGV[9], name) then given[#given + 1] = name end
end
if #given == 0 then return {'scope'} end

if current then
  redis.call('HSET', KEYS[1], 'p', s[3], 'pt', now, 'd', ARGV[4], 'g', held + 1, 'lu', now)
end
local access = math.min(tonumber(ARGV[8]), left)
redis.call('PEXPIRE', KEYS[1], math.min(left, math.max(tonumber(ARGV[7]), access)))
redis.call('SET', KEYS[2], '1', 'PX', access)
return {'ok', access, table.concat(given, ' '), s[8], s[9], s[10]}
