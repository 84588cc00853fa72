-- One exchange of one shield with the store: it says what it counts of some clients, and hears what all others count of them. Called by its hash only.
--
-- KEYS     1 the members, 2 their leases, 3 the news; then the record of each client that is reported.
-- ARGV     1 owner: who calls, at random for each process      2 told: how often it has been asked for everything
--          3 the number of this call                           4 the number of the last one that was answered
--          5 the epoch in which it saw the store's clock step  6 the unit of rates, in ms
--          7 the lease, in ms                                  8 cursor: what it has heard of the news
--          9 the epoch it knows                                10 an epoch to begin, if one is needed
--          11 for how long a record lives, in ms               12 flags: 1 it leaves, 2 name the members
--          13 the services with their eight limits             14 the caller's settings, if they are to be written
--          15 the reports, one behind the other                16 what the key of a record begins with
--
-- A record is a hash. Its field h has: the epoch's number, the window's start, when its expiry was renewed, the window's number, deaths that are counted,
-- connections, seven rates. Each member's field has: the window's number, connections, rates.
-- All times are of two clocks of the store's own: that of leases runs only while it serves somebody, so that none ends because it was away. They are in
-- microseconds: each call has a time of its own, by which news are told, and many calls do not make a clock run faster. Windows are in milliseconds.

local owner, sent, seq, acked, stepped = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local unit, lease, cursor, seen, fresh = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], ARGV[10]
local expiry, flags, services, settings, reports, prefix = tonumber(ARGV[11]), tonumber(ARGV[12]), cmsgpack.unpack(ARGV[13]), ARGV[14], ARGV[15], ARGV[16]
local leaves, names = flags % 2 == 1, math.floor(flags / 2) % 2 == 1
local members, leases, news = KEYS[1], KEYS[2], KEYS[3]
local RATES, OPEN, CLOSED, NONE = 7, 6, -1, -1

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local state = redis.call('HMGET', members, 'e', 't', 'y', 's', 'v', 'd', 'n', 'c', 'o' .. owner)
if not state[1] or state[1] == stepped then
  redis.call('DEL', members, leases, news)
  redis.call('HSET', members, 'e', fresh)
  state = {fresh, 1e12, 1e12, now, 0, '1000000000000', 0, 0, false}
end
local epoch, z = state[1], tonumber(string.sub(state[1], 1, 8), 16)
local t, y, deaths, last, changes = tonumber(state[2]), tonumber(state[3]), tonumber(state[5]), tonumber(state[7]), tonumber(state[8])
local gap = math.max(now - tonumber(state[4]), 1)
t, y = t + gap, y + math.min(gap, lease * 250)
local at = math.floor(t / 1000)

-- Who calls. An owner keeps its number for as long as the epoch lasts; one that may be missing here something it was told is here is asked for everything.
local own, told
if state[9] then
  local number, lastSeq, asked = string.match(state[9], '^(%d+):(%d+):(%d+)$')
  if seq <= tonumber(lastSeq) then
    return {'stale'}
  end
  own, told = number, tonumber(asked)
  local ends = redis.call('ZSCORE', leases, own)
  if tonumber(lastSeq) < acked or not ends or tonumber(ends) <= y then
    told = math.max(told, sent) + 1
  end
else
  last = last + 1
  own, told, changes = string.format('%d', last), sent + 1, changes + 1
  redis.call('HSET', members, 'n' .. own, owner)
end
local asks = told ~= sent or seen ~= epoch
-- It may have heard news that are not so any more.
if asks then
  cursor = 0
end

local function text(number)
  return string.format('%.0f', number)
end

local died = redis.call('ZCOUNT', leases, '(' .. state[6], text(y))
deaths, changes = deaths + died, changes + died
for _, number in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', text(y - (2 * unit + expiry) * 1000))) do
  if number ~= own then
    redis.call('HDEL', members, 'o' .. redis.call('HGET', members, 'n' .. number), 'n' .. number, 'f' .. number)
    redis.call('ZREM', leases, number)
  end
