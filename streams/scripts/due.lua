-- The nonce, and everyone whose deadline has come, read at one moment: block by block, places and deadlines, and ids.
-- KEYS: meta, deadlines.
-- ARGV: until_ms, then how the keys begin that hold a block's deadlines and ids. Which blocks those are only
-- `deadlines` tells, so these keys are not declared: they have the hash tag of KEYS, and so stand on the same node.
local until_ms, deadlines, names = unpack(ARGV)
local function due(key, ...)
  return redis.call('ZRANGE', key, '-inf', until_ms, 'BYSCORE', ...)
end
local found = {}
for _, block in ipairs(due(KEYS[2])) do
  table.insert(found, due(deadlines .. block, 'WITHSCORES'))
  table.insert(found, redis.call('HMGET', names .. block, unpack(due(deadlines .. block))))
end
return {redis.call('HGET', KEYS[1], 'nonce'), found}
