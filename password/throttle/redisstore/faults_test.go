package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/password/throttle/redisstore"
	"github.com/go-sallyport/auth/problem"
)

var rule = throttle.Rule{Max: 5, Window: time.Hour, Lockout: time.Hour, MaxLockout: 24 * time.Hour, MaxInARow: 100, Memory: 90 * 24 * time.Hour}

func key(text string) throttle.Key { return throttle.NewKey("test", text) }

// behindProxy is a store whose client is warm and whose scripts the server knows,
// so that the proxy counts the replies of the store only.
func behindProxy(t *testing.T, cfg redisstore.Config) (*redisstore.Store, *faultproxy.Proxy, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	proxy := faultproxy.New(t, server.Addr())
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true, PoolSize: 1})
	t.Cleanup(func() { _ = c.Close() })
	warm := newStore(t, c, redisstore.Config{Timeout: 10 * time.Second})
	n := take(t, warm, "warm")
	if err := errors.Join(warm.Cancel(t.Context(), key("warm"), n.Ticket), warm.Forgive(t.Context(), key("warm"), n.Ticket)); err != nil {
		t.Fatal(err)
	}
	return newStore(t, c, cfg), proxy, server
}

func take(t *testing.T, s throttle.Store, text string) throttle.Count {
	t.Helper()
	n, err := s.Take(t.Context(), key(text), rule)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// left is how many attempts a key has until it is locked. It uses them up.
func left(t *testing.T, s throttle.Store, text string) (n int) {
	t.Helper()
	for take(t, s, text).Admitted {
		n++
	}
	return n
}

func TestLostReplies(t *testing.T) {
	store, proxy, _ := behindProxy(t, redisstore.Config{Timeout: 10 * time.Second})
	ctx := t.Context()
	lose := func(t *testing.T, doing string, call func() error) {
		t.Helper()
		before := proxy.Faults()
		proxy.DropReply(1)
		if err := call(); err != nil {
			t.Errorf("%s whose reply was lost: %v", doing, err)
		}
		if proxy.Faults() != before+1 {
			t.Errorf("%s: no reply was lost", doing)
		}
		proxy.Pass()
	}
	t.Run("F03 an attempt whose reply was lost is counted once, and can be taken back", func(t *testing.T) {
		var n throttle.Count
		lose(t, "Take", func() (err error) {
			n, err = store.Take(ctx, key("take"), rule)
			return err
		})
		if !n.Admitted {
			t.Fatal("refused")
		}
		lose(t, "Cancel", func() error { return store.Cancel(ctx, key("take"), n.Ticket) })
		if got := left(t, store, "take"); got != 5 {
			t.Errorf("%d attempts are left, want 5", got)
		}
	})
	t.Run("F03 the last attempt is admitted although it has locked", func(t *testing.T) {
		for range 4 {
			take(t, store, "last")
		}
		lose(t, "Take", func() error {
			n, err := store.Take(ctx, key("last"), rule)
			if !n.Admitted || n.Wait < 59*time.Minute {
				t.Errorf("%+v", n)
			}
			return err
		})
		if got := left(t, store, "last"); got != 0 {
			t.Errorf("%d attempts are left", got)
		}
	})
	t.Run("F03 Forgive and Reset", func(t *testing.T) {
		n := take(t, store, "forgive")
		lose(t, "Forgive", func() error { return store.Forgive(ctx, key("forgive"), n.Ticket) })
		lose(t, "Reset", func() error { return store.Reset(ctx, key("forgive")) })
		if got := left(t, store, "forgive"); got != 5 {
			t.Errorf("%d attempts are left, want 5", got)
		}
	})
	t.Run("F04 a connection that is cut anywhere never under-counts", func(t *testing.T) {
		for _, way := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
			for cut := range 24 {
				name := fmt.Sprint("cut", way, cut)
				begun := 0
				proxy.CutAfter(way, cut*cut)
				for range 3 {
					if n, err := store.Take(ctx, key(name), rule); err == nil && n.Admitted {
						begun++
					}
				}
				proxy.Pass()
				if got := left(t, store, name); got > 5-begun {
					t.Errorf("%s: %d attempts were admitted, and then %d", name, begun, got)
				}
			}
		}
	})
}

