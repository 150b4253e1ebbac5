-- The ids of customers who are known by their places.
-- KEYS: customers, for the hash tag that all keys of ids have; those are not declared.
-- ARGV: how the keys of ids begin, then block, place, and so on.
local ids = {}
for i = 2, #ARGV, 2 do
  table.insert(ids, redis.call('HGET', ARGV[1] .. ARGV[i], ARGV[i + 1]))
end
return ids
