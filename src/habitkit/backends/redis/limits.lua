-- The rules of habitkit.limits.domain.charging, in one atomic step and at the server's time.
--
-- KEYS[1] is the key of a subject. It holds "id=TAT;id=TAT:tolerance;...", in ns: the second form is
-- that of a limit with a name. The deadlines of an exact limit are in a sorted set beside it, in us;
-- the key then holds the last of them. Its name begins with the key, and so with the same hash tag:
-- Redis Cluster keeps both in one slot.
--
-- ARGV[1] is the operation, then come six arguments for each limit:
--
--   acquire, peek   id, "" or tolerance, emission * cost (us, ns), most ahead (us, ns)
--     exact         id, "exact", how many deadlines may be beside it, cost, period us, most wait us
--   refund          id, "" or tolerance, tolerance, mark, emission * cost, 0
--     exact         id, "exact", mark us, cost, 0, 0
--   reset           none
--
-- All return "done now reading...", in ns: whether the call was allowed, or whether a refund gave
-- anything back. A reading is how far the TAT is ahead of now; that of an exact limit is
-- "pending wait reset". refund and reset have none.
--
-- A number of Lua is a double, exact up to 2^53, and ns since 1970 are more. So instants and
-- durations are two numbers: us, which may be negative, and 0 to 999 ns. Numbers become text by
-- format alone, since `..` writes 14 digits.

local call, format, sub = redis.call, string.format, string.sub
local key, operation = KEYS[1], ARGV[1]
local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]
local now_text = format('%.0f', now)

