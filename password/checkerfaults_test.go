package password_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// A brokenStore is a store of attempts that is down, or goes down after Take.
type brokenStore struct{ take, undo error }

func (s brokenStore) Take(context.Context, throttle.Key, throttle.Rule) (throttle.Count, error) {
	return throttle.Count{Admitted: true, Ticket: 1}, s.take
}
func (s brokenStore) Allow(context.Context, throttle.Key, int, time.Duration) (throttle.Count, error) {
	return throttle.Count{Admitted: true}, s.take
}
func (s brokenStore) Forgive(context.Context, throttle.Key, throttle.Ticket) error { return s.undo }
func (s brokenStore) Cancel(context.Context, throttle.Key, throttle.Ticket) error  { return s.undo }
func (s brokenStore) Reset(context.Context, throttle.Key) error                    { return s.undo }

// A brokenHasher fails as a Hasher of a service's own might.
type brokenHasher struct {
	hash, verify error
	panics       bool
}

func (h brokenHasher) Hash(context.Context, string) (string, error) { return "", h.hash }
func (h brokenHasher) Verify(context.Context, string, string) (ok, outdated bool, err error) {
	if h.panics {
		panic("no")
	}
	return true, false, h.verify
}

func TestFaults(t *testing.T) {
	down := errors.New("connection refused")
	notFound := problem.Wrap(problem.NotFound, errors.New("no such row"))
	h := cheap(t)
	encoded := hash(t, h, alice)
	limited := func(s throttle.Store) *throttle.Guard {
		return must[*throttle.Guard](t)(throttle.NewGuard(s, throttle.GuardConfig{}))
	}
	failing := func(err error) password.Lookup {
		return func(context.Context, string) (string, *auth.Principal, error) {
			return encoded, &auth.Principal{Subject: "17"}, err
		}
	}
	for _, tt := range []struct {
		name   string
		lookup password.Lookup
		cfg    password.CheckerConfig
		status int
		is     error
	}{
		{"F01 the Lookup fails, with the right password", failing(down), password.CheckerConfig{Hasher: h}, 503, down},
		{"the Lookup fails with a public face of its own", failing(notFound), password.CheckerConfig{Hasher: h}, 503, notFound},
		{"F16 the Lookup panics", func(context.Context, string) (string, *auth.Principal, error) { panic("no") }, password.CheckerConfig{Hasher: h}, 500, problem.ErrPanic},
		{"the Lookup returns a principal without a Subject", func(context.Context, string) (string, *auth.Principal, error) {
			return encoded, &auth.Principal{}, nil
		}, password.CheckerConfig{Hasher: h}, 500, nil},
		{"F01 the Guard's store is down", one(encoded), password.CheckerConfig{Hasher: h, Guard: limited(brokenStore{take: down})}, 503, down},
		{"the Hasher fails to verify", one(encoded), password.CheckerConfig{Hasher: brokenHasher{verify: down}}, 500, down},
		{"the Hasher fails with a public face of its own", one(encoded), password.CheckerConfig{Hasher: brokenHasher{verify: notFound}}, 500, notFound},
		{"the Hasher fails for nobody", one(""), password.CheckerConfig{Hasher: brokenHasher{hash: down}}, 500, down},
		{"F16 the Hasher panics", one(encoded), password.CheckerConfig{Hasher: brokenHasher{panics: true}}, 500, problem.ErrPanic},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := newChecker(t, tt.lookup, tt.cfg).Check(t.Context(), "alice@example.com", alice)
			if p != nil || err == nil {
				t.Fatalf("%v, %v", p, err)
			}
			if errors.Is(err, password.ErrMismatch) || problem.From(err).Status != tt.status {
				t.Errorf("status %d, want %d: %v", problem.From(err).Status, tt.status, err)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v does not wrap its cause, %v", err, tt.is)
			}
		})
	}
	t.Run("a context that ends between two hashes is no mismatch", func(t *testing.T) {
		for _, login := range []string{"alice@example.com", "nobody@example.com"} {
			ctx, cancel := context.WithCancel(t.Context())
			pool := newPool(t, password.PoolConfig{})
			h := must[password.Hasher](t)(password.Upgrade(
				password.CheapArgon2id(pool, 64, 1, 1, func(string) { cancel() }), password.CheapBcrypt(pool, 4, nil)))
			_, err := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h}).Check(ctx, login, "wrong")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", login, err)
			}
		}
	})
	t.Run("a Guard that cannot forgive does not fail the login", func(t *testing.T) {
		var ev events
		c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent, Guard: limited(brokenStore{undo: down})})
		if p, err := c.Check(t.Context(), "alice@example.com", alice); err != nil || p == nil {
			t.Errorf("%v, %v", p, err)
		}
		if e := ev.of(password.EventFault); len(e) != 1 || !errors.Is(e[0].Err, down) || e[0].Subject != "17" {
			t.Errorf("events %+v", ev.all)
		}
	})
	t.Run("XCT-04 a panic of OnEvent changes nothing", func(t *testing.T) {
		c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h, OnEvent: func(context.Context, auth.Event) { panic("no") }})
		if _, err := c.Check(t.Context(), "alice@example.com", "wrong"); !errors.Is(err, password.ErrMismatch) {
			t.Error(err)
		}
	})
	t.Run("PWD-12 a busy Pool is 503 for everybody", func(t *testing.T) {
		pool := newPool(t, password.PoolConfig{Memory: 1, Queue: 1})
		h := password.CheapArgon2id(pool, 64, 1, 1, nil)
		encoded := hash(t, h, alice)
		release := must[func()](t)(pool.Acquire(t.Context(), 1))
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			_, _ = pool.Acquire(ctx, 1)
		}()
		for _, _, n := pool.InUse(); n == 0; _, _, n = pool.InUse() {
			runtime.Gosched()
		}
		for _, login := range []string{"alice@example.com", "nobody@example.com"} {
			_, err := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h}).Check(t.Context(), login, alice)
			if !errors.Is(err, password.ErrBusy) || problem.From(err).Status != 503 {
				t.Errorf("%s: %v", login, err)
			}
		}
		cancel()
		<-waiting
		for _, login := range []string{"alice@example.com", "nobody@example.com"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h}).Check(ctx, login, alice)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || problem.From(err).Status != 503 {
				t.Errorf("%s: %v", login, err)
			}
		}
	})
}