end
redis.call('ZADD', leases, text(leaves and y or y + lease * 1000), own)
if leaves then
  deaths, changes = deaths + 1, changes + 1
end
if settings ~= '' then
  redis.call('HSET', members, 'f' .. own, settings)
  changes = changes + 1
end
redis.call('HSET', members, 't', text(t), 'y', text(y), 's', text(now), 'v', text(deaths), 'd', text(y), 'n', text(last), 'c', text(changes),
  'o' .. owner, own .. ':' .. text(seq) .. ':' .. text(told))

local alive = {[own] = not leaves}
local function isAlive(number)
  if alive[number] == nil then
    local ends = redis.call('ZSCORE', leases, number)
    alive[number] = ends ~= false and tonumber(ends) > y
  end
  return alive[number]
end

local function zeros(count)
  local all = {}
  for i = 1, count do
    all[i] = 0
  end
  return all
end

local function isZero(field)
  for i = 2, #field do
    if field[i] ~= 0 then
      return false
    end
  end
  return true
end

-- What of a member's field counts in the window.
local function rate(head, field, i)
  return field[1] == head[4] and field[2 + i] or 0
end

-- Members have died since the record was written: their connections are over, their rates stay.
local function recount(key, head)
  local fields, totals = redis.call('HGETALL', key), zeros(RATES + 1)
  for f = 1, #fields, 2 do
    local number = fields[f]
    if number ~= 'h' then
      local field = cmsgpack.unpack(fields[f + 1])
      if field[2] > 0 and not isAlive(number) then
        field[2] = 0
        if isZero(field) then
          redis.call('HDEL', key, number)
        else
          redis.call('HSET', key, number, cmsgpack.pack(field))
        end
      end
      totals[1] = totals[1] + field[2]
      for i = 1, RATES do
        totals[1 + i] = totals[1 + i] + rate(head, field, i)
      end
    end
  end
  head[5] = deaths
  for i = 0, RATES do
    head[OPEN + i] = totals[1 + i]
  end
end

-- A client's record as it is now, and what the caller has in it.
local function read(key)
  local fields = redis.call('HMGET', key, 'h', own)
  local head = fields[1] and cmsgpack.unpack(fields[1])
  if not head or head[1] ~= z then
    if head then
      redis.call('DEL', key)
    end
    return nil, nil
  end
  if head[5] ~= deaths then
    recount(key, head)
    redis.call('HSET', key, 'h', cmsgpack.pack(head))
    fields[2] = redis.call('HGET', key, own)
  end
  return head, fields[2] and cmsgpack.unpack(fields[2])
end

-- Where a count stands to its limit: others hear of it when that changes.
local function level(count, limit)
  if limit == 0 or count * 2 < limit then
    return 0
  end
  if count > limit then
    return 1e12
  end
  local step = math.max(1, math.floor(limit / 16))
  return count >= limit - step and 1e9 + count or 1 + math.floor((count - math.ceil(limit / 2)) / step)
end
local function levels(head, limits)
  local all = {level(head[OPEN], limits[2])}
  for i = 1, RATES do
    all[1 + i] = level(head[OPEN + i], limits[2 + i])
  end
  return all
end

local function window(head, start)
  head[2], head[4] = start, head[4] + 1
  for i = 1, RATES do
    head[OPEN + i] = 0
  end
end

