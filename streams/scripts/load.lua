-- Meta and states, read at one moment.
-- KEYS: meta, customers, outbox. ARGV: how many meta fields, their names, customer ids.
local n = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 2, n + 1))
local states = {}
if #ARGV > n + 1 then
  states = redis.call('HMGET', KEYS[2], unpack(ARGV, n + 2))
end
return {meta, redis.call('XLEN', KEYS[3]), states}
