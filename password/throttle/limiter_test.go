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

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

func TestNew(t *testing.T) {
	t.Run("XCT-05 bad configuration is an error", func(t *testing.T) {
		for _, cfg := range []throttle.Config{
			{Max: -1}, {Max: 65536}, {Window: -time.Second}, {Lockout: -time.Second}, {MaxLockout: -1}, {Memory: -1},
			{Lockout: time.Hour, MaxLockout: time.Minute}, {MaxInARow: -1}, {MaxInARow: 101}, {MaxInARow: 1, SkipMaxInARow: true}, {Window: 401 * 24 * time.Hour},
			{Window: time.Microsecond}, {Name: "a\x00b"},
		} {
			if _, err := throttle.New(nil, cfg); err == nil {
				t.Errorf("New accepts %+v", cfg)
			}
		}
		for _, cfg := range []throttle.Config{{}, {Max: 65535}, {Lockout: 48 * time.Hour}, {MaxInARow: 1}} {
			if _, err := throttle.New(nil, cfg); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("without MaxInARow only windows and locks count", func(t *testing.T) {
		clock := authtest.NewClock(time.Time{})
		l := newLimiter(t, nil, throttle.Config{Max: 2, Window: time.Minute, Lockout: time.Minute, MaxLockout: time.Minute, SkipMaxInARow: true, Now: clock.Now})
		for range 200 {
			for range 2 {
				if _, err := l.Begin(t.Context(), "alice"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Begin(t.Context(), "alice"); !errors.Is(err, throttle.ErrLocked) {
				t.Fatal(err)
			}
			clock.Advance(time.Minute)
		}
	})
	t.Run("no key is an error, which counts nothing", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{Max: 1})
		for _, keys := range [][]string{{}, {""}, {"alice", ""}, {"", "address"}} {
			if a, err := l.Begin(t.Context(), keys...); a != nil || !errors.Is(err, throttle.ErrNoKey) {
				t.Errorf("%q: %v, %v", keys, a, err)
			}
		}
		if err := l.Allow(t.Context(), ""); !errors.Is(err, throttle.ErrNoKey) {
			t.Error(err)
		}
		if err := l.Unlock(t.Context(), ""); !errors.Is(err, throttle.ErrNoKey) {
			t.Error(err)
		}
		if a, _ := begin(t, l, "alice", "address"); a == nil {
			t.Error("something was counted")
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
	t.Run("RLT-02 MFA-05 locks grow to 24 hours, and failures in a row end at 100", func(t *testing.T) {
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{Now: now.Now})
		want := []time.Duration{15, 30, 60, 120, 240, 480, 960}
		guesses, start := 0, now.Now()
		for lock := 0; ; lock++ {
			for range 5 {
				if a, _ := begin(t, l, "alice"); a == nil {
					t.Fatalf("refused in lock %d", lock)
				}
				guesses++
			}
			_, wait := begin(t, l, "alice")
			if guesses == 100 {
				if wait != 90*24*time.Hour {
					t.Errorf("after 100 failures locked for %s", wait)
				}
				break
			}
			expect := 24 * time.Hour
			if lock < len(want) {
				expect = want[lock] * time.Minute
			}
			if wait != expect {
				t.Fatalf("lock %d lasts %s, want %s", lock, wait, expect)
			}
			now.Advance(wait)
		}
		if took := now.Now().Sub(start); took < 12*24*time.Hour {
			t.Errorf("100 guesses took %s", took)
		}
		var locked *throttle.LockedError
		if _, err := l.Begin(t.Context(), "alice"); !errors.As(err, &locked) || !locked.Exhausted {
			t.Errorf("%v", err)
		}
		now.Advance(89 * 24 * time.Hour)
		if a, _ := begin(t, l, "alice"); a != nil {
			t.Error("admitted after 89 days")
		}
		if err := l.Unlock(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		if a, _ := begin(t, l, "alice"); a == nil {
			t.Error("refused after Unlock")
		}
	})
	t.Run("RLT-02 patience does not pay: four attempts a window are 100 too", func(t *testing.T) {
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{Now: now.Now})
		guesses := 0
		for range 365 * 24 * 4 {
			for range 4 {
				if a, _ := begin(t, l, "alice"); a != nil {
					guesses++
				}
			}
			now.Advance(15 * time.Minute)
		}
		if guesses > 5*100 { // 365 days begin five times 90
			t.Errorf("%d guesses in a year, want 100 in each 90 days", guesses)
		}
		guesses = 0
		for range 365 * 2 {
			if a, _ := begin(t, l, "bob"); a != nil {
				guesses++
			}
			now.Advance(12 * time.Hour)
		}
		if guesses > 365+1 {
			t.Errorf("one guess each half day: %d in a year", guesses)
		}
	})
}

func TestRefused(t *testing.T) {
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
	t.Run("an attempt that one key refuses is counted under none", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{Max: 2})
		begin(t, l, "mallory", "address")
		begin(t, l, "mallory", "address")
		for range 10 {
			if a, _ := begin(t, l, "alice", "address"); a != nil {
				t.Fatal("the address is not limited")
			}
			if a, _ := begin(t, l, "mallory", "elsewhere"); a != nil {
				t.Fatal("the account is not limited")
			}
		}
		for range 2 {
			if a, _ := begin(t, l, "alice", "elsewhere"); a == nil {
				t.Error("refused attempts have used up those of the other key")
			}
		}
	})
	t.Run("further keys do not grow", func(t *testing.T) {
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{Max: 1, Now: now.Now})
		for i := range 300 {
			if a, _ := begin(t, l, fmt.Sprint(i), "address"); a == nil {
				t.Fatalf("refused in window %d", i)
			}
			if a, wait := begin(t, l, "alice", "address"); a != nil || wait != 15*time.Minute {
				t.Fatalf("window %d: %v, %s", i, a, wait)
			}
			now.Advance(15 * time.Minute)
		}
	})
}

func TestSucceed(t *testing.T) {
	t.Run("RLT-03 P07 a success forgives the first key, and of others one attempt", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{Max: 3})
		for range 2 {
			begin(t, l, "victim", "address")
			own, _ := begin(t, l, "mallory", "address")
			if err := own.Succeed(t.Context()); err != nil {
				t.Fatal(err)
			}
			// Again, and Cancel after it, do nothing.
			if err := errors.Join(own.Succeed(t.Context()), own.Cancel(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		if a, _ := begin(t, l, "mallory", "address"); a == nil {
			t.Error("a success counts at the address")
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
	t.Run("Cancel takes one attempt back under each key", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{Max: 1})
		for range 10 {
			a, _ := begin(t, l, "alice", "address")
			if a == nil {
				t.Fatal("refused")
			}
			if err := a.Cancel(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("F15 what is undone is undone when the client is gone, within a deadline", func(t *testing.T) {
		for name, end := range map[string]func(*throttle.Attempt, context.Context) error{
			"forgive": (*throttle.Attempt).Succeed, "cancel": (*throttle.Attempt).Cancel,
		} {
			s := &fakeStore{}
			ctx, cancel := context.WithCancel(t.Context())
			a, err := newLimiter(t, s, throttle.Config{}).Begin(ctx, "alice", "address")
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := end(a, ctx); err != nil {
				t.Error(err)
			}
			s.has(t, name+" "+s.keys[1], "cancel "+s.keys[0])
		}
		s := &fakeStore{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := newLimiter(t, s, throttle.Config{}).Unlock(ctx, "alice"); err != nil {
			t.Error(err)
		}
	})
	t.Run("an error of one key does not keep the others from being undone", func(t *testing.T) {
		down := errors.New("connection refused")
		for _, end := range []func(*throttle.Attempt, context.Context) error{(*throttle.Attempt).Succeed, (*throttle.Attempt).Cancel} {
			s := &fakeStore{undo: down}
			a, _ := begin(t, newLimiter(t, s, throttle.Config{}), "alice", "address", "network")
			if err := end(a, t.Context()); !errors.Is(err, down) || len(s.undone) != 3 {
				t.Errorf("%v, undone %v", err, s.undone)
			}
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
