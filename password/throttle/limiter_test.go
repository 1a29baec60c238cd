package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
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

func newLimiter(t *testing.T, store throttle.Store, cfg throttle.Config) *throttle.Limiter {
	t.Helper()
	l, err := throttle.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// begin reports whether an attempt is admitted, and for how long not.
func begin(t *testing.T, l *throttle.Limiter, keys ...string) (attempt *throttle.Attempt, wait time.Duration) {
	t.Helper()
	a, err := l.Begin(t.Context(), keys...)
	var locked *throttle.LockedError
	switch {
	case errors.As(err, &locked):
		return nil, locked.RetryAfter
	case err != nil:
		t.Fatal(err)
	}
	return a, 0
}

func TestNew(t *testing.T) {
	t.Run("XCT-05 bad configuration is an error", func(t *testing.T) {
		for _, cfg := range []throttle.Config{
			{MaxFailures: -1}, {MaxFailures: 101}, {Window: -time.Second}, {Lockout: -time.Second},
		} {
			if _, err := throttle.New(nil, cfg); err == nil {
				t.Errorf("New accepts %+v", cfg)
			}
		}
	})
	t.Run("Begin without a key is an error", func(t *testing.T) {
		if _, err := newLimiter(t, nil, throttle.Config{}).Begin(t.Context()); err == nil {
			t.Error("no error")
		}
	})
}

func TestDefaults(t *testing.T) {
	now := newClock()
	l := newLimiter(t, nil, throttle.Config{Now: now.Now})
	for i := range 5 {
		if a, _ := begin(t, l, "alice"); a == nil {
			t.Fatalf("attempt %d of 5 is refused", i+1)
		}
		now.Advance(time.Minute)
	}
	if _, wait := begin(t, l, "alice"); wait != 14*time.Minute {
		t.Errorf("after the fifth attempt locked for %s, want 14m: 15m from the fifth on, a minute ago", wait)
	}
	if a, _ := begin(t, l, "bob"); a == nil {
		t.Error("another key is locked as well")
	}
}

func TestWindow(t *testing.T) {
	now := newClock()
	l := newLimiter(t, nil, throttle.Config{MaxFailures: 2, Window: time.Hour, Lockout: time.Minute, Now: now.Now})
	begin(t, l, "alice")
	now.Advance(time.Hour)
	begin(t, l, "alice")
	if a, _ := begin(t, l, "alice"); a == nil {
		t.Fatal("an attempt is counted after its window")
	}
	now.Advance(59 * time.Second)
	if a, _ := begin(t, l, "alice"); a != nil {
		t.Fatal("admitted during the lockout")
	}
	now.Advance(time.Second)
	if a, _ := begin(t, l, "alice"); a == nil {
		t.Fatal("refused after the lockout")
	}
}

func TestRefused(t *testing.T) {
	t.Run("RLT-08 a refused attempt does not prolong the lock", func(t *testing.T) {
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{MaxFailures: 1, Lockout: time.Minute, Now: now.Now})
		begin(t, l, "alice")
		for range 59 {
			now.Advance(time.Second)
			if a, _ := begin(t, l, "alice"); a != nil {
				t.Fatal("admitted during the lockout")
			}
		}
		now.Advance(time.Second)
		if a, _ := begin(t, l, "alice"); a == nil {
			t.Error("still locked after the lockout: the refused attempts counted")
		}
	})
	t.Run("RLT-08 429 carries Retry-After, rounded up", func(t *testing.T) {
		for left, want := range map[time.Duration]string{
			90*time.Second + 1: "91", time.Second: "1", time.Millisecond: "1", 0: "1", -time.Hour: "1",
		} {
			err := fmt.Errorf("wrapped: %w", &throttle.LockedError{RetryAfter: left})
			if !errors.Is(err, throttle.ErrLocked) {
				t.Fatal("a LockedError is not ErrLocked")
			}
			w := httptest.NewRecorder()
			problem.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
			if w.Code != 429 || w.Header().Get("Retry-After") != want {
				t.Errorf("%s: status %d, Retry-After %q, want 429 and %q", left, w.Code, w.Header().Get("Retry-After"), want)
			}
			if !strings.Contains(w.Body.String(), string(problem.TooManyRequests)) {
				t.Errorf("body %s", w.Body)
			}
		}
	})
	t.Run("a later key that refuses does not count against the first", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{MaxFailures: 1})
		begin(t, l, "mallory", "address")
		for range 10 {
			if a, _ := begin(t, l, "alice", "address"); a != nil {
				t.Fatal("the address is not limited")
			}
		}
		if a, _ := begin(t, l, "alice", "elsewhere"); a == nil {
			t.Error("refused attempts from one address have locked the account for another")
		}
	})
}

