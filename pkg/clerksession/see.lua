-- Of a session or of its user. KEYS: seen, revoked. ARGV: how long it counts as
-- seen, ms. A webhook that ends it sets the second key before it removes the
-- first, so a check that is slower than the webhook cannot undo it.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
