-- FILL: the holder of a lease stores what it read. A MARK since then has removed
-- the lease, so the fill is refused. An item is stored in the place of its lease;
-- a list beside the lease of its scope, which stays.
-- model: core.pml and gen.pml, FILL
-- KEYS: lease, markers, where to store.  ARGV: lease token, what to store, its
-- lifetime in milliseconds.
if redis.call('GET', KEYS[1]) == 'L' .. ARGV[1] and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0
