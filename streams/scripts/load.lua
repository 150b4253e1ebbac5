-- Meta and states, read at one moment; with all that belongs to the partition, if the nonce has moved.
-- KEYS: meta, customers, outbox, sketch, population, erased, movement, policy.
-- ARGV: 'whole' or nothing, the nonce known, how many meta fields, their names, customer ids.
local n = tonumber(ARGV[3])
local meta = redis.call('HMGET', KEYS[1], unpack(ARGV, 4, n + 3))
local states = {}
if #ARGV > n + 3 then
  states = redis.call('HMGET', KEYS[2], unpack(ARGV, n + 4))
end
local answer = {meta, redis.call('XLEN', KEYS[3]), states}
if ARGV[1] == 'whole' and (redis.call('HGET', KEYS[1], 'nonce') or '') ~= ARGV[2] then
  answer[4] = redis.call('HGETALL', KEYS[4])
  answer[5] = redis.call('GET', KEYS[5])
  answer[6] = redis.call('HGETALL', KEYS[6])
  answer[7] = redis.call('HGETALL', KEYS[7])
  answer[8] = redis.call('GET', KEYS[8])
end
return answer
