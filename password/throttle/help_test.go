package throttle_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/throttle"
)

// A clock is set by hand.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// events collects what OnEvent is told.
type events struct {
	mu  sync.Mutex
	all []auth.Event
}

func (e *events) OnEvent(_ context.Context, ev auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) kinds() (kinds []auth.EventKind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.all {
		kinds = append(kinds, ev.Kind)
	}
	return kinds
}

func newLimiter(t testing.TB, store throttle.Store, cfg throttle.Config) *throttle.Limiter {
	t.Helper()
	l, err := throttle.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newGuard(t testing.TB, store throttle.Store, cfg throttle.GuardConfig) *throttle.Guard {
	t.Helper()
	g, err := throttle.NewGuard(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// begin reports whether an attempt is admitted, and for how long not.
func begin(t *testing.T, l *throttle.Limiter, keys ...string) (*throttle.Attempt, time.Duration) {
	t.Helper()
	return outcome(t)(l.Begin(t.Context(), keys...))
}

func outcome(t *testing.T) func(*throttle.Attempt, error) (*throttle.Attempt, time.Duration) {
	return func(a *throttle.Attempt, err error) (*throttle.Attempt, time.Duration) {
		t.Helper()
		var locked *throttle.LockedError
		switch {
		case errors.As(err, &locked):
			if a != nil {
				t.Fatal("an Attempt comes with the refusal")
			}
			return nil, locked.RetryAfter
		case err != nil:
			t.Fatal(err)
		}
		return a, 0
	}
}

// A fakeStore admits, notes the keys that it is given, and fails if told to.
type fakeStore struct {
	mu     sync.Mutex
	keys   []string
	undone []string
	fail   func(key throttle.Key) error // of Take
	undo   error
}

func (s *fakeStore) Allow(ctx context.Context, key throttle.Key, _ int, _ time.Duration) (throttle.Count, error) {
	return s.Take(ctx, key, throttle.Rule{})
}

func (s *fakeStore) Take(_ context.Context, key throttle.Key, _ throttle.Rule) (throttle.Count, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key.String())
	if s.fail != nil {
		if err := s.fail(key); err != nil {
			return throttle.Count{}, err
		}
	}
	return throttle.Count{Admitted: true, Ticket: throttle.Ticket(len(s.keys))}, nil
}

func (s *fakeStore) Forgive(ctx context.Context, key throttle.Key, _ throttle.Ticket) error {
	return s.note(ctx, "forgive "+key.String())
}

func (s *fakeStore) Cancel(ctx context.Context, key throttle.Key, _ throttle.Ticket) error {
	return s.note(ctx, "cancel "+key.String())
}

func (s *fakeStore) Reset(ctx context.Context, key throttle.Key) error {
	return s.note(ctx, "reset "+key.String())
}

func (s *fakeStore) note(ctx context.Context, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undone = append(s.undone, what)
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a write without a deadline")
	}
	return errors.Join(ctx.Err(), s.undo)
}

// has reports what was undone, in any order.
func (s *fakeStore) has(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(s.undone)); !slices.Equal(got, want) {
		t.Errorf("undone %v, want %v", got, want)
	}
}
