// Package redisstore keeps sessions in Redis: one server, Sentinel, Cluster or
// Ring.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, redisstore.Config{})
//	...
//	sessions, err := session.New(store, session.Config{})
//
// # What is where
//
// All sessions of a user are fields of one key, a hash whose name is a hash of
// the user (see session.Bucket), so that there is no index: a session is live
// because it is in there. Every write is one command or script on that one key.
// Ending all sessions of a user deletes it, and what runs at the same time is
// before or after, on one server as in a cluster. A visitor's session has a key
// of its own.
//
// A read is one HGET, listing one HVALS. Writes look at the other sessions of the
// user only at a sign-in and a revocation. go-redis sends a command again when
// the answer was lost; every write is made so that the repeat changes nothing and
// gets the same answer.
//
// # What it protects from
//
// A session that comes back after logout: a session is written only if it is
// there, or made if it is not. A session that never ends: no key is written
// without a time to live, that of the session in it which lasts longest; every
// session has an expiry of its own, checked when it is read. Expired ones go with
// the next sign-in, or the key. A stalled Redis that stalls the service: each
// call has a deadline, and a client that ignores deadlines is refused by New.
// Logouts that are not seen yet: a client that reads from replicas is refused
// too. Theft by whoever can read Redis: it holds hashes, see session.ID. A value
// that was cut or changed is a session that is signed out.
//
// # What it does not
//
// Redis may lose writes that it has acknowledged when a replica takes over: a
// sign-out or revocation of the last moments can then be lost, whole, and its
// sessions are live and listed again until they are revoked again or end by their
// limits. min-replicas-to-write and min-replicas-max-lag refuse writes when no
// replica answers, which bounds the window to that lag but for a replica that
// answers and is behind; what must not be lost at all belongs into the database
// that Gate.Current asks. While there is no primary every call fails, and when
// Sentinel or the cluster has promoted a replica the client goes on with it by
// itself.
//
// A Ring by default gives the keys of a shard that is down to another one, where nothing
// is: a revocation is answered there, and its sessions are live again when the shard is
// back. New refuses such a ring; with a HeartbeatFn that always returns true the calls for
// that shard fail until it is back. When the shards are changed (SetAddrs) some users are
// signed out, and are signed in again when that is undone.
//
// Eviction (maxmemory-policy allkeys-* or volatile-*) signs users out early, and
// nothing worse: it takes all sessions of a user at once, and hides none from a
// revocation. Use noeviction all the same, and [CheckEviction] to be told at the
// start; sign-ins then fail when memory is full, while reads, sign-outs and
// revocations go on.
//
// A client of Sentinel with ReplicaOnly cannot be told from others by New: with it
// every sign-in fails.
//
// Whoever can write to Redis can make sessions: use TLS, a password and a network
// of its own. Whoever can read it and guesses a user's subject can see how many
// sessions that user has.
package redisstore
