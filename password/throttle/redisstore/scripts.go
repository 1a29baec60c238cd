package redisstore

import "github.com/redis/go-redis/v9"

// Every script of attempts has one key. Its value is
//
//	1 count inARow locks windowEnd lockEnd tickets
//
// with times in milliseconds by the clock of Redis, 0 for no lock, and tickets of
// eight characters each, the oldest first: the last of them, as many as count, are
// those of the window. What is not of that form is an error.

// read is the start of each script.
const read = `
local count, row, locks, window, lock, tickets = 0, 0, 0, 0, 0, ''
local value = redis.call('GET', KEYS[1])
if value then
	local a, b, c, d, e, f = string.match(value, '^1 (%d+) (%d+) (%d+) (%d+) (%d+) ([%w_-]*)$')
	if not a then
		return redis.error_reply('ERR the value is not a count of attempts')
	end
	count, row, locks, window, lock, tickets = tonumber(a), tonumber(b), tonumber(c), tonumber(d), tonumber(e), f
end
local function find(ticket)
	local at = 1
	repeat
		at = string.find(tickets, ticket, at, true)
		if at and at % 8 == 1 then
			return at
		end
		at = at and at + 1
	until not at
	return false
end
local function text()
	return string.format('1 %d %d %d %d %d %s', count, row, locks, window, lock, tickets)
end
`

// take answers whether the attempt is admitted, how many milliseconds the key is
// locked, and whether it is exhausted. An attempt that is counted already, whose
// first answer was lost, is admitted as it was. See throttle.Rule.
//
// ARGV: ticket, max, window, lockout, max lockout, max in a row, memory.
var take = redis.NewScript(read + `
local max, inRow = tonumber(ARGV[2]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if value then
	if find(ARGV[1]) then
		return {1, math.max(lock - now, 0), 0}
	end
	if inRow > 0 and row >= inRow then
		return {0, math.max(redis.call('PTTL', KEYS[1]), 1), 1}
	end
	if now < lock then
		return {0, lock - now, 0}
	end
end
if row == 0 or lock > 0 or now >= window then
	count, lock, window = 0, 0, now + ARGV[3]
end
count, row = count + 1, row + 1
tickets = string.sub(tickets .. ARGV[1], -8 * max)
if count >= max then
	lock = window
	if tonumber(ARGV[4]) > 0 then
		lock = now + math.min(ARGV[4] * 2 ^ math.min(locks, 40), ARGV[5])
		locks = locks + 1
	end
end
local forget = math.max(window, lock, now + math.min(ARGV[7], 86400000 * 2 ^ math.min(row - 1, 9)))
redis.call('SET', KEYS[1], text(), 'PX', string.format('%d', forget - now))
if inRow > 0 and row >= inRow then
	return {1, forget - now, 1}
end
return {1, math.max(lock - now, 0), 0}
`)

// allow counts a request in a plain number. Its answer is how many milliseconds the
// window has left: below zero for a request that is refused, zero for one that is
// not the last of its window. A number without an end, which only a hand can have
// made, is given one.
//
// ARGV: limit, window.
var allow = redis.NewScript(`
local n, limit = redis.call('INCR', KEYS[1]), tonumber(ARGV[1])
if n == 1 then
	redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if n < limit then
	return 0
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
	redis.call('PEXPIRE', KEYS[1], ARGV[2])
	left = tonumber(ARGV[2])
end
left = math.max(left, 1)
if n > limit then
	return -left
end
return left
`)

// forgive deletes the key if the ticket is in it.
var forgive = redis.NewScript(read + `
if find(ARGV[1]) then
	redis.call('DEL', KEYS[1])
end
return 1
`)

// cancel takes the ticket out, and with it what it has completed.
var cancel = redis.NewScript(read + `
local at = find(ARGV[1])
if not at then
	return 1
end
local later = (string.len(tickets) - at + 1) / 8
tickets = string.sub(tickets, 1, at - 1) .. string.sub(tickets, at + 8)
row = row - 1
if row <= 0 then
	redis.call('DEL', KEYS[1])
	return 1
end
if later <= count then
	count = count - 1
	if lock > 0 then
		lock = 0
		locks = math.max(locks - 1, 0)
	end
end
redis.call('SET', KEYS[1], text(), 'KEEPTTL')
return 1
`)
