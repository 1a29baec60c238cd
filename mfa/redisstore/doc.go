// Package redisstore keeps challenges and trusted devices of package mfa in Redis,
// and factors if you insist: one server, Sentinel, Cluster or Ring.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, redisstore.Config{})
//	...
//	factors, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{}) // of mfa/sqlstore
//	...
//	manager, err := mfa.New(mfa.Split{FactorStore: factors, ChallengeStore: store, DeviceStore: store}, mfa.Config{…})
//
// # Which parts belong here
//
// Challenges and trusted devices do. They are short-lived, or no more than a
// convenience, and one that is lost asks its user for more and never for less.
//
// Factors do not, by default. A user without a factor signs in without one, so a
// Redis that forgets a factor has turned it off, and nobody is told. Therefore a
// [Store] is no mfa.FactorStore, and [NewFactorStore] asks the server first and
// refuses one that evicts, or has no append-only file ([CheckDurability]). Keep
// them in the database of your users: mfa/sqlstore. Who has no database:
//
//	factors, err := redisstore.NewFactorStore(ctx, client, redisstore.Config{})
//
// and in redis.conf appendonly yes, appendfsync always, maxmemory-policy noeviction
// and, with replicas, min-replicas-to-write 1. What is left then is at the end of
// this comment.
//
// # What is where
//
// Challenges of a user are fields of one key, a hash, and so are devices. The names
// of keys are digests of the user. What expires has an expiry of its own, by the
// clock of Redis, which is checked whenever it is read, and its key has a time to
// live, that of the field which lasts longest.
//
// A factor and the recovery codes of a user are one key, {prefix}factor:…, which has
// no time to live: it is the only kind of key without one, for a factor does not
// end by itself. An enrolment that waits has a key beside it, in the same hash slot.
//
// Every method is one command or one script in one hash slot. go-redis sends a
// command again when its answer was lost; every write is made so that the repeat
// changes nothing and gets the same answer, but for an attempt at a challenge, which
// may count twice.
//
// # What it protects from
//
// A code, recovery code or challenge that is used twice, by however many processes:
// each is decided inside of Redis. A stalled Redis that stalls the service: each
// call has a deadline, and a client that ignores deadlines is refused by New.
// Answers from the past: a client that reads from replicas is refused too. A factor
// that cannot be read is a failure and not a user without one. Theft by whoever can
// read Redis: there are digests, and what the Manager has sealed.
//
// # What it does not
//
// Redis may lose writes that it has acknowledged when a replica takes over, or with
// appendfsync everysec, which is its default, the last second when it crashes. Of
// challenges and devices: a sign-in that was completed could be completed again by
// the browser that has the cookie, with another code; a device that was dropped in
// that moment is trusted again until it expires. Of factors: one that was enabled in
// that moment is off, a code of that moment is good once more until its 90 seconds
// are over, and a recovery code once more. A backup that is restored does the same
// for all that came after it.
//
// A Ring by default gives the keys of a shard that is down to another one, where nothing
// is: a device that was dropped there is trusted again when the shard is back, and who has
// a factor in it has none meanwhile. New refuses such a ring; with a HeartbeatFn that
// always returns true the calls for that shard fail until it is back. Never change the
// shards (SetAddrs) of one that keeps factors.
//
// Eviction of challenges and devices (maxmemory-policy allkeys-* or volatile-*) asks
// users again, and nothing worse. Eviction of factors turns them off: volatile-*
// does not touch them, allkeys-* does and is refused. A policy that is changed while
// the service runs is not noticed. With noeviction and no memory left sign-ins that
// need a factor fail, while devices and challenges can be ended and factors removed.
//
// Whoever can write to Redis can delete a factor, or count a code as not used: use
// TLS, a password and a network of its own. Whoever can read it sees how many codes
// and devices a user has whose subject they guess, and the names of the devices.
//
// Redis from 5 is needed, as a script reads the clock.
package redisstore
