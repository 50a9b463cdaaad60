#!lua flags=allow-oom
-- REGISTER: names the markers that a writer is about to set, so that they can be
-- found should it die and nobody read their cells. Not refused by a full server,
-- as marking is not.
-- KEYS: register.  ARGV: milliseconds until the soft deadline, then the names.
local now = redis.call('TIME')
local deadline = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[1])
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], deadline, ARGV[i])
end
return 1