func TestSucceed(t *testing.T) {
	t.Run("RLT-03 a success forgives the first key and no other", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{MaxFailures: 3})
		for range 2 {
			begin(t, l, "victim", "address")
		}
		own, _ := begin(t, l, "mallory", "address")
		if err := own.Succeed(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, _ := begin(t, l, "mallory", "address"); a != nil {
			t.Error("P07 a success has cleared the address")
		}
		if a, _ := begin(t, l, "victim", "elsewhere"); a == nil {
			t.Error("the third attempt is refused")
		}
		if a, _ := begin(t, l, "victim", "elsewhere"); a != nil {
			t.Error("P07 a success of another account has cleared the victim's count")
		}
	})
}

func TestParallel(t *testing.T) {
	t.Run("RLT-03 P06 1000 guesses at once are no more than 5", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{})
		var admitted, locked atomic.Int32
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				_, err := l.Begin(context.Background(), "alice")
				switch {
				case err == nil:
					admitted.Add(1)
				case errors.Is(err, throttle.ErrLocked):
					locked.Add(1)
				}
			})
		}
		wg.Wait()
		if admitted.Load() != 5 || locked.Load() != 995 {
			t.Errorf("%d admitted, %d locked, want 5 and 995", admitted.Load(), locked.Load())
		}
	})
}

// A fakeStore notes the keys that it is given, and fails if told to.
type fakeStore struct {
	keys []string
	err  error
}

func (s *fakeStore) Increment(_ context.Context, key string, _ throttle.Rule) (int, time.Duration, error) {
	s.keys = append(s.keys, key)
	return 1, time.Minute, s.err
}
func (s *fakeStore) Reset(_ context.Context, key string) error {
	s.keys = append(s.keys, key)
	return s.err
}

func TestStore(t *testing.T) {
	t.Run("RLT-06 a store sees digests of one length", func(t *testing.T) {
		s := &fakeStore{}
		l := newLimiter(t, s, throttle.Config{})
		for _, key := range []string{"", "a", "alice@example.com", strings.Repeat("x", 1<<20)} {
			if a, _ := begin(t, l, key); a.Succeed(t.Context()) != nil {
				t.Fatal("Succeed fails")
			}
		}
		seen := map[string]bool{}
		for _, key := range s.keys {
			if seen[key] = true; len(key) != 43 || strings.Contains(key, "alice") {
				t.Errorf("key %.60q", key)
			}
		}
		if len(seen) != 4 {
			t.Errorf("%d different digests of 4 keys", len(seen))
		}
	})
	t.Run("F01 a store that fails refuses with 503", func(t *testing.T) {
		down := errors.New("connection refused")
		l := newLimiter(t, &fakeStore{err: down}, throttle.Config{})
		a, err := l.Begin(t.Context(), "alice")
		if a != nil || !errors.Is(err, down) || problem.From(err).Status != 503 {
			t.Errorf("Begin: %v, %v", a, err)
		}
	})
	t.Run("F01 FailOpen admits while the store fails", func(t *testing.T) {
		l := newLimiter(t, &fakeStore{err: errors.New("connection refused")}, throttle.Config{FailOpen: true})
		a, err := l.Begin(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		if a.Succeed(t.Context()) == nil {
			t.Error("Succeed does not tell that the store failed")
		}
	})
}
