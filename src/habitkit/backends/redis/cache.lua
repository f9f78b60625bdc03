-- The writes of a cache, each in one atomic step that ends with the message about it.
--
-- KEYS are in one slot. ARGV[1] is the operation, then come:
--
--   set         the channel, the message, and for each key its value and its TTL in ms
--   delete      the channel, the message
--   end_lease   the token; KEYS[2], if there is one: its value and its TTL in ms
--   incr        the summand, the TTL in ms
--
-- end_lease returns whether the lease had that token, incr the sum as text: a number of Lua is exact
-- up to 2^53 only.

local call, operation = redis.call, ARGV[1]

if operation == 'set' then
  for at, key in ipairs(KEYS) do
    call('SET', key, ARGV[2 * at + 2], 'PX', ARGV[2 * at + 3])
  end
  call('PUBLISH', ARGV[2], ARGV[3])
elseif operation == 'delete' then
  call('UNLINK', unpack(KEYS))
  call('PUBLISH', ARGV[2], ARGV[3])
elseif operation == 'end_lease' then
  if redis.pcall('GET', KEYS[1]) ~= ARGV[2] then
    return 0
  end
  local stored = KEYS[2] and redis.pcall('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
  call('UNLINK', KEYS[1]) -- even if there is no memory for the value
  if stored and stored.err then
    return stored
  end
else
  if not call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3], 'NX') then
    call('INCRBY', KEYS[1], ARGV[2])
  end
  return call('GET', KEYS[1])
end
return 1