local function answer(head, field)
  local all = {}
  for i = 1, RATES do
    all[i] = math.max(0, head[OPEN + i] - (field and rate(head, field, i) or 0))
  end
  return struct.pack('<i4I4' .. string.rep('I4', #all), head[2] == CLOSED and NONE or at - head[2],
    math.max(0, head[OPEN] - (field and field[2] or 0)), unpack(all))
end

local answers, reported, place = {}, {}, 1
local form = '<Bi4I4' .. string.rep('I4', RATES)
for k = 4, #KEYS do
  local key, r = KEYS[k], {struct.unpack(form, reports, place)}
  place = r[#r]
  local limits, age, head, field = services[r[1] + 1], r[2], read(key)
  if not head then
    head = {z, CLOSED, 0, 1, deaths}
    for i = 0, RATES do
      head[OPEN + i] = 0
    end
  end
  local earlier = levels(head, limits)

  local isLive = false
  for i = 4, 3 + RATES do
    isLive = isLive or r[i] > 0
  end
  isLive = isLive and age ~= NONE and age < unit
  local begin, start = at - age, head[2]
  if start ~= CLOSED and (at - start > unit + 1000 or (isLive and begin > start + unit - 1000)) then
    window(head, isLive and begin or CLOSED)
  elseif isLive and (start == CLOSED or begin < start - 1000) then
    head[2] = begin
  end

  local mine = {head[4], r[3]}
  head[OPEN] = head[OPEN] + r[3] - (field and field[2] or 0)
  for i = 1, RATES do
    mine[2 + i] = isLive and r[3 + i] or 0
    head[OPEN + i] = head[OPEN + i] + mine[2 + i] - (field and rate(head, field, i) or 0)
  end

  local second = math.floor(at / 1000)
  local isDue = (second - head[3]) * 4000 >= expiry
  if isDue then
    head[3] = second
  end
  if isZero(mine) then
    redis.call('HSET', key, 'h', cmsgpack.pack(head))
    if field then
      redis.call('HDEL', key, own)
    end
  else
    redis.call('HSET', key, 'h', cmsgpack.pack(head), own, cmsgpack.pack(mine))
  end
  if isDue then
    redis.call('PEXPIRE', key, text(expiry))
  end

  local client = string.sub(key, #prefix + 1)
  reported[client] = true
  for i, one in ipairs(levels(head, limits)) do
    if one ~= earlier[i] then
      redis.call('ZADD', news, text(t), client)
      break
    end
  end
  answers[#answers + 1] = answer(head, mine)
end

-- What others have told. A page ends between two calls, never within one.
local told_news, clients = {}, {}
local page = redis.call('ZRANGEBYSCORE', news, '(' .. text(cursor), '+inf', 'WITHSCORES', 'LIMIT', 0, 200)
if #page == 400 then
  page = redis.call('ZRANGEBYSCORE', news, '(' .. text(cursor), page[400], 'WITHSCORES')
end
for i = 1, #page, 2 do
  local client = page[i]
  if not reported[client] then
    local head, field = read(prefix .. client)
    if head then
      clients[#clients + 1] = client
      told_news[#told_news + 1] = answer(head, field)
    end
  end
  cursor = tonumber(page[i + 1])
end

-- What is old: told once more while it is near a limit.
for _, client in ipairs(redis.call('ZRANGEBYSCORE', news, '-inf', text(t - math.floor(expiry * 1000 / 3)), 'LIMIT', 0, 4)) do
  local head, isNear = read(prefix .. client), false
  for _, limits in ipairs(services) do
    if head and string.sub(client, 1, #limits[1] + 1) == limits[1] .. ':' then
      for _, one in ipairs(levels(head, limits)) do
        isNear = isNear or one > 0
      end
    end
  end
  if isNear then
    redis.call('ZADD', news, text(t), client)
  else
    redis.call('ZREM', news, client)
  end
end

local list = {}
if names then
  for _, number in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. text(y), '+inf')) do
    list[#list + 1] = redis.call('HGET', members, 'f' .. number) or ''
  end
end
local count = redis.call('ZCOUNT', leases, '(' .. text(y), '+inf')
return {'ok', epoch, text(told), text(math.floor(now / 1000)), asks and 1 or 0, text(deaths), count, text(cursor), table.concat(answers), clients,
  table.concat(told_news), text(changes), list}
