-- FILL: the holder of the lease stores what it read. A MARK since then has
-- removed the lease, so the fill is refused.
-- KEYS: value, markers.  ARGV: lease token, encoded value, its lifetime in ms.
if redis.call('GET', KEYS[1]) == 'L' .. ARGV[1] and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0