func TestFaults(t *testing.T) {
	t.Run("F01 F02 a server that refuses or stalls is 503 within the timeout", func(t *testing.T) {
		store, proxy, _ := behindProxy(t, redisstore.Config{Timeout: 300 * time.Millisecond})
		guard, err := throttle.NewGuard(store, throttle.GuardConfig{})
		if err != nil {
			t.Fatal(err)
		}
		open, err := throttle.NewGuard(store, throttle.GuardConfig{FailOpen: true})
		if err != nil {
			t.Fatal(err)
		}
		for name, fault := range map[string]func(){"refuse": proxy.Refuse, "stall": proxy.Stall} {
			fault()
			start := time.Now()
			a, err := guard.Begin(t.Context(), throttle.Source{Account: "alice"})
			if a != nil || err == nil || problem.From(err).Status != 503 {
				t.Errorf("%s: %v, %v", name, a, err)
			}
			if _, err := open.Begin(t.Context(), throttle.Source{Account: "alice"}); err != nil {
				t.Errorf("%s: FailOpen: %v", name, err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: took %v", name, took)
			}
		}
		proxy.Pass()
		for deadline := time.Now().Add(5 * time.Second); ; {
			if _, err = guard.Begin(t.Context(), throttle.Source{Account: "alice"}); err == nil || time.Now().After(deadline) {
				break
			}
		}
		if err != nil {
			t.Errorf("I8 after the fault: %v", err)
		}
	})
	t.Run("F05 latency", func(t *testing.T) {
		store, proxy, _ := behindProxy(t, redisstore.Config{Timeout: 10 * time.Second})
		proxy.RandomLatency(100 * time.Millisecond)
		if got := left(t, store, "slow"); got != 5 {
			t.Errorf("%d attempts", got)
		}
	})
	t.Run("F10 FLUSHALL forgives, which is documented, and the scripts come back", func(t *testing.T) {
		store, _, server := behindProxy(t, redisstore.Config{})
		left(t, store, "alice")
		server.FlushAll()
		if got := left(t, store, "alice"); got != 5 {
			t.Errorf("%d attempts", got)
		}
		if err := server.Client().ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if got := left(t, store, "bob"); got != 5 {
			t.Errorf("NOSCRIPT: %d attempts", got)
		}
		server.AssertTTL(t)
	})
	t.Run("F11 a value that is not ours is a failure, never an admission", func(t *testing.T) {
		store, _, server := behindProxy(t, redisstore.Config{})
		direct, name := server.Client(), redisstore.DefaultPrefix+key("alice").String()
		n := take(t, store, "alice")
		good := direct.Get(t.Context(), name).Val()
		for _, bad := range []string{"", "x", "5", "1", "1 2 3", good[:len(good)-9] + "!", "2" + good[1:], "-" + good, "1 x" + good[3:], strings.Repeat("9", 400), "\x00\xff"} {
			direct.Set(t.Context(), name, bad, time.Hour)
			if n, err := store.Take(t.Context(), key("alice"), rule); err == nil || n.Admitted {
				t.Errorf("%.30q: %+v, %v", bad, n, err)
			}
			if err := store.Cancel(t.Context(), key("alice"), n.Ticket); err == nil {
				t.Errorf("%.30q: Cancel", bad)
			}
			if err := store.Forgive(t.Context(), key("alice"), n.Ticket); err == nil {
				t.Errorf("%.30q: Forgive", bad)
			}
		}
		direct.Del(t.Context(), name)
		direct.LPush(t.Context(), name, "a list")
		if n, err := store.Take(t.Context(), key("alice"), rule); err == nil || n.Admitted {
			t.Errorf("WRONGTYPE: %+v, %v", n, err)
		}
		if err := store.Reset(t.Context(), key("alice")); err != nil {
			t.Error(err)
		}
		if got := left(t, store, "alice"); got != 5 {
			t.Errorf("after Reset: %d attempts", got)
		}
	})
	t.Run("F06 without memory nothing is admitted", func(t *testing.T) {
		store, _, server := behindProxy(t, redisstore.Config{})
		server.Config("maxmemory", "1")
		if n, err := store.Take(t.Context(), key("alice"), rule); err == nil || n.Admitted {
			t.Errorf("%+v, %v", n, err)
		}
	})
	t.Run("F15 a client that is gone does not keep a success from being written", func(t *testing.T) {
		store, _, _ := behindProxy(t, redisstore.Config{})
		limiter, err := throttle.New(store, throttle.Config{Max: 2})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			a, err := limiter.Begin(ctx, "alice")
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := a.Succeed(ctx); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := limiter.Begin(ctx, "alice"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
