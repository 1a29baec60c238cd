package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/problem"
)

const cacheFor = 10 * time.Second

func withCache(cfg *apikey.Config) { cfg.CacheFor = cacheFor }

func TestCache(t *testing.T) {
	t.Run("a record and its owner are looked up once in CacheFor", func(t *testing.T) {
		r := newRig(t, withCache)
		text, _ := r.issue(nil)
		asked := r.owners.asked.Load()
		for range 5 {
			for range 100 {
				r.good(text)
			}
			r.clock.Advance(cacheFor)
		}
		if finds, owner := r.store.finds.Load(), r.owners.asked.Load()-asked; finds != 5 || owner != 5 {
			t.Errorf("%d look-ups, Owner asked %d times", finds, owner)
		}
	})
	t.Run("without one every request asks", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		asked := r.owners.asked.Load()
		for range 10 {
			r.good(text)
		}
		if finds, owner := r.store.finds.Load(), r.owners.asked.Load()-asked; finds != 10 || owner != 10 {
			t.Errorf("%d look-ups, Owner asked %d times", finds, owner)
		}
	})
	t.Run("a wrong secret is a wrong secret, cached or not, and pushes nothing out", func(t *testing.T) {
		r := newRig(t, withCache)
		text, _ := r.issue(nil)
		r.bad(wrongSecret(text), apikey.ErrInvalid)
		r.good(text)
		r.bad(wrongSecret(text), apikey.ErrInvalid)
		r.good(text)
		if finds := r.store.finds.Load(); finds != 1 {
			t.Errorf("%d look-ups", finds)
		}
	})
	t.Run("an id that is not there is looked up once in CacheFor", func(t *testing.T) {
		r := newRig(t, withCache)
		for range 3 {
			for range 10 {
				r.bad(forged(apikey.ShardOf("x")+"0123456789abcdef"), apikey.ErrInvalid)
			}
			r.clock.Advance(cacheFor)
		}
		if finds := r.store.finds.Load(); finds != 3 {
			t.Errorf("%d look-ups", finds)
		}
	})
	t.Run("KEY-05 what this process does counts at once", func(t *testing.T) {
		for name, tc := range map[string]struct {
			end func(r *rig, k *apikey.Key) error
			err error
		}{
			"revoke":         {func(r *rig, k *apikey.Key) error { return r.Revoke(t.Context(), k.ID) }, apikey.ErrRevoked},
			"revoke subject": {func(r *rig, k *apikey.Key) error { return r.RevokeSubject(t.Context(), k.Subject, "") }, apikey.ErrRevoked},
			"expire":         {func(r *rig, k *apikey.Key) error { return r.Expire(t.Context(), k.ID, r.clock.Now()) }, apikey.ErrExpired},
			"rotate": {func(r *rig, k *apikey.Key) error {
				_, _, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{Overlap: -1})
				return err
			}, apikey.ErrExpired},
			"forget": {func(r *rig, k *apikey.Key) error { r.owners.disable(k.Subject); r.Forget(k.Subject); return nil }, apikey.ErrOwner},
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, withCache)
				text, k := r.issue(nil)
				other, _ := r.issue(func(q *apikey.Request) { q.Subject, q.Scopes = "bob", []string{"orders:read"} })
				r.good(text)
				r.good(other)
				if err := tc.end(r, k); err != nil {
					t.Fatal(err)
				}
				r.bad(text, tc.err)
				finds := r.store.finds.Load()
				r.good(other)
				if r.store.finds.Load() != finds {
					t.Error("the keys of others are forgotten too")
				}
			})
		}
	})
	t.Run("KEY-05 KEY-06 what another process does counts within CacheFor", func(t *testing.T) {
		r := newRig(t, withCache)
		other := r.another(withCache)
		revoked, k := r.issue(nil)
		demoted, _ := r.issue(nil)
		r.good(revoked)
		r.good(demoted)
		if err := other.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		r.owners.set("alice", "customer")
		r.clock.Advance(cacheFor - time.Microsecond)
		r.good(revoked)
		r.clock.Advance(time.Microsecond)
		r.bad(revoked, apikey.ErrRevoked)
		if p := r.good(demoted); !slices.Equal(p.Scopes, []string{"orders:read"}) {
			t.Errorf("%q", p.Scopes)
		}
	})
	t.Run("KEY-05 a key expires in the cache", func(t *testing.T) {
		r := newRig(t, withCache)
		text, _ := r.issue(func(q *apikey.Request) { q.Lifetime = 5 * time.Second })
		r.good(text)
		r.clock.Advance(5 * time.Second)
		r.bad(text, apikey.ErrExpired)
	})
	t.Run("F17 a clock that goes back does not prolong what is cached", func(t *testing.T) {
		r := newRig(t, withCache)
		other := r.another(nil)
		text, k := r.issue(nil)
		r.clock.Advance(time.Hour)
		r.good(text)
		if err := other.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(-time.Minute)
		r.bad(text, apikey.ErrRevoked)
	})
	t.Run("F01 a failure is not kept", func(t *testing.T) {
		r := newRig(t, withCache)
		text, _ := r.issue(nil)
		r.store.on(down)
		if _, err := r.Verify(t.Context(), text, home); problem.From(err).Status != 503 {
			t.Errorf("%v", err)
		}
		r.store.on(nil)
		r.owners.fail(errDown)
		if _, err := r.Verify(t.Context(), text, home); problem.From(err).Status != 503 {
			t.Errorf("%v", err)
		}
		r.owners.fail(nil)
		r.good(text)
		r.store.on(down)
		r.good(text) // within CacheFor
		r.clock.Advance(cacheFor)
		if _, err := r.Verify(t.Context(), text, home); problem.From(err).Status != 503 {
			t.Errorf("I1 %v", err)
		}
	})
	t.Run("F24 it is bounded, and strangers push no key out", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.CacheFor, cfg.CacheSize = cacheFor, 1600 })
		text, _ := r.issue(nil)
		r.good(text)
		finds := r.store.finds.Load()
		strangers := testkit.Volume(50_000)
		for i := range strangers {
			_, _ = r.Verify(t.Context(), forged(fmt.Sprintf("abc%016d", i)), netip.Addr{})
		}
		r.good(text)
		if n := r.store.finds.Load() - finds; n != int64(strangers) {
			t.Errorf("%d look-ups of %d strangers and one key that is cached", n, strangers)
		}
	})
	t.Run("an entry that was issued anew is not shadowed by its absence", func(t *testing.T) {
		r := newRig(t, withCache)
		text, k := r.issue(nil)
		kept := r.store.Store
		empty, err := apikey.NewMemoryStore(apikey.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		r.store.Store = empty
		r.bad(text, apikey.ErrInvalid)
		r.store.Store = kept
		r.bad(text, apikey.ErrInvalid)
		_ = r.Expire(t.Context(), k.ID, k.ExpiresAt)
		r.good(text)
	})
}