func TestLoginStorm(t *testing.T) {
	t.Run("PWD-12 P18 F31 500 logins at once: each is answered, in the budget", func(t *testing.T) {
		var running, peak atomic.Int64
		pool := newPool(t, password.PoolConfig{Memory: 8, Parallel: 2, Queue: 64})
		h := password.Watched(password.CheapArgon2id(pool, 4<<10, 1, 1, nil), func(delta int64) {
			if n := running.Add(delta); n > peak.Load() {
				peak.Store(n)
			}
		})
		encoded := hash(t, h, alice)
		c := newChecker(t, func(_ context.Context, login string) (string, *auth.Principal, error) {
			return encoded, &auth.Principal{Subject: login}, nil
		}, password.CheckerConfig{Hasher: h})
		var mu sync.Mutex
		answers := map[int]int{}
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				login := strings.Repeat("x", i+1)
				_, err := c.Check(context.Background(), login, alice)
				status := 200
				if err != nil {
					w := httptest.NewRecorder()
					problem.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
					if status = w.Code; w.Header().Get("Retry-After") == "" {
						t.Errorf("%d without Retry-After: %v", status, err)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				answers[status]++
			})
		}
		wg.Wait()
		if answers[200]+answers[503] != 500 || answers[200] < 66 {
			t.Errorf("answers %v, want 200 and 503 only", answers)
		}
		if peak.Load() > 2 {
			t.Errorf("%d hashes of 4 MiB at once in 8 MiB", peak.Load())
		}
		idle(t, pool)
		t.Logf("answers %v", answers)
	})
}

func TestNoSecretLeaks(t *testing.T) {
	canary := testkit.NewCanary(t)
	pool := newPool(t, password.PoolConfig{})
	h := must[password.Hasher](t)(password.Upgrade(
		password.CheapArgon2id(pool, 64, 1, 1, nil), password.CheapBcrypt(pool, 4, nil), password.CheapScrypt(pool, 4, 1, 1, nil)))
	pw := canary.Secret("the password")
	encoded := hash(t, password.CheapBcrypt(pool, 4, nil), pw)
	canary.Watch("the stored hash", encoded)
	canary.Watch("a damaged hash", encoded[:50])
	canary.Watch("a plain password as hash", "x"+pw)
	policy := newPolicy(t, password.PolicyConfig{Breached: func(context.Context, string) (bool, error) {
		return false, errors.New("the service is down")
	}})

	answer := func(err error) {
		if err == nil {
			return
		}
		_ = canary.Error(err)
		w := httptest.NewRecorder()
		problem.Log(canary.Logger(), nil)(w, httptest.NewRequest("POST", "/login", nil), err)
		_, _ = canary.Writer("response").Write(w.Body.Bytes())
	}
	logEvents := auth.LogEvents(canary.Logger())
	for _, stored := range []string{encoded, encoded[:50], "x" + pw, "", "$argon2id$v=19$m=1,t=1,p=1$" + pw + "$" + pw} {
		c := newChecker(t, one(stored), password.CheckerConfig{
			Hasher: h,
			Rehash: func(context.Context, string, string, string) error { return errors.New("read-only") },
			OnEvent: func(ctx context.Context, e auth.Event) {
				canary.OnEvent(ctx, e)
				logEvents(ctx, e)
			},
		})
		for _, attempt := range []string{pw, pw + "x", pw + "\x00", strings.Repeat(pw, 3), strings.Repeat(pw, 50), pw, pw} {
			_, err := c.Check(t.Context(), "alice@example.com", attempt)
			answer(err)
			// A password typed where the login belongs.
			_, err = c.Check(t.Context(), attempt, "wrong")
			answer(err)
			_, err = h.Hash(t.Context(), attempt)
			answer(err)
			_, _, err = h.Verify(t.Context(), stored, attempt)
			answer(err)
			answer(policy.Check(t.Context(), attempt, attempt))
			answer(policy.Check(t.Context(), attempt))
		}
	}
	t.Run("PWD-15 no password and no hash in any error, event, log or response", func(*testing.T) { canary.Check() })
}
