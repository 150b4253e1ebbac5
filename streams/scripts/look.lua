-- What a lookup needs, read at one moment.
-- KEYS: meta, customers, live. ARGV: customer ids.
local meta = redis.call('HMGET', KEYS[1], 'offset', 'clock_ms', 'population')
local states = {}
if #ARGV > 0 then
  states = redis.call('HMGET', KEYS[2], unpack(ARGV))
end
return {meta, states, redis.call('GET', KEYS[3])}
