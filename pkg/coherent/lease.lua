-- LEASE: a reader that found no value asks for the right to fill the cell.
-- model: core.pml, LEASE; gen.pml, GENERATE
-- KEYS: value, markers.  ARGV: lease token, its lifetime in milliseconds.
-- Returns the value or another reader's lease as it is stored (V…, L…), 'O' for
-- a lease, 'P' for a write under way, 'X' and a token for one past its deadline.
local v = redis.call('GET', KEYS[1])
if v then return v end
local markers = redis.call('HGETALL', KEYS[2])
if #markers > 0 then
  local now = redis.call('TIME')
  local ms = now[1] * 1000 + math.floor(now[2] / 1000)
  for i = 1, #markers, 2 do
    if markers[i] ~= '_max' and tonumber(markers[i + 1]) <= ms then
      return 'X' .. markers[i]
    end
  end
  return 'P'
end
redis.call('SET', KEYS[1], 'L' .. ARGV[1], 'PX', ARGV[2])
return 'O'
