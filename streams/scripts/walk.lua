-- Meta and some customers with their states, read at one moment; everyone, in several calls.
-- KEYS: meta, customers, outbox. ARGV: how many meta fields, their names, cursor, count, who gave the cursor.
-- A cursor is good only where it was given: each process of a Redis orders hashes by a secret of its own. At
-- another, as after a failover, a slot's move or a restart, the walk begins again. Answers who it is, too.
local n = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 2, n + 1))
local told = redis.pcall('INFO', 'server') -- an error, if it is forbidden: then nobody is anybody
local id = type(told) == 'string' and string.match(told, 'run_id:(%x%x%x%x%x%x)')
local giver = tonumber(id or '0', 16)
local cursor = tonumber(ARGV[n + 4]) == giver and ARGV[n + 2] or '0'
local found = redis.call('HSCAN', KEYS[2], cursor, 'COUNT', ARGV[n + 3])
return {meta, redis.call('XLEN', KEYS[3]), found[1], found[2], giver}