-- Most calls have one limit without a name, and nothing else is kept of their subject. For them the
-- steps below are written out, since the server spends most of its time on functions and tables.
if operation == 'acquire' and #ARGV == 7 and ARGV[3] == '' then
  local start, text = ARGV[2] .. '=', call('GET', key)
  local us_ahead, ns_ahead = 0, 0
  if text and sub(text, 1, #start) == start and string.find(text, '^%d+$', #start + 1) then
    us_ahead, ns_ahead = (tonumber(sub(text, #start + 1, -4)) or 0) - now, tonumber(sub(text, -3))
    text = #text > #start + 19
    if us_ahead < 0 then
      us_ahead, ns_ahead = 0, 0
    end
  end
  if not text then
    local us_most, allowed = tonumber(ARGV[6]), '0 '
    if us_ahead < us_most or us_ahead == us_most and ns_ahead <= tonumber(ARGV[7]) then
      local us, ns = us_ahead + tonumber(ARGV[4]), ns_ahead + tonumber(ARGV[5])
      if ns > 999 then
        us, ns = us + 1, ns - 1000
      end
      local over = math.ceil((ns > 0 and us + 1 or us) / 1000)
      call('SET', key, format('%s%.0f%03d', start, now + us, ns), 'PX', format('%.0f', over))
      allowed = '1 '
    end
    return format('%s%s000 %.0f%03d', allowed, now_text, us_ahead, ns_ahead)
  end
end

local order, us, ns, tolerances = {}, {}, {}, {}

local function split(text)
  return tonumber(sub(text, 1, -4)) or 0, tonumber(sub(text, -3))
end

local function minus(us_a, ns_a, us_b, ns_b)
  if ns_a < ns_b then
    return us_a - us_b - 1, ns_a - ns_b + 1000
  end
  return us_a - us_b, ns_a - ns_b
end

local function less(us_a, ns_a, us_b, ns_b)
  return us_a < us_b or us_a == us_b and ns_a < ns_b
end

-- Read the pairs of the key; return whether there is nothing else in it.
local function read()
  local text = call('GET', key)
  if not text then
    return true
  end
  local length = 0
  for id, tat, tolerance in string.gmatch(text .. ';', '([^=;]+)=(%d+):?(%d*);') do
    order[#order + 1] = id
    us[id], ns[id] = split(tat)
    length = length + #id + #tat + 2
    if tolerance ~= '' then
      tolerances[id] = tolerance
      length = length + #tolerance + 1
    end
    if #tat > 19 then
      return false
    end
  end
  return length == #text + 1
end

local function put(id, us_new, ns_new)
  if not us[id] then
    order[#order + 1] = id
  end
  us[id], ns[id] = us_new, ns_new
end

-- Write the pairs that have not expired.
local function write()
  local kept, last = {}, now
  for _, id in ipairs(order) do
    local over = ns[id] > 0 and us[id] + 1 or us[id]
    if over > now then
      local text = format('%s=%.0f%03d', id, us[id], ns[id])
      kept[#kept + 1] = tolerances[id] and text .. ':' .. tolerances[id] or text
      if over > last then
        last = over
      end
    end
  end
  if last == now then
    call('DEL', key)
  else
    call('SET', key, table.concat(kept, ';'), 'PX', format('%.0f', math.ceil((last - now) / 1000)))
  end
end

local function log_of(id)
  return key .. ':x:' .. id
end

-- Return the deadline that has so many after it.
local function deadline(log, later)
  return tonumber(call('ZREVRANGE', log, later, later, 'WITHSCORES')[2])
end

-- Note the last deadline of a log in the key, and let the log expire with it.
local function keep_log(id, log)
  local last = deadline(log, 0) or 0
  put(id, last, 0)
  if last > now then
    call('PEXPIRE', log, format('%.0f', math.ceil((last - now) / 1000)))
  else
    call('DEL', log)
  end
end

local function acquire(charges)
  local allowed, changed, readings, waits = true, false, {}, {}
  for at = 2, #ARGV, 6 do
    local id, kind = ARGV[at], ARGV[at + 1]
    if kind == 'exact' then
      local log, beside = log_of(id), tonumber(ARGV[at + 2])
      local pending = call('ZCOUNT', log, '(' .. now_text, '+inf')
      local wait, reset = 0, 0
      if pending > 0 then
        reset = deadline(log, 0) - now
        if beside < pending then
          wait = deadline(log, beside) - now
        end
      end
      allowed = allowed and wait <= tonumber(ARGV[at + 5])
      waits[at] = wait
      readings[#readings + 1] = format('%d %.0f000 %.0f000', pending, wait, reset)
    else
      local us_ahead, ns_ahead = 0, 0
      if us[id] then
        if kind ~= '' and tolerances[id] ~= kind then -- its numbers have changed
          local us_most, ns_most = split(kind)
          if less(now + us_most, ns_most, us[id], ns[id]) then
            us[id], ns[id] = now + us_most, ns_most
          end
          tolerances[id] = kind
          changed = true
        end
        if us[id] >= now then
          us_ahead, ns_ahead = us[id] - now, ns[id]
        end
      end
      local us_most, ns_most = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
      allowed = allowed and not less(us_most, ns_most, us_ahead, ns_ahead)
      readings[#readings + 1] = format('%.0f%03d', us_ahead, ns_ahead)
    end
  end
  if charges and allowed then
    for at = 2, #ARGV, 6 do
      local id, kind = ARGV[at], ARGV[at + 1]
      if kind == 'exact' then
        local log = log_of(id)
        local mark = format('%.0f', now + waits[at] + tonumber(ARGV[at + 4]))
        call('ZREMRANGEBYSCORE', log, '-inf', now_text)
        local same = call('ZCOUNT', log, mark, mark)
        for number = same + 1, same + tonumber(ARGV[at + 3]) do
          call('ZADD', log, mark, mark .. ':' .. number)
        end
        keep_log(id, log)
      else
        local us_new, ns_new = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
        if us[id] and us[id] >= now then
          us_new, ns_new = us[id] + us_new, ns[id] + ns_new
          if ns_new > 999 then
            us_new, ns_new = us_new + 1, ns_new - 1000
          end
        else
          us_new = now + us_new
        end
        put(id, us_new, ns_new)
        if kind ~= '' then
          tolerances[id] = kind
        end
      end
    end
    write()
  elseif charges and changed then
    write()
  end
  return (allowed and '1 ' or '0 ') .. now_text .. '000 ' .. table.concat(readings, ' ')
end

local function refund()
  local changed = false
  for at = 2, #ARGV, 6 do
    local id, kind = ARGV[at], ARGV[at + 1]
    if kind == 'exact' then
      local log, mark = log_of(id), ARGV[at + 2]
      local same = tonumber(mark) > now and call('ZCOUNT', log, mark, mark) or 0
      for number = math.max(same - tonumber(ARGV[at + 3]), 0) + 1, same do
        call('ZREM', log, mark .. ':' .. number)
      end
      if same > 0 then
        keep_log(id, log)
        changed = true
      end
    elseif us[id] and (kind == '' or tolerances[id] == kind) then
      -- As much as has not come back since, and not what a waiting call is charged with.
      local us_tolerance, ns_tolerance = split(ARGV[at + 2])
      local us_last, ns_last = minus(us[id], ns[id], us_tolerance, ns_tolerance)
      if us_last < now then
        us_last, ns_last = now, 0
      end
      local us_mark, ns_mark = split(ARGV[at + 3])
      local us_back, ns_back = minus(us_mark, ns_mark, us_last, ns_last)
      local us_cost, ns_cost = split(ARGV[at + 4])
      if less(us_cost, ns_cost, us_back, ns_back) then
        us_back, ns_back = us_cost, ns_cost
      end
      if less(0, 0, us_back, ns_back) then
        us[id], ns[id] = minus(us[id], ns[id], us_back, ns_back)
        changed = true
      end
    end
  end
  if changed then
    write()
  end
  return (changed and '1 ' or '0 ') .. now_text .. '000'
end

if not read() then
  return redis.error_reply('HKBROKEN the key holds something else than rate limits')
end
if operation == 'acquire' then
  return acquire(true)
elseif operation == 'peek' then
  return acquire(false)
elseif operation == 'refund' then
  return refund()
else
  for _, id in ipairs(order) do
    if string.find(id, ':', 1, true) then
      call('DEL', log_of(id))
    end
  end
  call('DEL', key)
end
return '1 ' .. now_text .. '000'
