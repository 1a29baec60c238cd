package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

const (
	// maxPending bounds the uses that wait to be written. A key more than that is not
	// noted until they are.
	maxPending = 1 << 18
	// touchTimeout bounds one write of uses.
	touchTimeout = 10 * time.Second
)

// uses notes when keys were last used and writes it in batches: each key at most once
// in an interval, in the background, so that no request waits for it or fails by it.
// There is a timer while something waits, and no goroutine.
type uses struct {
	store   Store
	every   time.Duration
	onEvent auth.EventFunc
	now     func() time.Time
	writing chan struct{} // holds one token while uses are written

	mu      sync.Mutex
	pending map[string]*usage
	timer   *time.Timer
	closed  bool
}

// A usage is the last use of a key. It is written by many requests at once; that a time
// may stand beside the address of another request of the same moment does no harm.
type usage struct {
	at      atomic.Int64 // microseconds
	from    atomic.Pointer[netip.Addr]
	waiting atomic.Bool // it is among the pending ones
}

func newUses(store Store, cfg Config) *uses {
	return &uses{
		store: store, every: cfg.TouchEvery, onEvent: cfg.OnEvent, now: cfg.Now,
		writing: make(chan struct{}, 1), pending: make(map[string]*usage),
	}
}

// set makes u the use at a time, if that is later.
func (u *usage) set(at int64, from netip.Addr) {
	for {
		last := u.at.Load()
		if at <= last {
			return
		}
		if u.at.CompareAndSwap(last, at) {
			break
		}
	}
	if p := u.from.Load(); p == nil || *p != from {
		moved := from // to the heap, where only a new address goes
		u.from.Store(&moved)
	}
}

// note notes a use of k. Mine is that of its entry, which may be gone before it is
// written.
func (t *uses) note(k *Key, mine *usage, at time.Time, from netip.Addr) {
	mine.set(at.UnixMicro(), from)
	// write unsets waiting before it reads, so what was set above is seen either there
	// or by the one who adds it again.
	if !mine.waiting.Load() {
		t.add(k.ID, mine)
	}
}

func (t *uses) add(id string, u *usage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.pending[id]; other != nil {
		if other != u { // of an earlier entry of the same key
			from := u.from.Load()
			if from != nil {
				other.set(u.at.Load(), *from)
			}
		}
		return
	}
	if !t.closed && len(t.pending) < maxPending {
		t.keep(id, u)
	}
}

// keep lets u wait to be written. The caller has the lock.
func (t *uses) keep(id string, u *usage) {
	u.waiting.Store(true)
	t.pending[id] = u
	if t.timer == nil && !t.closed {
		t.timer = time.AfterFunc(t.every, func() { _ = t.flush(context.Background()) })
	}
}

// flush writes what is pending. What cannot be written waits for the next time.
func (t *uses) flush(ctx context.Context) error {
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mu.Lock()
	taken := t.pending
	t.pending = make(map[string]*usage)
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.mu.Unlock()

	batch := make([]Use, 0, min(len(taken), MaxUses))
	var errs []error
	stalled := false // a store that does not answer is asked once, and not for each batch
	write := func() {
		var err error
		if !stalled {
			err = t.write(ctx, batch)
			stalled = timedOut(err)
		}
		if err != nil || stalled {
			errs = append(errs, err)
			t.again(batch, taken)
		}
		batch = batch[:0]
	}
	for id, u := range taken {
		u.waiting.Store(false)
		b := Use{ID: id, At: time.UnixMicro(u.at.Load()).UTC()}
		if from := u.from.Load(); from != nil {
			b.From = *from
		}
		if batch = append(batch, b); len(batch) == MaxUses {
			write()
		}
	}
	if len(batch) > 0 {
		write()
	}
	err := errors.Join(errs...)
	if err != nil {
		t.onEvent.Emit(ctx, auth.Event{Kind: EventTouchFailed, Time: timeIn(t.now), Method: auth.MethodAPIKey, Err: err})
	}
	return err
}

// timeIn is the time for an event of the background, where nobody takes the panic of a
// clock. It is zero then.
func timeIn(clock func() time.Time) (now time.Time) {
	defer func() { _ = recover() }()
	return clock()
}

// write writes one batch. A panic of the store must not end the process: no request is
// there to take it.
func (t *uses) write(ctx context.Context, batch []Use) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("apikey: noting last uses: %w: %v", problem.ErrPanic, v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	if err := t.store.Touch(ctx, batch); err != nil {
		return storeFailed("noting last uses", errors.Join(err, ctx.Err()))
	}
	return nil
}

// timedOut reports whether err is that of a store that has not answered in time, by the
// clock of the caller or by its own.
func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &timeout) && timeout.Timeout()
}

// again puts back what could not be written, but for what is newer. After close it waits
// for another close.
func (t *uses) again(batch []Use, taken map[string]*usage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range batch {
		if newer := t.pending[b.ID]; newer != nil {
			newer.set(b.At.UnixMicro(), b.From)
		} else if len(t.pending) < maxPending {
			t.keep(b.ID, taken[b.ID])
		}
	}
}

// close writes what is pending, and notes nothing new from then on.
func (t *uses) close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	return t.flush(ctx)
}