func TestCacheFlights(t *testing.T) {
	// block makes look-ups wait until free is called.
	block := func(r *rig) (free func()) {
		gate := make(chan struct{})
		r.store.on(func(ctx context.Context, method string) error {
			if method != "Find" {
				return nil
			}
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		return sync.OnceFunc(func() { close(gate) })
	}
	t.Run("a crowd that wants one key looks it up once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, withCache)
			text, _ := r.issue(nil)
			asked := r.owners.asked.Load()
			free := block(r)
			var wg sync.WaitGroup
			for range 300 {
				wg.Go(func() {
					if _, err := r.Verify(t.Context(), text, home); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			free()
			wg.Wait()
			if finds, owner := r.store.finds.Load(), r.owners.asked.Load()-asked; finds != 1 || owner != 1 {
				t.Errorf("%d look-ups, Owner asked %d times", finds, owner)
			}
		})
	})
	t.Run("F15 the one who looks up goes away, and the others go on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, withCache)
			text, _ := r.issue(nil)
			free := block(r)
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := r.Verify(ctx, text, home); err == nil {
					t.Error("the one who went away is let in")
				}
			})
			synctest.Wait()
			for range 20 {
				wg.Go(func() {
					if _, err := r.Verify(t.Context(), text, home); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			cancel()
			synctest.Wait()
			free()
			wg.Wait()
		})
	})
	t.Run("F15 one who waits goes away alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, withCache)
			text, _ := r.issue(nil)
			free := block(r)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := r.Verify(t.Context(), text, home); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := r.Verify(ctx, text, home); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			free()
			wg.Wait()
		})
	})
	t.Run("F01 F02 a crowd does not ask a store that is down one after the other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, withCache)
			text, _ := r.issue(nil)
			r.store.on(func(context.Context, string) error {
				timer := time.NewTimer(300 * time.Millisecond)
				<-timer.C
				return errDown
			})
			start := time.Now()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if _, err := r.Verify(t.Context(), text, home); problem.From(err).Status != 503 {
						t.Errorf("%v", err)
					}
				})
			}
			wg.Wait()
			if took := time.Since(start); took > time.Second {
				t.Errorf("I6 it took %v", took)
			}
		})
	})
	t.Run("I2 who comes after a revocation does not get what was read before it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, withCache)
			text, k := r.issue(nil)
			read, gate := make(chan struct{}), make(chan struct{})
			var first atomic.Bool
			slow := &late{faults: r.store, after: func() {
				if first.CompareAndSwap(false, true) {
					close(read)
					<-gate
				}
			}}
			m, err := apikey.New(slow, apikey.Config{Owner: r.owners.current, Permits: permits, TouchEvery: -1, Now: r.clock.Now, CacheFor: cacheFor})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = m.Verify(t.Context(), text, home) }) // has read the record, and is slow
			<-read
			if err := m.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Verify(t.Context(), text, home); !errors.Is(err, apikey.ErrRevoked) {
				t.Errorf("beside it: %v", err)
			}
			close(gate)
			wg.Wait()
			if _, err := m.Verify(t.Context(), text, home); !errors.Is(err, apikey.ErrRevoked) {
				t.Errorf("after it: %v", err)
			}
		})
	})
}

