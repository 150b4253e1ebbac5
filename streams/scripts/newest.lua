-- Keep the newer of two events, by append time; answer the one that is kept.
-- KEYS: newest. ARGV: appended_ms, at_ms. Milliseconds are far below 2^53, so comparing is exact.
local stored = redis.call('HMGET', KEYS[1], 'appended_ms', 'at_ms')
if not stored[1] or tonumber(stored[1]) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'appended_ms', ARGV[1], 'at_ms', ARGV[2])
  return {ARGV[1], ARGV[2]}
end
return stored
