-- Meta and some customers with their states, read at one moment; everyone, in several calls.
-- KEYS: meta, customers, outbox. ARGV: how many meta fields, their names, cursor, count.
local n = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 2, n + 1))
local found = redis.call('HSCAN', KEYS[2], ARGV[n + 2], 'COUNT', ARGV[n + 3])
return {meta, redis.call('XLEN', KEYS[3]), found[1], found[2]}
