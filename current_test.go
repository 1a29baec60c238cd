package auth_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth"
)

// A roster is a role source that counts its calls.
type roster struct {
	calls atomic.Int64
	mu    sync.Mutex
	role  string
	err   error
}

func (s *roster) set(role string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.role, s.err = role, err
}

func (s *roster) current(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	s.calls.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	p = p.Clone()
	p.Roles = []string{s.role}
	return p, nil
}

// pass lets d go by on the fake clock of a synctest bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // inside synctest.Test only

func TestCachedCurrent(t *testing.T) {
	ctx := context.Background()
	p := &auth.Principal{Subject: "u1", CredentialID: "c1", Method: "session"}

	t.Run("RBA-07 an answer serves for ttl and no longer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src := &roster{role: "admin"}
			current := auth.CachedCurrent(src.current, time.Minute, 10)
			ask := func() string {
				got, err := current(ctx, p)
				if err != nil {
					t.Fatal(err)
				}
				return got.Roles[0]
			}
			ask()
			src.set("customer", nil)
			pass(time.Minute - time.Nanosecond)
			if got := ask(); got != "admin" || src.calls.Load() != 1 {
				t.Errorf("%s after %d calls", got, src.calls.Load())
			}
			pass(time.Nanosecond)
			if got := ask(); got != "customer" {
				t.Errorf("%s past the bound", got)
			}
		})
	})

	t.Run("RBA-07 the age counts from the question", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src := &roster{role: "admin"}
			current := auth.CachedCurrent(func(ctx context.Context, p *auth.Principal) (*auth.Principal, error) {
				got, err := src.current(ctx, p)
				pass(50 * time.Second) // the answer is old by the time it arrives
				return got, err
			}, time.Minute, 10)
			_, _ = current(ctx, p)
			pass(11 * time.Second)
			_, _ = current(ctx, p)
			if src.calls.Load() != 2 {
				t.Errorf("%d calls: a slow look-up stretches the bound", src.calls.Load())
			}
		})
	})

	t.Run("RBA-07 the key is the whole principal", func(t *testing.T) {
		src := &roster{role: "admin"}
		current := auth.CachedCurrent(src.current, time.Hour, 10)
		narrow := p.Clone()
		narrow.Scopes = []string{}
		for _, q := range []*auth.Principal{p, narrow, p, narrow} {
			got, err := current(ctx, q)
			if err != nil || (got.Scopes == nil) != (q.Scopes == nil) {
				t.Errorf("%+v got %+v, %v", q, got, err)
			}
		}
	})

	t.Run("RBA-07 a principal changed by its owner does not change the key", func(t *testing.T) {
		src := &roster{role: "admin"}
		current := auth.CachedCurrent(src.current, time.Hour, 10)
		q := p.Clone()
		q.Attributes = map[string]string{"tenant": "t1"}
		_, _ = current(ctx, q)
		q.Attributes["tenant"] = "t2"
		if got, _ := current(ctx, q); got.Attributes["tenant"] != "t2" {
			t.Errorf("the answer is for %v", got.Attributes)
		}
	})

	t.Run("RBA-07 errors are not cached", func(t *testing.T) {
		src := &roster{role: "admin"}
		current := auth.CachedCurrent(src.current, time.Hour, 10)
		down := errors.New("down")
		src.set("", down)
		if _, err := current(ctx, p); !errors.Is(err, down) {
			t.Fatal(err)
		}
		src.set("admin", nil)
		if _, err := current(ctx, p); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("RBA-07 the size is bounded and the least recent goes first", func(t *testing.T) {
		src := &roster{role: "admin"}
		current := auth.CachedCurrent(src.current, time.Hour, 2)
		user := func(i int) *auth.Principal { return &auth.Principal{Subject: fmt.Sprint(i)} }
		for i := range 1000 {
			_, _ = current(ctx, user(i))
		}
		before := src.calls.Load()
		_, _ = current(ctx, user(999))
		_, _ = current(ctx, user(998))
		if n := src.calls.Load() - before; n != 0 {
			t.Errorf("the two most recent cost %d calls", n)
		}
		_, _ = current(ctx, user(0))
		if n := src.calls.Load() - before; n != 1 {
			t.Errorf("an old one is kept")
		}
	})

	t.Run("a cache without time or room is none", func(t *testing.T) {
		for _, tc := range []struct {
			ttl  time.Duration
			size int
		}{{0, 10}, {time.Hour, 0}, {-1, -1}} {
			src := &roster{role: "admin"}
			current := auth.CachedCurrent(src.current, tc.ttl, tc.size)
			_, _ = current(ctx, p)
			_, _ = current(ctx, p)
			if src.calls.Load() != 2 {
				t.Errorf("%+v: %d calls", tc, src.calls.Load())
			}
		}
	})

	t.Run("concurrent use", func(t *testing.T) {
		src := &roster{role: "admin"}
		current := auth.CachedCurrent(src.current, time.Nanosecond, 3)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for j := range 20 {
					q := &auth.Principal{Subject: fmt.Sprint((i + j) % 7)}
					if got, err := current(ctx, q); err != nil || got.Subject != q.Subject {
						t.Errorf("%v %v", got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}
