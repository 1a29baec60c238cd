package redisstore

import "github.com/redis/go-redis/v9"

// Every script below has one key, a hash: the challenges of a bucket or the devices
// of a subject. Values begin with a header, see value.go. The clock is that of
// Redis; what has expired, or cannot be read, is deleted by whoever sees it, so that
// no clock brings it back.
//
// Scripts write before they delete: if Redis has no memory left, it stops there and
// nothing has happened.

// begin is the start of each script.
const begin = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local none = string.rep('\0', 16)
local function at(value, i)
	return tonumber(string.sub(value, 16 * i + 1, 16 * i + 16)) or 0
end
local function digits(n)
	return string.format('%016.0f', n)
end
local function claimed(value)
	return string.sub(value, 49, 64) ~= none
end
local function find(field)
	local value = redis.call('HGET', KEYS[1], field)
	if value and at(value, 0) > now then
		return value
	end
	if value then
		redis.call('HDEL', KEYS[1], field)
	end
	return false
end
`

// add adds a record, unless it is there, and removes those above the limit which
// were added first. The order is that of the clock, but never that of a clock that
// went back.
var add = redis.NewScript(begin + `
local field, rest, ttl, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if find(field) then
	return 1
end
local order = t[1] * 1000000 + t[2]
local all, live, over = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #all, 2 do
	if at(all[i + 1], 0) <= now then
		table.insert(over, all[i])
	else
		order = math.max(order, at(all[i + 1], 2) + 1)
		if not claimed(all[i + 1]) then
			table.insert(live, {all[i], at(all[i + 1], 2)})
		end
	end
end
redis.call('HSET', KEYS[1], field, digits(now + ttl) .. digits(now) .. digits(order) .. none .. rest)
if redis.call('PTTL', KEYS[1]) < ttl then
	redis.call('PEXPIRE', KEYS[1], ttl)
end
table.insert(live, {field, order})
table.sort(live, function(a, b) return a[2] < b[2] end)
for i = 1, #live - math.max(limit, 1) do
	table.insert(over, live[i][1])
end
for _, f in ipairs(over) do
	redis.call('HDEL', KEYS[1], f)
end
return 1
`)

// find answers with the value, or nil.
var find = redis.NewScript(begin + `
local value = find(ARGV[1])
return value and not claimed(value) and value
`)

// list answers with fields and values.
var list = redis.NewScript(begin + `
local all, live = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
	if at(all[i + 1], 0) > now then
		table.insert(live, all[i])
		table.insert(live, all[i + 1])
	else
		redis.call('HDEL', KEYS[1], all[i])
	end
end
return live
`)

// try counts an attempt and answers with the new value, or nil.
var try = redis.NewScript(begin + `
local field, limit = ARGV[1], tonumber(ARGV[2])
local value = find(field)
local attempts = value and not claimed(value) and tonumber(string.sub(value, 65, 80))
if not attempts or attempts >= limit then
	return false
end
value = string.sub(value, 1, 64) .. digits(attempts + 1) .. string.sub(value, 81)
redis.call('HSET', KEYS[1], field, value)
return value
`)

// claim answers 1 if the challenge is that of the call. What it was for is forgotten;
// that it was claimed is kept for as long as it would have lasted.
var claim = redis.NewScript(begin + `
local field, call = ARGV[1], ARGV[2]
local value = find(field)
if not value then
	return 0
end
if claimed(value) then
	return string.sub(value, 49, 64) == call and 1 or 0
end
redis.call('HSET', KEYS[1], field, string.sub(value, 1, 48) .. call)
return 1
`)

// drop removes the device whose id this is.
var drop = redis.NewScript(`
local all, id = redis.call('HGETALL', KEYS[1]), ARGV[1]
for i = 1, #all, 2 do
	if string.sub(all[i + 1], 65, 64 + #id) == id then
		redis.call('HDEL', KEYS[1], all[i])
	end
end
return 1
`)
