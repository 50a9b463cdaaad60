-- UNMARK: the outcome of a write is known. Also used for a marker that a reader
-- resolved, and for a write that did nothing (no version).
-- model: core.pml and gen.pml, UNMARK
-- KEYS: value, markers, settled writes.  ARGV: token, version (19 digits) or '',
-- encoded value or '', its lifetime in milliseconds, how many settled writes to note
-- and for how many milliseconds.
local token, version, blob = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HEXISTS', KEYS[2], token) == 0 then
  -- The token is lost or was resolved: never replace, only drop what is older.
  -- model: core.pml, DROP
  if version ~= '' then
    local v = redis.call('GET', KEYS[1])
    if v and (string.sub(v, 1, 1) == 'L' or string.sub(v, 3, 21) < version) then
      redis.call('DEL', KEYS[1])
    end
  end
  return 0
end
-- _max is the newest version any writer of this set reported, so that UNMARKs
-- in another order than the commits cannot bring the older value back.
local max = redis.call('HGET', KEYS[2], '_max')
local others = redis.call('HLEN', KEYS[2]) - (max and 2 or 1)
if version ~= '' and (not max or version > max) then max = version end
-- The value goes first, since a full server refuses it only to a script that has
-- changed nothing yet; it is a fill, which may fail, and the rest may not.
if others == 0 and blob ~= '' and version == max then
  redis.pcall('SET', KEYS[1], blob, 'PX', ARGV[4])
end
redis.call('HDEL', KEYS[2], token)
-- What is in this cell from now on is younger than the write: see drop.lua.
local noted = tonumber(ARGV[5])
if version ~= '' and noted > 0 then
  redis.call('LPUSH', KEYS[3], token)
  redis.call('LTRIM', KEYS[3], 0, noted - 1)
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
if others == 0 then
  redis.call('DEL', KEYS[2])
  return 2
end
if max then redis.call('HSET', KEYS[2], '_max', max) end
return 1
