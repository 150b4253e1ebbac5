-- The fence: write prepared commands if offset and nonce are still what was loaded.
-- KEYS: meta (of a shelf: its stand), then every key that is written.
-- ARGV: offset, nonce, then each command as: name, index of its key, number of arguments, arguments.
-- The last command sets the new offset and nonce. Only compares and stores: no arithmetic here.
local stored = redis.call('HMGET', KEYS[1], 'offset', 'nonce')
if (stored[1] or '0') ~= ARGV[1] or (stored[2] or '') ~= ARGV[2] then
  return 0
end
local i = 3
while i <= #ARGV do
  local n = tonumber(ARGV[i + 2])
  redis.call(ARGV[i], KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, i + 3, i + 2 + n))
  i = i + 3 + n
end
return 1
