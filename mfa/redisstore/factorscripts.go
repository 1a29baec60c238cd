package redisstore

import "github.com/redis/go-redis/v9"

// The scripts below have two keys of one subject, in one hash slot. KEYS[1] is a
// hash without a time to live: the fields of the factor, and one for each recovery
// code, named by its hash behind codePrefix, with the call that has used it or
// nothing. KEYS[2] is the enrolment that waits, which Redis itself ends.
//
// As above, what may want memory is written first.

// codePrefix is what the names of the fields of codes begin with.
const codePrefix = "#"

// codes makes the arguments from the first one on the codes of the subject.
const codes = `
local function setCodes(first)
	local there, fields = {}, {}
	for i = first, #ARGV do
		local field = '` + codePrefix + `' .. ARGV[i]
		there[field] = true
		table.insert(fields, field)
		table.insert(fields, '')
	end
	if #fields > 0 then
		redis.call('HSET', KEYS[1], unpack(fields))
	end
	for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
		if string.sub(field, 1, 1) == '` + codePrefix + `' and not there[field] then
			redis.call('HDEL', KEYS[1], field)
		end
	end
end
`

// enrol overwrites all fields of the enrolment before it.
var enrol = redis.NewScript(`
redis.call('HSET', KEYS[2], 'id', ARGV[1], 'sealed', ARGV[2], 'login', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
`)

var activate = redis.NewScript(codes + `
local id, call = ARGV[1], ARGV[4]
if redis.call('HGET', KEYS[2], 'id') ~= id then
	local factor = redis.call('HMGET', KEYS[1], 'id', 'call')
	return factor[1] == id and factor[2] == call and 1 or 0
end
redis.call('HSET', KEYS[1], 'id', id, 'sealed', ARGV[2], 'step', ARGV[3], 'call', call, 'confirmed', ARGV[5])
setCodes(6)
redis.call('DEL', KEYS[2])
return 1
`)

// advance compares steps in halves of ten digits: a number of Lua does not hold
// twenty, and text is compared as the locale of the server has it. A step that
// cannot be read fails the script.
var advance = redis.NewScript(`
local id, step, call = ARGV[1], ARGV[2], ARGV[3]
local factor = redis.call('HMGET', KEYS[1], 'id', 'step', 'call')
if factor[1] ~= id then
	return 0
end
local function half(text, first)
	return tonumber(string.sub(text, first, first + 9))
end
local high, low = half(step, 1) - half(factor[2], 1), half(step, 11) - half(factor[2], 11)
if high > 0 or high == 0 and low > 0 then
	redis.call('HSET', KEYS[1], 'step', step, 'call', call)
	return 1
end
return high == 0 and low == 0 and factor[3] == call and 1 or 0
`)

var reseal = redis.NewScript(`
local id, from, to = ARGV[1], ARGV[2], ARGV[3]
local factor = redis.call('HMGET', KEYS[1], 'id', 'sealed')
if factor[1] ~= id then
	return 0
end
if factor[2] == from then
	redis.call('HSET', KEYS[1], 'sealed', to)
	return 1
end
return factor[2] == to and 1 or 0
`)

var deactivate = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then
	return 1
end
if ARGV[2] == 'true' then
	redis.call('DEL', KEYS[1])
else
	redis.call('HDEL', KEYS[1], 'id', 'sealed', 'step', 'call', 'confirmed')
end
redis.call('DEL', KEYS[2])
return 1
`)

var replaceCodes = redis.NewScript(codes + `
setCodes(1)
return 1
`)

// consume answers whether the code is that of the call, and how many are left.
var consume = redis.NewScript(`
local field, call = '` + codePrefix + `' .. ARGV[1], ARGV[2]
local by, used, left = redis.call('HGET', KEYS[1], field), 0, 0
if by == '' then
	redis.call('HSET', KEYS[1], field, call)
	used = 1
elseif by == call then
	used = 1
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	if string.sub(all[i], 1, 1) == '` + codePrefix + `' and all[i + 1] == '' then
		left = left + 1
	end
end
return {used, left}
`)
