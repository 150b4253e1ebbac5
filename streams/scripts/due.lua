-- Meta, and everyone whose deadline has come, read at one moment: block by block, places and deadlines, and ids.
-- KEYS: meta, outbox, deadlines.
-- ARGV: how many meta fields, their names, until_ms, then how the keys begin that hold a block's
-- deadlines and ids. Which blocks those are only `deadlines` tells, so these keys are not declared: they
-- have the hash tag of KEYS, and so stand on the same node.
local n = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 2, n + 1))
local until_ms, deadlines, names = unpack(ARGV, n + 2)
local function due(key, ...)
  return redis.call('ZRANGE', key, '-inf', until_ms, 'BYSCORE', ...)
end
local found = {}
for _, block in ipairs(due(KEYS[3])) do
  table.insert(found, due(deadlines .. block, 'WITHSCORES'))
  table.insert(found, redis.call('HMGET', names .. block, unpack(due(deadlines .. block))))
end
return {meta, redis.call('XLEN', KEYS[2]), found}
