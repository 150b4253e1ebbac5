-- Meta and the states of customers whose deadline has come, read at one moment.
-- KEYS: meta, customers, outbox, deadlines.
-- ARGV: how many meta fields, their names, until_ms, limit, then how the keys begin that hold a block's
-- deadlines and ids. Which blocks those are only `deadlines` tells, so these keys are not declared: they
-- have the hash tag of KEYS, and so stand on the same node.
local n = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 2, n + 1))
local until_ms, limit, deadlines, names = unpack(ARGV, n + 2)
local function due(key)
  return redis.call('ZRANGE', key, '-inf', until_ms, 'BYSCORE', 'LIMIT', 0, limit)
end
local ids, states = {}, {}
for _, block in ipairs(due(KEYS[4])) do
  for _, id in ipairs(redis.call('HMGET', names .. block, unpack(due(deadlines .. block)))) do
    if #ids < tonumber(limit) then
      table.insert(ids, id)
    end
  end
  if #ids == tonumber(limit) then
    break
  end
end
if #ids > 0 then
  states = redis.call('HMGET', KEYS[2], unpack(ids))
end
return {meta, redis.call('XLEN', KEYS[3]), states, ids}
