// Package redisstore keeps API keys in Redis: one server, Sentinel, Cluster or
// Ring.
//
//	client := redis.NewClient(&redis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, redisstore.Config{})
//	...
//	keys, err := apikey.New(store, apikey.Config{…})
//
// # What is where
//
// The keys of all subjects with the same apikey.ShardOf are fields of one hash, such
// as apikey:4qL. There are 238,328 shards, so of a million keys it holds four. Finding
// a key is one HMGET of its record and its last use; no index can be lost or be wrong.
// Every change is one script on that one hash, so it is atomic on one server as in a
// cluster. List, RevokeAll and the scripts read the whole hash: the keys of the
// subject, and what else is in the shard.
//
// Decisions are made by the times that the Manager gives. The clock of Redis says when
// a hash ends: when each record in it could be forgotten, and a day later, for clocks
// that differ. A hash with a key that never expires has no time to live, because its
// record has no end by nature. Dead records in it are removed by the next write to
// their shard.
//
// Changes are told on the channel apikey:changes by the scripts themselves, so that
// there is no change without its message. Watch listens at every primary of a cluster
// and every shard of a ring. It ends when a connection is lost, within 20 seconds when
// one has died without a word, and within 10 when there are other servers than before.
//
// # What it protects from
//
// Two successors of one key, and a key above the limit of its owner: rules are decided
// inside of Redis. A key that comes back: a change wants the record to be there, and
// go-redis, which sends a command again when the answer was lost, gets the same
// answer again. A stalled Redis that stalls the service: each call has a deadline, and
// a client that ignores deadlines is refused by New. Revocations that are not seen
// yet: a client that reads from replicas is refused too. A Redis that is full: with
// noeviction, issuing and rotating fail, while Revoke and RevokeAll remove the record
// where there is no room to mark it. Theft by whoever can read Redis: no key can be
// made of what is there.
//
// # What it does not
//
// Redis may lose writes that it has acknowledged when a replica takes over or when it
// restarts without persistence: a key that was just issued is gone, and one that was
// just revoked is good again. Use appendonly, and min-replicas-to-write with
// min-replicas-max-lag, which bound the window; or package sqlstore, if a revocation
// must be durable when it has been answered.
//
// A Ring by default gives the keys of a shard that is down to another one, where nothing
// is: to revoke all keys of a subject is answered there, and they are good again when the
// shard is back. New refuses such a ring; with a HeartbeatFn that always returns true the
// calls for that shard fail until it is back. When the shards are changed (SetAddrs) some
// keys are gone, and are there again when that is undone.
//
// Eviction (maxmemory-policy allkeys-* or volatile-*) loses all keys of a shard
// together. They are refused, and cannot be restored: their owners must be given new
// ones. Use noeviction. Evicted or not, no key is good that was not.
//
// Whoever can write to Redis can make keys: use TLS, a password, and with ACLs allow
// the commands of this package on ~apikey:* and &apikey:changes. Whoever can read it
// sees names, scopes, labels and addresses.
//
// A change takes some 20 microseconds of Redis for each key in its shard. Subjects that
// users can choose, such as names, can be chosen so that thousands share one: take ids
// that the service makes.
//
// Redis from 5 is needed, as scripts read the clock before they write.
package redisstore
