package redisstore

import (
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
)

// Every script has one key, the hash of a shard. Its fields are records and last uses,
// see value.go. What cannot be read as a record is left alone: it is nobody's key.

// The answers of scripts.
const (
	answerDone = iota + 1
	answerNotFound
	answerExists
	answerTooMany
	answerRevoked
	answerExpired
	answerRotated
	answerCorrupt
)

// margin is how much longer Redis keeps a hash than it must, since the clock that
// decides is another one.
const margin = 24 * time.Hour

// begin is the start of each script that changes records.
var begin = `
local retention, margin = ` + strconv.FormatInt(apikey.Retention.Microseconds(), 10) + `, ` + strconv.FormatInt(margin.Microseconds(), 10) + `
local none = string.rep('0', 16)
local function read(value)
	if not value or string.sub(value, 1, 1) ~= '1' then
		return nil
	end
	local numbers = string.sub(value, 2, 49) .. string.sub(value, 82, 87)
	if #numbers ~= 54 or string.find(numbers, '%D') then
		return nil
	end
	local a = 88 + tonumber(string.sub(value, 82, 84))
	local b = a + tonumber(string.sub(value, 85, 87))
	if #value < b - 1 then
		return nil
	end
	return {
		created = string.sub(value, 2, 17), expires = string.sub(value, 18, 33), revoked = string.sub(value, 34, 49),
		hash = string.sub(value, 50, 81), successor = string.sub(value, 88, a - 1), subject = string.sub(value, a, b - 1),
		grant = string.sub(value, b)
	}
end
local function write(r)
	return '1' .. r.created .. r.expires .. r.revoked .. r.hash ..
		string.format('%03d%03d', #r.successor, #r.subject) .. r.successor .. r.subject .. r.grant
end
local function earlier(a, b)
	if a == none or b ~= none and b < a then
		return b
	end
	return a
end
local function live(r, now)
	return r.revoked == none and (r.expires == none or now < r.expires)
end
local function all()
	local fields, records = redis.call('HGETALL', KEYS[1]), {}
	for i = 1, #fields, 2 do
		if string.sub(fields[i], 1, 1) == 'k' then
			records[string.sub(fields[i], 2)] = read(fields[i + 1])
		end
	end
	return records
end
local function forget(id)
	redis.call('HDEL', KEYS[1], 'k' .. id, 'u' .. id)
end

-- room counts the live keys of a subject, and finds those of the dead ones that are in
-- the way of a new one.
local function room(records, subject, limit, now)
	local count, dead = 0, {}
	for id, r in pairs(records) do
		if r.subject == subject then
			if live(r, now) then
				count = count + 1
			else
				table.insert(dead, id)
			end
		end
	end
	if count >= limit then
		return nil
	end
	table.sort(dead, function(a, b)
		if records[a].created ~= records[b].created then
			return records[a].created < records[b].created
		end
		return a < b
	end)
	local victims, own = {}, count + #dead
	for _, id in ipairs(dead) do
		if own >= limit then
			table.insert(victims, id)
			own = own - 1
		end
	end
	return victims
end

-- settle forgets what may be forgotten at now, if that is given, and sets the end of
-- the hash: that of the record that lasts longest.
local function settle(now)
	local t = redis.call('TIME')
	local clock = t[1] * 1000000 + t[2]
	local left = 0
	for id, r in pairs(all()) do
		local dead = earlier(r.expires, r.revoked)
		if dead == none then
			left = nil
		elseif now and tonumber(dead) + retention < tonumber(now) then
			forget(id)
		elseif left then
			left = math.max(left, tonumber(dead) - clock)
		end
		if not left and not now then
			break
		end
	end
	if left then
		redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((left + retention + margin) / 1000)))
	else
		redis.call('PERSIST', KEYS[1])
	end
end
local function tell(channel, change)
	redis.call('PUBLISH', channel, change)
end
`

