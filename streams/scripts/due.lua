-- Meta and the states of customers whose deadline has come, read at one moment.
-- KEYS: meta, customers, outbox, due. ARGV: how many meta fields, their names, until_ms, limit.
local n = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 2, n + 1))
local ids = redis.call('ZRANGE', KEYS[4], '-inf', ARGV[n + 2], 'BYSCORE', 'LIMIT', 0, ARGV[n + 3])
local states = {}
if #ids > 0 then
  states = redis.call('HMGET', KEYS[2], unpack(ids))
end
return {meta, redis.call('XLEN', KEYS[3]), states, ids}