// late is a Store whose Find returns late what it has read early.
type late struct {
	*faults
	after func()
}

func (s *late) Find(ctx context.Context, id string) (*apikey.Key, error) {
	k, err := s.faults.Find(ctx, id)
	s.after()
	return k, err
}

// A radio is a Store that is a Watcher, in the hands of a test.
type radio struct {
	*faults
	mu       sync.Mutex
	watches  int
	changed  func(apikey.Change)
	lose     chan error
	deaf     bool // Watch fails at once
	panicked bool // Watch panics once
}

func (s *radio) Watch(ctx context.Context, listening func(), changed func(apikey.Change)) error {
	s.mu.Lock()
	s.watches++
	s.changed = changed
	deaf, boom := s.deaf, s.panicked
	s.panicked = false
	s.mu.Unlock()
	if boom {
		panic("boom")
	}
	if deaf {
		return errDown
	}
	listening()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.lose:
		return err
	}
}

func (s *radio) tell(c apikey.Change) {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	changed(c)
}

func TestWatcher(t *testing.T) {
	// start makes a Manager whose store is a radio, and one of another process.
	start := func(t *testing.T, change func(s *radio)) (r *rig, m, other *apikey.Manager, s *radio) {
		r = newRig(t, nil)
		s = &radio{faults: r.store, lose: make(chan error)}
		if change != nil {
			change(s)
		}
		m, err := apikey.New(s, apikey.Config{
			Owner: r.owners.current, Permits: permits, TouchEvery: -1, Now: r.clock.Now, CacheFor: cacheFor, OnEvent: r.onEvent,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		return r, m, r.another(nil), s
	}
	accepts := func(t *testing.T, m *apikey.Manager, text string, want error) {
		t.Helper()
		if _, err := m.Verify(t.Context(), text, home); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
	}
	t.Run("KEY-05 what another process does counts when it is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, m, other, s := start(t, nil)
			for name, of := range map[string]func(k *apikey.Key) apikey.Change{
				"id": func(k *apikey.Key) apikey.Change { return apikey.Change{ID: k.ID} }, "subject": func(k *apikey.Key) apikey.Change { return apikey.Change{Subject: k.Subject} },
				"all": func(*apikey.Key) apikey.Change { return apikey.Change{} },
			} {
				text, k := r.issue(nil)
				accepts(t, m, text, nil)
				if err := other.Revoke(t.Context(), k.ID); err != nil {
					t.Fatal(err)
				}
				accepts(t, m, text, nil) // it is in the cache: the test below means something
				s.tell(of(k))
				accepts(t, m, text, apikey.ErrRevoked)
				t.Log(name)
			}
		})
	})
	t.Run("KEY-05 a change of an id that is none forgets everything", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, m, other, s := start(t, nil)
			for _, id := range []string{"x", "xy", "apikey:", "0123456789abcdefghi?"} {
				text, k := r.issue(nil)
				accepts(t, m, text, nil)
				if err := other.Revoke(t.Context(), k.ID); err != nil {
					t.Fatal(err)
				}
				s.tell(apikey.Change{ID: id})
				accepts(t, m, text, apikey.ErrRevoked)
			}
		})
	})
	t.Run("KEY-05 a subscription that is lost forgets everything, and the bound stays", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, m, other, s := start(t, nil)
			text, k := r.issue(nil)
			accepts(t, m, text, nil)
			if err := other.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			s.deaf = true
			s.mu.Unlock()
			s.lose <- errDown
			synctest.Wait()
			accepts(t, m, text, apikey.ErrRevoked)
			if e, ok := r.last(apikey.EventWatchLost); !ok || !errors.Is(e.Err, errDown) {
				t.Errorf("%+v", e)
			}
			// Nobody tells anything: the bound is CacheFor.
			text, k = r.issue(nil)
			accepts(t, m, text, nil)
			if err := other.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(cacheFor)
			accepts(t, m, text, apikey.ErrRevoked)
			// It comes back: what was read meanwhile is forgotten.
			text, k = r.issue(nil)
			accepts(t, m, text, nil)
			if err := other.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			s.deaf = false
			s.mu.Unlock()
			timer := time.NewTimer(time.Minute)
			<-timer.C
			synctest.Wait()
			accepts(t, m, text, apikey.ErrRevoked)
		})
	})
	t.Run("KEY-05 a subscription that is dead without a word does not stretch the bound", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, m, other, _ := start(t, nil)
			text, k := r.issue(nil)
			accepts(t, m, text, nil)
			if err := other.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(cacheFor)
			accepts(t, m, text, apikey.ErrRevoked)
		})
	})
	t.Run("F16 F01 a Watcher that fails or panics is asked again, ever less often", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, _, _, s := start(t, func(s *radio) { s.deaf, s.panicked = true, true })
			timer := time.NewTimer(10 * time.Minute)
			<-timer.C
			s.mu.Lock()
			watches := s.watches
			s.mu.Unlock()
			if watches < 20 || watches > 30 {
				t.Errorf("%d times in ten minutes", watches)
			}
		})
	})
	t.Run("Close ends it, or gives up in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, m, _, _ := start(t, nil)
			for range 2 {
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	})
	t.Run("without a cache nothing is watched", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			s := &radio{faults: r.store}
			if _, err := apikey.New(s, apikey.Config{Owner: r.owners.current, Permits: permits}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if s.watches != 0 {
				t.Error("it is")
			}
		})
	})
}

// The principal of the cache is shared by requests; nothing in this package changes it.
func TestCachedPrincipal(t *testing.T) {
	r := newRig(t, withCache)
	text, _ := r.issue(nil)
	first := r.good(text)
	copied := first.Clone()
	r.owners.set("alice", "customer")
	r.Forget("alice")
	if second := r.good(text); !first.Equal(copied) || second.Equal(first) {
		t.Errorf("%+v, %+v", first, second)
	}
}
