package oauth

import (
	"context"
	"sync"
)

// A keyedLock lets one goroutine of this process at a time do something with a key. The
// zero value is ready.
type keyedLock struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the key is free
}

// lock waits until key is free and takes it, or returns the error of ctx. unlock frees
// it.
func (l *keyedLock) lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		taken, there := l.busy[key]
		if !there {
			if l.busy == nil {
				l.busy = make(map[string]chan struct{})
			}
			free := make(chan struct{})
			l.busy[key] = free
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.busy, key)
				l.mu.Unlock()
				close(free)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
