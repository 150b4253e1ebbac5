-- The fence: write prepared commands if offset and nonce are still what was loaded.
-- KEYS: meta (of a shelf: its stand), then every key that is written.
-- ARGV: offset, nonce, then each command as: name, index of its key, number of arguments, arguments.
-- The last command sets the new offset and nonce. Only compares and stores: no arithmetic here.
-- Two commands are not Redis' own:
--   FIRST, of a sorted set; index of another one's key, member: give the member the lowest score of the
--     other one, or, if that is empty, take it out.
--   UNLESS_ANY, of a bitmap: remove it if it has no bit set.
local stored = redis.call('HMGET', KEYS[1], 'offset', 'nonce')
if (stored[1] or '0') ~= ARGV[1] or (stored[2] or '') ~= ARGV[2] then
  return 0
end
local i = 3
while i <= #ARGV do
  local key, n = KEYS[tonumber(ARGV[i + 1])], tonumber(ARGV[i + 2])
  if ARGV[i] == 'FIRST' then
    local first = redis.call('ZRANGE', KEYS[tonumber(ARGV[i + 3])], 0, 0, 'WITHSCORES')
    if first[2] then
      redis.call('ZADD', key, first[2], ARGV[i + 4])
    else
      redis.call('ZREM', key, ARGV[i + 4])
    end
  elseif ARGV[i] == 'UNLESS_ANY' then
    if redis.call('BITPOS', key, 1) < 0 then
      redis.call('UNLINK', key)
    end
  else
    redis.call(ARGV[i], key, unpack(ARGV, i + 3, i + 2 + n))
  end
  i = i + 3 + n
end
return 1
