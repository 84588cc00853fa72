-- What shields tell each other that holds for a while: one entry a key, the latest one. Called by its hash only.
--
-- KEYS     1 the entries  2 their numbers, by which they are told  3 their ends  4 the epoch and the last number
-- ARGV     1 owner: who calls  2 the epoch it knows  3 what it has heard of  4 an epoch to begin, if one is needed
--          then for each entry: its key, its kind, its age in ms, for how long it holds in ms, its text
--
-- An entry is: who told it, its kind, when it was made, when it ends, its text. Times are the store's; of a clock that is set only those hear that come later.

local owner, seen, cursor, fresh = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local entries, numbers, ends, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local PAGE, SAME = 200, 1000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local epoch, last = redis.call('HGET', state, 'e'), tonumber(redis.call('HGET', state, 'n') or 0)
if not epoch then
  redis.call('DEL', entries, numbers, ends)
  epoch, last = fresh, 0
end
local isKnown = seen == epoch
if not isKnown then
  cursor = 0
end

local function text(number)
  return string.format('%.0f', number)
end

-- Several shields know one and say so: a moment is no difference.
local function isNewer(made, till, kind, old)
  if kind ~= old[2] then
    return made >= old[3]
  end
  return made > old[3] + SAME or (made > old[3] - SAME and till > old[4] + SAME)
end

for i = 5, #ARGV, 5 do
  local key, kind, made, till = ARGV[i], ARGV[i + 1], now - tonumber(ARGV[i + 2]), now + tonumber(ARGV[i + 3])
  local packed = redis.call('HGET', entries, key)
  if not packed or isNewer(made, till, kind, cmsgpack.unpack(packed)) then
    last = last + 1
    redis.call('HSET', entries, key, cmsgpack.pack({owner, kind, made, till, ARGV[i + 4]}))
    redis.call('ZADD', numbers, text(last), key)
    redis.call('ZADD', ends, text(till), key)
  end
end
redis.call('HSET', state, 'e', epoch, 'n', text(last))

for _, key in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', text(now), 'LIMIT', 0, PAGE)) do
  redis.call('HDEL', entries, key)
  redis.call('ZREM', numbers, key)
  redis.call('ZREM', ends, key)
end

local told = {}
local page = redis.call('ZRANGEBYSCORE', numbers, '(' .. text(cursor), '+inf', 'WITHSCORES', 'LIMIT', 0, PAGE)
for i = 1, #page, 2 do
  local entry = cmsgpack.unpack(redis.call('HGET', entries, page[i]))
  if entry[1] ~= owner then
    for _, word in ipairs({page[i], entry[2], text(now - entry[3]), text(entry[4] - now), entry[5]}) do
      told[#told + 1] = word
    end
  end
  cursor = tonumber(page[i + 1])
end
return {'ok', epoch, isKnown and 1 or 0, text(cursor), #page == 2 * PAGE and 1 or 0, told}
