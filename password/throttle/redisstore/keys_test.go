package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/password/throttle/redisstore"
)

func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Client(), redisstore.Config{})
	ttl := func(text string) time.Duration {
		return server.Keys()[redisstore.DefaultPrefix+key(text).String()]
	}
	near := func(t *testing.T, got, want time.Duration) {
		t.Helper()
		if got > want || got < want-time.Minute {
			t.Errorf("TTL %s, want about %s", got, want)
		}
	}
	t.Run("RLT-06 F24 the fewer failures, the sooner a key is gone", func(t *testing.T) {
		day := 24 * time.Hour
		for _, want := range []time.Duration{day, 2 * day, 4 * day, 8 * day, 16 * day} {
			take(t, store, "alice")
			near(t, ttl("alice"), want)
		}
		many := rule
		many.Max, many.MaxInARow = 100, 100
		for range 20 {
			if _, err := store.Take(t.Context(), key("bob"), many); err != nil {
				t.Fatal(err)
			}
		}
		near(t, ttl("bob"), 90*day)
	})
	t.Run("RLT-06 an address is gone with its window, and a Cancel leaves no key without an end", func(t *testing.T) {
		requests := throttle.Rule{Max: 3, Window: time.Hour}
		var n throttle.Count
		for range 3 {
			var err error
			if n, err = store.Take(t.Context(), key("address"), requests); err != nil {
				t.Fatal(err)
			}
		}
		near(t, ttl("address"), time.Hour)
		if err := store.Cancel(t.Context(), key("address"), n.Ticket); err != nil {
			t.Fatal(err)
		}
		near(t, ttl("address"), time.Hour)
		server.AssertTTL(t)
	})
	t.Run("F17 the clock of the process does not matter", func(t *testing.T) {
		early, err := throttle.New(store, throttle.Config{Max: 1, Now: func() time.Time { return time.Now().Add(-5 * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		late, err := throttle.New(store, throttle.Config{Max: 1, Now: func() time.Time { return time.Now().Add(5 * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := early.Begin(t.Context(), "carol"); err != nil {
			t.Fatal(err)
		}
		var locked *throttle.LockedError
		if _, err := late.Begin(t.Context(), "carol"); !errors.As(err, &locked) || locked.RetryAfter > 15*time.Minute || locked.RetryAfter < 14*time.Minute {
			t.Error(err)
		}
	})
}

// TestProcesses is RLT-01 with real processes: the test binary runs itself.
func TestProcesses(t *testing.T) {
	const attempts = 200
	if addr := os.Getenv("SALLYPORT_THROTTLE_ADDR"); addr != "" {
		guard, err := throttle.NewGuard(newStore(t, redistest.Client(t, addr), redisstore.Config{Timeout: 20 * time.Second}), throttle.GuardConfig{})
		if err != nil {
			t.Fatal(err)
		}
		var admitted atomic.Int64
		var wg sync.WaitGroup
		for range attempts {
			wg.Go(func() {
				switch _, err := guard.Begin(context.Background(), throttle.Source{Account: "alice"}); {
				case err == nil:
					admitted.Add(1)
				case !errors.Is(err, throttle.ErrLocked):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		fmt.Fprintf(os.Stderr, "admitted %d\n", admitted.Load())
		return
	}
	t.Run("RLT-01 two processes admit five attempts between them", func(t *testing.T) {
		server := redistest.Start(t)
		if _, err := os.Executable(); err != nil {
			testkit.Skip(t, "os.Executable: a second process cannot be started")
		}
		var total atomic.Int64
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				cmd := exec.Command(os.Args[0], "-test.run=^TestProcesses$", "-test.count=1")
				cmd.Env = append(os.Environ(), "SALLYPORT_THROTTLE_ADDR="+server.Addr())
				out, err := cmd.CombinedOutput()
				_, after, ok := strings.Cut(string(out), "admitted ")
				var n int64
				if _, scan := fmt.Sscan(after, &n); err != nil || !ok || scan != nil {
					t.Errorf("%v: %s", err, out)
				}
				total.Add(n)
			})
		}
		wg.Wait()
		if total.Load() != 5 {
			t.Errorf("%d attempts of %d are admitted, want 5", total.Load(), 2*attempts)
		}
	})
}
