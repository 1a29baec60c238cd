package jwtauth

import (
	"context"
	"sync"

	"github.com/go-sallyport/auth/internal/secret"
)

// generations is a map of bounded size. When its young half is full, the old half
// is dropped and the young one is old; what is used moves to the young. That is
// nearly the least recently used, for the cost of a map.
type generations[K comparable, V any] struct {
	size       int
	young, old map[K]kept[K, V]
}

// kept has the key once more: one that is asked for may be a part of something large,
// which would stay in memory with it.
type kept[K, V any] struct {
	key K
	v   V
}

func newGenerations[K comparable, V any](size int) generations[K, V] {
	return generations[K, V]{size: size, young: make(map[K]kept[K, V])}
}

func (g *generations[K, V]) get(key K) (V, bool) {
	e, ok := g.young[key]
	if ok {
		return e.v, true
	}
	if e, ok = g.old[key]; ok {
		g.put(e.key, e.v)
	}
	return e.v, ok
}

func (g *generations[K, V]) put(key K, v V) {
	if _, ok := g.young[key]; !ok && len(g.young) >= max(1, g.size/2) {
		g.old, g.young = g.young, make(map[K]kept[K, V])
	}
	g.young[key] = kept[K, V]{key, v}
	delete(g.old, key)
}

func (g *generations[K, V]) remove(key K) {
	delete(g.young, key)
	delete(g.old, key)
}

// shards is how many locks a tokenCache has.
const shards = 16

// A tokenCache remembers tokens whose signature was verified, by the SHA-256 of
// the token: neither the token nor anything that can be replayed is in it. It
// saves the work of an asymmetric signature, and nothing else: whoever takes a
// token out checks key, times and revocation as if it were new.
type tokenCache [shards]tokenShard

type tokenShard struct {
	mu      sync.Mutex
	known   generations[secret.Handle, *verified]
	running map[secret.Handle]*verification
}

// A verification is under way; done is closed at its end.
type verification struct {
	done   chan struct{}
	result *verified
	err    error
}

func newTokenCache(size int) *tokenCache {
	c := new(tokenCache)
	for i := range c {
		c[i].known = newGenerations[secret.Handle, *verified](max(2, size/shards))
		c[i].running = make(map[secret.Handle]*verification)
	}
	return c
}

// find returns a token that was verified with a key that is in the ring still.
func (c *tokenCache) find(h secret.Handle, r *ring) *verified {
	s := &c[h[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(h, r)
}

func (s *tokenShard) find(h secret.Handle, r *ring) *verified {
	t, ok := s.known.get(h)
	if !ok {
		return nil
	}
	if !r.has(t.key) {
		s.known.remove(h)
		return nil
	}
	return t
}

// verify returns the token of h, or makes it by verify if it is not there. Of
// concurrent calls for one token one verifies and the others wait for it.
func (c *tokenCache) verify(ctx context.Context, h secret.Handle, r *ring, verify func() (*verified, error)) (*verified, error) {
	s := &c[h[0]%shards]
	for {
		s.mu.Lock()
		if t := s.find(h, r); t != nil {
			s.mu.Unlock()
			return t, nil
		}
		other := s.running[h]
		if other == nil {
			v := &verification{done: make(chan struct{}), err: errAborted}
			s.running[h] = v
			s.mu.Unlock()
			return s.run(h, v, verify)
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-other.done:
		}
		switch {
		case other.err == nil && r.has(other.result.key):
			return other.result, nil
		case other.err != nil && refuses(other.err):
			return nil, other.err
		}
		// The other one gave up, or the keys have changed in between.
	}
}

func (s *tokenShard) run(h secret.Handle, v *verification, verify func() (*verified, error)) (*verified, error) {
	defer func() { // also after a panic
		s.mu.Lock()
		delete(s.running, h)
		if v.err == nil {
			s.known.put(h, v.result)
		}
		s.mu.Unlock()
		close(v.done)
	}()
	v.result, v.err = verify()
	return v.result, v.err
}
