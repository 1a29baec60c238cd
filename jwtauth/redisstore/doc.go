// Package redisstore keeps refresh families in Redis: one server, Sentinel,
// Cluster or Ring.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, redisstore.Config{})
//	...
//	issuer, err := jwtauth.NewIssuer(keys, store, jwtauth.IssuerConfig{…})
//
// # What is where
//
// All families of a user are fields of one key, a hash whose name is a hash of the
// user (see jwtauth.Bucket), so that there is no index: a family is live because
// it is in there. Every write is one command or script on that one key. Ending all
// families of a user deletes it, and a rotation that runs at the same time is
// before or after, on one server as in a cluster.
//
// A rotation is one script, which decides and writes by the clock of Redis: the
// clocks of the services may differ. Creating looks at the other families of the
// user. go-redis sends a command again when the answer was lost; every write is
// made so that the repeat changes nothing and gets the same answer.
//
// # What it protects from
//
// A family that forks: the rule of jwtauth.Rotation runs inside of Redis. A family
// that comes back after a sign-out: a rotation wants it to be there. One that never
// ends: no key is written without a time to live, that of the family in it which
// lasts longest; every family has an expiry of its own, checked whenever it is
// read. A stalled Redis that stalls the service: each call has a deadline, and a
// client that ignores deadlines is refused by New. Sign-outs that are not seen yet:
// a client that reads from replicas is refused too. Theft by whoever can read
// Redis: no token can be made of what is there.
//
// # What it does not
//
// Redis may lose writes that it has acknowledged when a replica takes over. A
// rotation that is lost is caught up with by the next one; until then the token
// before it is good again, and leads to the same successor, so there are never
// two. A sign-out or a revocation of the last moments can be lost, whole, and its
// families are live and listed again. min-replicas-to-write and
// min-replicas-max-lag bound the window.
//
// A Ring by default gives the keys of a shard that is down to another one, where nothing
// is: a revocation is answered there, and its families are live again when the shard is
// back. New refuses such a ring; with a HeartbeatFn that always returns true the calls for
// that shard fail until it is back. When the shards are changed (SetAddrs) some users are
// signed out, and are signed in again when that is undone.
//
// Eviction (maxmemory-policy allkeys-* or volatile-*) signs users out early, and
// nothing worse. Use noeviction all the same; sign-ins and refreshes then fail when
// memory is full, while sign-outs and revocations go on.
//
// There are no epochs here. An epoch that is lost lets revoked access tokens in
// again, and Redis can lose one by eviction or at a failover without anybody seeing
// it; keep them in a database, by package jwtauth/sqlstore.
//
// Whoever can write to Redis can move families, though not make tokens: use TLS, a
// password and a network of its own. Whoever can read it sees the roles, the
// attributes, the addresses and the user agents of sign-ins.
//
// Redis from 5 is needed, as a script reads the clock.
package redisstore
