package redisstore

import "github.com/redis/go-redis/v9"

// Every script has one key, that of a bucket, which is a hash: its fields are
// sessions. Times are by the clock of the caller (see Config.Now); what cannot be
// read has expired.

// begin is the start of each script: the milliseconds of a value's field, and
// what keeps the key for as long as the session that lasts longest.
const begin = `
local function at(value, from)
	return tonumber(string.sub(value, from, from + 15)) or 0
end
local function keep(ttl)
	ttl = tonumber(ttl)
	if redis.call('HLEN', KEYS[1]) == 1 or redis.call('PTTL', KEYS[1]) < ttl then
		redis.call('PEXPIRE', KEYS[1], ttl)
	end
end
local function find(field, now)
	local value = redis.call('HGET', KEYS[1], field)
	if value and at(value, 17) > tonumber(now) then
		return value
	end
	return false
end
`

// create answers 2 if the id is taken: by somebody else, or by this very call if
// its first answer was lost, which has the same value. It writes before it
// deletes: if Redis has no memory left, it stops there and nobody is signed out.
var create = redis.NewScript(begin + `
local field, value, ttl, now, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local there = find(field, now)
if there then
	return there == value and 1 or 2
end
redis.call('HSET', KEYS[1], field, value)
keep(ttl)
local all = redis.call('HGETALL', KEYS[1])
local others = {}
for i = 1, #all, 2 do
	if at(all[i + 1], 17) <= tonumber(now) then
		redis.call('HDEL', KEYS[1], all[i])
	elseif all[i] ~= field then
		table.insert(others, {all[i], at(all[i + 1], 33)})
	end
end
if limit > 0 and #others >= limit then
	table.sort(others, function(a, b) return a[2] < b[2] end)
	for i = 1, #others - limit + 1 do
		redis.call('HDEL', KEYS[1], others[i][1])
	end
end
return 1
`)

var update = redis.NewScript(begin + `
if not find(ARGV[1], ARGV[4]) then
	return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
keep(ARGV[3])
return 1
`)

// touch overwrites the two times in the front of the value as it is now.
var touch = redis.NewScript(begin + `
local there = find(ARGV[1], ARGV[4])
if not there then
	return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. string.sub(there, 33))
keep(ARGV[3])
return 1
`)

// rename writes the new field before it deletes the old one, as create does. The
// second test is for a call that comes again.
var rename = redis.NewScript(begin + `
local from, value, ttl, now, to = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local there = find(to, now)
if not find(from, now) then
	return there == value and 1 or 0
end
if there then
	return 2
end
redis.call('HSET', KEYS[1], to, value)
redis.call('HDEL', KEYS[1], from)
keep(ttl)
return 1
`)

// revoke deletes the sessions that have the public id, or all that have not.
var revoke = redis.NewScript(`
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	local same = string.sub(all[i + 1], 49, 64) == ARGV[1]
	if same == (ARGV[2] == 'only') then
		redis.call('HDEL', KEYS[1], all[i])
	end
end
return 1
`)
