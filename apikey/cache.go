package apikey

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// cacheShards is how many locks a cache has.
const cacheShards = 16

// A cache remembers records for a time, with the principals of those that were used,
// and ids that do not exist. The two do not compete for room: what strangers ask for
// pushes no key out that is in use.
//
// It is never asked whether a key is good, only what its record is: whoever takes one
// out compares the secret, looks at the clock and counts as if it came from the store.
type cache struct {
	keep     time.Duration
	prefixes []issuedPrefix
	shards   [cacheShards]cacheShard
	loads    flights[string, *entry]
	owners   flights[*entry, *auth.Principal]
}

type cacheShard struct {
	mu     sync.Mutex
	known  generations[*entry]
	absent generations[lifespan]
	epoch  uint64 // of what was forgotten: an answer of an older one is not kept
}

// A lifespan is when something counts. It has a beginning too, so that a clock that is
// set back does not make it longer.
type lifespan struct{ from, until time.Time }

func (l lifespan) has(t time.Time) bool { return !t.Before(l.from) && t.Before(l.until) }

// An entry is a record in the cache, or, without a life, one that was just read.
type entry struct {
	key  *Key // nil: there is no such key
	life lifespan
	// What most checks need of the record is here too: it is in memory that is near.
	hash      secret.Handle
	prefix    string
	plain     bool                           // while it lives there is nothing to ask but the secret
	sum       atomic.Uint64                  // the checksum of the text; 0 until it was seen with the right secret
	principal atomic.Pointer[auth.Principal] // nil until Owner was asked
	usage     usage
}

func newCache(size int, keep time.Duration, prefixes []issuedPrefix) *cache {
	c := &cache{keep: keep, prefixes: prefixes}
	for i := range c.shards {
		c.shards[i].known = newGenerations[*entry](max(2, size/cacheShards))
		c.shards[i].absent = newGenerations[lifespan](max(2, size/cacheShards))
	}
	return c
}

// shard is by the last characters of an id, which are random in those that exist. One
// alone would not do: the 62 are not even by 16.
func (c *cache) shard(id string) *cacheShard {
	n := len(id) - 1
	return &c.shards[(uint(id[n])+3*uint(id[n-1])+5*uint(id[n-2]))%cacheShards]
}

// get returns what is known of an id: an entry, or that it is absent, or neither.
func (c *cache) get(id string, now time.Time) (e *entry, absent bool) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.known.get(id); ok {
		if e.life.has(now) {
			return e, false
		}
		s.known.remove(id)
		return nil, false
	}
	if life, ok := s.absent.get(id); ok {
		if life.has(now) {
			return nil, true
		}
		s.absent.remove(id)
	}
	return nil, false
}

// load returns the entry of id, or asks find for the record, once for all who want it at
// the same time, and keeps the answer. Its age counts from now, when it is asked for. The entry has no
// key if there is none.
func (c *cache) load(ctx context.Context, id string, now time.Time, find func(ctx context.Context, id string) (*Key, error)) (*entry, error) {
	known := func() *entry {
		e, absent := c.get(id, now)
		if absent {
			return new(entry)
		}
		return e
	}
	if e := known(); e != nil {
		return e, nil
	}
	return c.loads.do(ctx, id, func() (*entry, error) {
		if e := known(); e != nil { // somebody was faster
			return e, nil
		}
		s := c.shard(id)
		s.mu.Lock()
		epoch := s.epoch
		s.mu.Unlock()
		k, err := find(ctx, id)
		if err != nil {
			return nil, err
		}
		e := c.entry(k, lifespan{now, now.Add(c.keep)})
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.epoch != epoch: // it may be older than what was forgotten
		case k == nil:
			s.absent.put(id, e.life)
		default:
			s.known.put(id, e)
			s.absent.remove(id)
		}
		return e, nil
	})
}

// entry returns that of a record. One that is plain ends when its key does.
func (c *cache) entry(k *Key, life lifespan) *entry {
	e := &entry{key: k, life: life}
	if k == nil {
		return e
	}
	e.hash, e.prefix = k.Hash, k.Prefix
	for _, p := range c.prefixes {
		if p.text == k.Prefix {
			e.prefix = p.text // one text for all
		}
	}
	e.plain = k.Live(life.from) && len(k.Addresses) == 0 && k.Limit.Max == 0
	if end := k.ExpiresAt; e.plain && !end.IsZero() && end.Before(life.until) {
		e.life.until = end
	}
	return e
}

// forget drops what a change concerns, also what is being loaded: who comes from now
// on asks anew.
func (c *cache) forget(change Change) {
	if id := change.ID; validID(id) {
		s := c.shard(id)
		s.mu.Lock()
		s.epoch++
		s.known.remove(id)
		s.absent.remove(id)
		s.mu.Unlock()
		c.loads.forget(id)
		return
	}
	all := change.ID != "" || change.Subject == "" // an id that is none is not understood
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.epoch++
		s.known.removeIf(func(e *entry) bool { return all || e.key.Subject == change.Subject })
		s.mu.Unlock()
	}
	c.loads.forgetAll()
}

// generations is a map of bounded size. When its young half is full, the old half is
// dropped and the young one is old; what is used moves to the young. That is nearly the
// least recently used, for the cost of a map.
type generations[V any] struct {
	half       int
	young, old map[string]V
}

func newGenerations[V any](size int) generations[V] {
	return generations[V]{half: max(1, size/2), young: make(map[string]V)}
}

func (g *generations[V]) get(key string) (V, bool) {
	v, ok := g.young[key]
	if ok {
		return v, true
	}
	if v, ok = g.old[key]; ok {
		g.put(strings.Clone(key), v) // the caller's may be a part of a key with its secret
	}
	return v, ok
}

func (g *generations[V]) put(key string, v V) {
	if _, ok := g.young[key]; !ok && len(g.young) >= g.half {
		g.old, g.young = g.young, make(map[string]V)
	}
	g.young[key] = v
	delete(g.old, key)
}

func (g *generations[V]) remove(key string) {
	delete(g.young, key)
	delete(g.old, key)
}

func (g *generations[V]) removeIf(drop func(V) bool) {
	for _, half := range [...]map[string]V{g.young, g.old} {
		for key, v := range half {
			if drop(v) {
				delete(half, key)
			}
		}
	}
}

func (g *generations[V]) len() int { return len(g.young) + len(g.old) }