// create wants an id, its record and a limit.
var create = redis.NewScript(begin + `
local id, value, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local new, there = read(value), redis.call('HGET', KEYS[1], 'k' .. id)
if there then
	local r = read(there)
	return r and r.hash == new.hash and 1 or 3
end
local victims = room(all(), new.subject, limit, new.created)
if not victims then
	return 4
end
-- It writes before it forgets: if Redis has no memory left it stops here.
redis.call('HSET', KEYS[1], 'k' .. id, value)
for _, v in ipairs(victims) do
	forget(v)
end
settle(new.created)
return 1
`)

// rotate is apikey.Rotation.Apply. It wants an id, that of the successor and its
// record, the end, the limit and the channel.
var rotate = redis.NewScript(begin + `
local id, next, value, ends, limit, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local there, new = redis.call('HGET', KEYS[1], 'k' .. id), read(value)
if not there then
	return 2
end
local old, now = read(there), new.created
if not old then
	return 8
elseif old.successor == next then
	return 1
elseif old.revoked ~= none then
	return 5
elseif not live(old, now) then
	return 6
elseif old.successor ~= '' then
	return 7
elseif redis.call('HEXISTS', KEYS[1], 'k' .. next) == 1 then
	return 3
end
-- What is rotated is live, so it is in nobody's way.
local victims = room(all(), new.subject, limit, now)
if not victims then
	return 4
end
old.successor, old.expires = next, earlier(old.expires, ends)
redis.call('HSET', KEYS[1], 'k' .. id, write(old), 'k' .. next, value)
for _, v in ipairs(victims) do
	forget(v)
end
settle(now)
tell(channel, 'k' .. id)
return 1
`)

// expire wants an id, a time and the channel.
var expire = redis.NewScript(begin + `
local id, at, channel = ARGV[1], ARGV[2], ARGV[3]
local there = redis.call('HGET', KEYS[1], 'k' .. id)
if not there then
	return 2
end
local r = read(there)
if not r then
	return 8
end
if r.expires == none or at < r.expires then
	r.expires = at
	redis.call('HSET', KEYS[1], 'k' .. id, write(r))
	settle(nil)
	tell(channel, 'k' .. id)
end
return 1
`)

// end marks a record as revoked, or removes it if there is no memory for that.
const end = `
local function revoke(id, r, at)
	r.revoked = at
	local done = redis.pcall('HSET', KEYS[1], 'k' .. id, write(r))
	if type(done) == 'table' and done.err then
		forget(id)
	end
end
`

// revoke wants an id, a time and the channel.
var revoke = redis.NewScript(begin + end + `
local id, at, channel = ARGV[1], ARGV[2], ARGV[3]
local there = redis.call('HGET', KEYS[1], 'k' .. id)
if not there then
	return 2
end
local r = read(there)
if not r then
	return 8
end
if r.revoked == none then
	revoke(id, r, at)
	settle(at)
	tell(channel, 'k' .. id)
end
return 1
`)

// revokeAll wants a subject, the id of the key to be spared, a time and the channel.
var revokeAll = redis.NewScript(begin + end + `
local subject, except, at, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local changed = false
for id, r in pairs(all()) do
	if r.subject == subject and id ~= except and r.revoked == none then
		revoke(id, r, at)
		changed = true
	end
end
if changed then
	settle(at)
	tell(channel, 's' .. subject)
end
return 1
`)

// touch wants an id and its use. It does not look at the end of the hash, since it
// makes none and the record is what lasts.
var touch = redis.NewScript(`
if redis.call('HEXISTS', KEYS[1], 'k' .. ARGV[1]) == 0 then
	return 0
end
local there = redis.call('HGET', KEYS[1], 'u' .. ARGV[1])
if there and string.sub(there, 1, 16) >= string.sub(ARGV[2], 1, 16) then
	return 0
end
return redis.call('HSET', KEYS[1], 'u' .. ARGV[1], ARGV[2])
`)
