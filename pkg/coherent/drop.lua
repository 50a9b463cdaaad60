-- DROP: somebody says that a write has taken place. If that is news to this cell,
-- what is older goes, and a lease too, since what its holder has read may be older.
-- Nothing is put in its place, and a marker stays: so whatever is said, and however
-- often, no reader can get anything older for it. A lease younger than the write's
-- own UNMARK stays: that write has come by here.
-- model: core.pml, EVENT
-- KEYS: value, settled writes.  ARGV: token, version (19 digits).
-- Returns how many values or leases went.
local v = redis.call('GET', KEYS[1])
if not v then return 0 end
if string.sub(v, 1, 1) == 'L' then
  if redis.call('LPOS', KEYS[2], ARGV[1]) then return 0 end
elseif string.sub(v, 3, 21) >= ARGV[2] then
  return 0
end
return redis.call('DEL', KEYS[1])
