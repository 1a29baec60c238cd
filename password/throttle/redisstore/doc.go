// Package redisstore counts attempts in Redis, for services of several processes:
// one server, Sentinel, Cluster or Ring. It wants Redis 6 or later.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, redisstore.Config{})
//	...
//	logins, err := throttle.NewGuard(store, throttle.GuardConfig{})
//
// # What is where
//
// Each key of throttle is a key of Redis: a prefix and a digest, see
// throttle.Key. Its value is a short text: numbers, and the tickets of the last
// attempts. Each step is one script on one key, so that it is one step also in a
// cluster, where the keys of an attempt are on different nodes.
//
// # What it protects from
//
// Guessing in parallel, by way of several processes: the script counts before it
// admits. Clocks that differ: it reads the clock of Redis. Commands that go-redis
// sends again because the answer was lost: an attempt is counted once, and what
// was forgiven or taken back is not so again. Keys that stay: none is written
// without a time to live, that of throttle.Rule. A stalled Redis that stalls the
// service: each call has a deadline, and a client that ignores deadlines is
// refused by New, as is one that may read from replicas.
//
// A value that cannot be read is an error, and so the attempt is refused with 503:
// nobody but us writes there.
//
// # What it does not
//
// A count is what refuses, so a count that is lost admits: after FLUSHALL, a
// restart without persistence, an eviction (maxmemory-policy allkeys-* or
// volatile-*) or a failover that loses the last writes, attempts begin again. Use
// noeviction and persistence; then the failures in a row that are remembered for
// throttle.Config.Memory survive restarts. When memory is full, counting fails,
// and logins are refused with 503.
//
// A Ring by default gives the keys of a shard that is down to another one, where attempts
// begin again. New refuses such a ring; with a HeartbeatFn that always returns true the
// calls for that shard fail until it is back.
//
// A clock of Redis that is set back makes locks longer by that time, and one that
// is set forward makes them shorter. The clocks of the services do not matter.
package redisstore
