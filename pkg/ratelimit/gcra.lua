-- The generic cell rate algorithm (ITU-T I.371, annex A, as virtual scheduling),
-- for several limits in one step: each of them is charged, or none is.
-- A key holds when its caller would be back at zero, in microseconds of Redis's
-- clock: the theoretical arrival time of the next cell.
-- KEYS: one per limit. A server with slots is refused by package epoch, so they
-- need not share one.
-- ARGV: 1 to take, 0 to look, -1 to give back; then for each key the time in which
-- one is regained, and how far ahead of the clock a caller may be.
-- Answer: for each key how far ahead it is now, and how long until one is admitted.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local act = tonumber(ARGV[1])
local after, answer, admitted = {}, {}, true
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  -- No more than full, if the limit was wider once or the clock was set back.
  local due = math.min(math.max(tonumber(redis.call('GET', key) or '0'), now), now + burst)
  local wait = due + interval - now - burst
  if act == 1 and wait > 0 then admitted = false end
  after[i] = math.max(due + act * interval, now)
  answer[2 * i - 1], answer[2 * i] = due - now, math.max(wait, 0)
end
if act == 0 or not admitted then return answer end
for i, key in ipairs(KEYS) do
  local ahead = after[i] - now
  if ahead > 0 then
    redis.call('SET', key, string.format('%.0f', after[i]), 'PX', math.ceil(ahead / 1000))
  else
    redis.call('DEL', key)
  end
  answer[2 * i - 1], answer[2 * i] = ahead, 0
end
return answer
