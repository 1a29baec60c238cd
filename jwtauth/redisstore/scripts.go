package redisstore

import "github.com/redis/go-redis/v9"

// Every script has one key, that of a bucket, which is a hash: its fields are
// families. Their values begin with a header, see value.go. Times are by the clock
// of Redis, in milliseconds; what cannot be read has expired.

// begin is the start of each script. A key gets an eighth more time than it needs,
// so that not every rotation has to move its end.
const begin = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function at(value, i)
	return tonumber(string.sub(value, 16 * i + 1, 16 * i + 16)) or 0
end
local function digits(n)
	return string.format('%016.0f', n)
end
local function keep(expiry)
	local ttl = expiry - now
	if redis.call('PTTL', KEYS[1]) < ttl then
		redis.call('PEXPIRE', KEYS[1], ttl + math.ceil(ttl / 8))
	end
end
local function find(field)
	local value = redis.call('HGET', KEYS[1], field)
	if value and at(value, 2) > now then
		return value
	end
	if value then
		redis.call('HDEL', KEYS[1], field)
	end
	return false
end
`

// find answers with the value, or nil.
var find = redis.NewScript(begin + `
return find(ARGV[1])
`)

// list answers with fields and values.
var list = redis.NewScript(begin + `
local all, live = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
	if at(all[i + 1], 2) > now then
		table.insert(live, all[i])
		table.insert(live, all[i + 1])
	end
end
return live
`)

// create answers 2 if the id is taken: by somebody else, or by this very call if
// its first answer was lost, whose family is as it was made. It writes before it
// deletes: if Redis has no memory left, it stops there and nobody is signed out.
var create = redis.NewScript(begin + `
local field, grant, lifetime, idle, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local there = find(field)
if there then
	return at(there, 0) == 1 and string.sub(there, 129) == grant and 1 or 2
end
local expiry = now + math.min(idle, lifetime)
local value = digits(1) .. digits(now) .. digits(expiry) .. digits(now + lifetime) .. digits(now) ..
	string.rep('\0', 32) .. string.rep('.', 16) .. grant
redis.call('HSET', KEYS[1], field, value)
keep(expiry)
local all = redis.call('HGETALL', KEYS[1])
local others = {}
for i = 1, #all, 2 do
	if at(all[i + 1], 2) <= now then
		redis.call('HDEL', KEYS[1], all[i])
	elseif all[i] ~= field then
		table.insert(others, {all[i], at(all[i + 1], 4)})
	end
end
if #others >= limit then
	table.sort(others, function(a, b) return a[2] < b[2] end)
	for i = 1, #others - limit + 1 do
		redis.call('HDEL', KEYS[1], others[i][1])
	end
end
return 1
`)

// rotate is jwtauth.Rotation.Apply. It answers with the milliseconds that are left,
// times four, and the outcome, in one number, which is the fastest answer; or nil.
var rotate = redis.NewScript(begin + `
local field, counter, call, grace, idle = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local there = find(field)
if not there then
	return false
end
if string.sub(there, 113, 113) == 'x' then
	return 3
end
for i = 81, 105, 8 do
	if string.sub(there, i, i + 7) == call then
		return 4 * (at(there, 2) - now) + 2
	end
end
local good = at(there, 0)
if counter >= good then
	local expiry = math.min(now + idle, at(there, 3))
	redis.call('HSET', KEYS[1], field, digits(counter + 1) .. digits(now) .. digits(expiry) ..
		string.sub(there, 49, 80) .. call .. string.sub(there, 81, 104) .. string.sub(there, 113))
	keep(expiry)
	return 4 * (expiry - now) + 1
end
if counter == good - 1 and grace > 0 and now - at(there, 1) < grace then
	return 4 * (at(there, 2) - now) + 2
end
redis.call('HSET', KEYS[1], field, string.sub(there, 1, 112) .. 'x' .. string.sub(there, 114))
return 3
`)

// revokeOthers deletes all fields but one.
var revokeOthers = redis.NewScript(`
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
	if field ~= ARGV[1] then
		redis.call('HDEL', KEYS[1], field)
	end
end
return 1
`)
