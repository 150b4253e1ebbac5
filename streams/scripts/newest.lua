-- Keep the newer of two events, by append time; answer the one that is kept.
-- KEYS: newest. ARGV: appended_ms, at_ms, replayed (1 or 0). Milliseconds are far below 2^53, so
-- comparing is exact. Of two that were appended together the one that happened later is kept.
local stored = redis.call('HMGET', KEYS[1], 'appended_ms', 'at_ms', 'replayed')
local appended, at = tonumber(stored[1]), tonumber(stored[2])
local mine, happened = tonumber(ARGV[1]), tonumber(ARGV[2])
if not appended or appended < mine or (appended == mine and at < happened) then
  redis.call('HSET', KEYS[1], 'appended_ms', ARGV[1], 'at_ms', ARGV[2], 'replayed', ARGV[3])
  return {ARGV[1], ARGV[2], ARGV[3]}
end
return {stored[1], stored[2], stored[3] or '0'}
