-- The fence: write prepared commands if offset and nonce are still what was loaded.
-- KEYS: meta (of a shelf: its stand), then every key that is written, but for those below.
-- ARGV: offset, nonce, then each command as: name, index of its key, number of arguments, arguments.
-- The last command sets the new offset and nonce. Only compares and stores: no arithmetic on values.
-- Two commands are not Redis' own:
--   BITS, of a bitmap: value, then the bits that are set to it. One without any bit is removed.
--   DEADLINES, of the sorted set of blocks: block, deadline or nothing, place in the block; and so on. The
--     deadline goes into the block's own sorted set, and the block's earliest into that of blocks. The keys of
--     blocks are not declared: they begin with the declared one, have its hash tag, and stand on the same node.
local function bits(key, first, last)
  for i = first + 1, last do
    redis.call('SETBIT', key, ARGV[i], ARGV[first])
  end
  if ARGV[first] == '0' and redis.call('BITPOS', key, 1) < 0 then
    redis.call('UNLINK', key)
  end
end
local function deadlines(key, first, last)
  for i = first, last, 3 do
    local block = key .. ':' .. ARGV[i]
    if ARGV[i + 1] == '' then
      redis.call('ZREM', block, ARGV[i + 2])
    else
      redis.call('ZADD', block, ARGV[i + 1], ARGV[i + 2])
    end
    local earliest = redis.call('ZRANGE', block, 0, 0, 'WITHSCORES')[2]
    if earliest then
      redis.call('ZADD', key, earliest, ARGV[i])
    else
      redis.call('ZREM', key, ARGV[i])
    end
  end
end
local stored = redis.call('HMGET', KEYS[1], 'offset', 'nonce')
if (stored[1] or '0') ~= ARGV[1] or (stored[2] or '') ~= ARGV[2] then
  return 0
end
local i = 3
while i <= #ARGV do
  local name, key = ARGV[i], KEYS[tonumber(ARGV[i + 1])]
  local first, last = i + 3, i + 2 + tonumber(ARGV[i + 2])
  if name == 'BITS' then
    bits(key, first, last)
  elseif name == 'DEADLINES' then
    deadlines(key, first, last)
  else
    redis.call(name, key, unpack(ARGV, first, last))
  end
  i = last + 1
end
return 1
