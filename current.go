package auth

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Current returns p as it stands now: with today's roles, or an error if its
// subject may no longer sign in (wrap ErrInvalidCredentials). It may narrow or
// widen roles and attributes; it must keep the Subject. Return a changed Clone,
// never a changed p. An error refuses the request, so a role source that is down
// denies.
//
// Gate calls it after any credential, concurrently.
type Current func(ctx context.Context, p *Principal) (*Principal, error)

// CachedCurrent bounds the cost of c: an answer is used again for ttl, so a
// demotion takes at most ttl to be obeyed. At most size answers are kept, the
// least recently used go first. Errors are not cached: nobody stays locked out,
// or in, because of a fault that is over.
//
// The key of an answer is the whole principal, scopes and factors included, so
// that the answer for a narrow credential never serves a wide one of the same
// subject. Requests that miss at the same moment each ask c.
//
// A ttl or size that is not positive turns the cache off.
func CachedCurrent(c Current, ttl time.Duration, size int) Current {
	if ttl <= 0 || size <= 0 {
		return c
	}
	cache := &currentCache{ttl: ttl, size: size, entries: make(map[currentKey]*list.Element)}
	return func(ctx context.Context, p *Principal) (*Principal, error) {
		if now, ok := cache.get(p); ok {
			return now, nil
		}
		asked := time.Now()
		now, err := c(ctx, p)
		if err == nil && now != nil {
			cache.put(p, now, asked)
		}
		return now, err
	}
}

type currentKey struct{ subject, method, credentialID string }

type currentEntry struct {
	key     currentKey
	in, out *Principal
	expires time.Time
}

type currentCache struct {
	ttl  time.Duration
	size int

	mu      sync.Mutex
	entries map[currentKey]*list.Element
	recent  list.List // of *currentEntry, most recently used first
}

func keyOf(p *Principal) currentKey { return currentKey{p.Subject, p.Method, p.CredentialID} }

func (c *currentCache) get(p *Principal) (*Principal, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.entries[keyOf(p)]
	if !ok {
		return nil, false
	}
	e := el.Value.(*currentEntry)
	if !time.Now().Before(e.expires) || !e.in.Equal(p) {
		c.recent.Remove(el)
		delete(c.entries, e.key)
		return nil, false
	}
	c.recent.MoveToFront(el)
	return e.out, true
}

// put remembers an answer. Its age counts from when the question was asked: a
// slow look-up must not stretch the bound.
func (c *currentCache) put(in, out *Principal, asked time.Time) {
	e := &currentEntry{key: keyOf(in), in: in.Clone(), out: out, expires: asked.Add(c.ttl)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[e.key]; ok {
		// An answer that was asked for later is the truer one.
		if old := el.Value.(*currentEntry); old.in.Equal(in) && old.expires.After(e.expires) {
			return
		}
		el.Value = e
		c.recent.MoveToFront(el)
		return
	}
	c.entries[e.key] = c.recent.PushFront(e)
	for c.recent.Len() > c.size {
		last := c.recent.Back()
		c.recent.Remove(last)
		delete(c.entries, last.Value.(*currentEntry).key)
	}
}
