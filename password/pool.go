package password

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"sync"
)

// PoolConfig configures a Pool. The zero value is the recommended production
// setting.
type PoolConfig struct {
	// Memory is the budget of all hashing at once, in MiB. Zero: 256, which is
	// two scrypt hashes or thirteen of Argon2id at their defaults. A hash that
	// needs more than the whole budget is refused.
	Memory int
	// Parallel is how many processors hash at once. A hash with several lanes
	// takes as many of them, or all if there are fewer. Zero: GOMAXPROCS. More
	// make no server faster, only each hash slower and the memory in use larger.
	Parallel int
	// Queue is how many may wait. Zero: 256, some three seconds of work for two
	// processors at the defaults of Argon2id.
	Queue int
}

// A Pool bounds the memory and the processors that hashing takes. Without one,
// two hundred logins at the same moment take two hundred times the memory of a
// hash, and several times as long as in turn, for they spend their time in page
// faults.
//
// Who comes first is served first, whatever it weighs, so that a heavy hash is
// not starved by light ones. Who waits can leave when its context is done. When
// Queue are waiting the next one gets ErrBusy at once.
//
// The budget is that of live memory. The garbage collector lets a program grow
// to about twice that, so give a process a little more than twice the budget.
//
// A Pool belongs to whoever made it; there is no global one. It has no goroutine
// and nothing to close. It is safe for concurrent use.
type Pool struct {
	memory, parallel, queue int

	mu      sync.Mutex
	used    share
	waiting list.List // of *waiter, the first in front
}

type share struct{ mib, processors int }

type waiter struct {
	share
	granted chan struct{} // closed, with mu held, once the share is the waiter's
}

// NewPool returns a Pool.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if cfg.Memory < 0 || cfg.Parallel < 0 || cfg.Queue < 0 {
		return nil, fmt.Errorf("password: Pool with Memory %d, Parallel %d and Queue %d: none may be negative", cfg.Memory, cfg.Parallel, cfg.Queue)
	}
	return newPool(cfg), nil
}

func newPool(cfg PoolConfig) *Pool {
	return &Pool{
		memory:   orDefault(cfg.Memory, 256),
		parallel: orDefault(cfg.Parallel, runtime.GOMAXPROCS(0)),
		queue:    orDefault(cfg.Queue, 256),
	}
}

// Acquire waits for a share of mib MiB and one processor, and returns the
// function that gives it back, to be called once. The Hashers of this package
// call it by themselves; one of a service's own calls it around its work, with
// at least 1.
//
// It returns ErrBusy if the queue is full, and the error of ctx if that is done
// before the share is granted.
func (p *Pool) Acquire(ctx context.Context, mib int) (release func(), err error) {
	return p.acquire(ctx, share{mib, 1})
}

func (p *Pool) acquire(ctx context.Context, s share) (release func(), err error) {
	if s.mib < 1 || s.mib > p.memory {
		return nil, fmt.Errorf("password: a share of %d MiB of a Pool that has %d", s.mib, p.memory)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.processors = min(s.processors, p.parallel)
	p.mu.Lock()
	if p.waiting.Len() == 0 && p.fits(s) {
		p.take(s)
		p.mu.Unlock()
		return func() { p.release(s) }, nil
	}
	if p.waiting.Len() >= p.queue {
		p.mu.Unlock()
		return nil, ErrBusy
	}
	w := &waiter{share: s, granted: make(chan struct{})}
	place := p.waiting.PushBack(w)
	p.mu.Unlock()

	select {
	case <-w.granted:
		return func() { p.release(s) }, nil
	case <-ctx.Done():
		p.leave(place)
		return nil, ctx.Err()
	}
}

// leave takes a waiter out of the queue whose context is done. The share may
// have been granted a moment before.
func (p *Pool) leave(place *list.Element) {
	w := place.Value.(*waiter)
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.granted:
		p.give(w.share)
	default:
		p.waiting.Remove(place)
	}
	// What stood behind a heavy one may fit.
	p.admit()
}

func (p *Pool) release(s share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.give(s)
	p.admit()
}

// The methods below are called with mu held.

func (p *Pool) fits(s share) bool {
	return p.used.mib+s.mib <= p.memory && p.used.processors+s.processors <= p.parallel
}

func (p *Pool) take(s share) {
	p.used.mib += s.mib
	p.used.processors += s.processors
}

func (p *Pool) give(s share) {
	p.used.mib -= s.mib
	p.used.processors -= s.processors
}

// admit grants shares from the front of the queue until one does not fit.
func (p *Pool) admit() {
	for e := p.waiting.Front(); e != nil && p.fits(e.Value.(*waiter).share); e = p.waiting.Front() {
		w := p.waiting.Remove(e).(*waiter)
		p.take(w.share)
		close(w.granted)
	}
}
