package apikey

import (
	"context"
	"sync"
)

// flights lets of all callers that want the same thing at the same time one fetch it.
// The zero value is ready.
type flights[K comparable, V any] struct {
	mu      sync.Mutex
	running map[K]*flight[V]
}

// A flight is under way; done is closed at its end.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
	left  bool // the one who fetched went away: his error is his own
}

// do calls fetch, or waits for who does. Those who wait get the answer that he gets,
// a failure too, so that a store that is down is not asked by all of them in turn;
// only if his own ctx was over one of them tries again.
func (g *flights[K, V]) do(ctx context.Context, key K, fetch func() (V, error)) (V, error) {
	for {
		g.mu.Lock()
		other := g.running[key]
		if other == nil {
			f := &flight[V]{done: make(chan struct{}), err: errAborted}
			if g.running == nil {
				g.running = make(map[K]*flight[V])
			}
			g.running[key] = f
			g.mu.Unlock()
			return g.run(ctx, key, f, fetch)
		}
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		case <-other.done:
		}
		if !other.left {
			return other.value, other.err
		}
	}
}

func (g *flights[K, V]) run(ctx context.Context, key K, f *flight[V], fetch func() (V, error)) (V, error) {
	defer func() { // also after a panic
		f.left = f.err != nil && ctx.Err() != nil
		g.mu.Lock()
		if g.running[key] == f {
			delete(g.running, key)
		}
		g.mu.Unlock()
		close(f.done)
	}()
	f.value, f.err = fetch()
	return f.value, f.err
}

// forget lets the next caller fetch anew, whoever is under way.
func (g *flights[K, V]) forget(key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, key)
}

func (g *flights[K, V]) forgetAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.running)
}
