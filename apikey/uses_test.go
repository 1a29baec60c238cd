package apikey_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

const touchEvery = time.Minute

// newTouched is a rig that notes uses, in the time of synctest.
func newTouched(t *testing.T, change func(cfg *apikey.Config)) *rig {
	return newRig(t, func(cfg *apikey.Config) {
		cfg.TouchEvery, cfg.Now = touchEvery, time.Now
		if change != nil {
			change(cfg)
		}
	})
}

func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

func (r *rig) lastUse(id string) (time.Time, netip.Addr) {
	r.t.Helper()
	k, err := r.store.Store.Find(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return k.LastUsedAt, k.LastUsedFrom
}

func TestLastUse(t *testing.T) {
	for name, cfg := range map[string]func(cfg *apikey.Config){"": nil, " with a cache": withCache} {
		t.Run("KEY-10 uses are written at most once in an interval, the last of them"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTouched(t, cfg)
				text, k := r.issue(nil)
				for round := range 3 {
					var last time.Time
					for i := range 50 {
						last = time.Now()
						if _, err := r.Verify(t.Context(), text, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})); err != nil {
							t.Fatal(err)
						}
						pass(time.Second)
					}
					pass(touchEvery)
					if n := r.store.touches.Load(); n != int64(round+1) {
						t.Fatalf("%d writes after %d intervals", n, round+1)
					}
					if at, from := r.lastUse(k.ID); !at.Equal(last) || from != netip.AddrFrom4([4]byte{192, 0, 2, 49}) {
						t.Errorf("%v from %v, want %v", at, from, last)
					}
				}
				pass(time.Hour)
				if n := r.store.touches.Load(); n != 3 {
					t.Errorf("%d writes with nothing to write", n)
				}
			})
		})
	}
	t.Run("KEY-10 many keys are one write", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, func(cfg *apikey.Config) { cfg.MaxKeys = 1000 })
			for range apikey.MaxUses + 1 {
				text, _ := r.issue(nil)
				r.good(text)
			}
			pass(touchEvery)
			if n := r.store.touches.Load(); n != 2 {
				t.Errorf("%d writes", n)
			}
		})
	})
	t.Run("KEY-10 a key that is refused is not used", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, nil)
			text, k := r.issue(nil)
			r.bad(wrongSecret(text), apikey.ErrInvalid)
			r.owners.disable("alice")
			r.bad(text, apikey.ErrOwner)
			if err := r.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			r.bad(text, apikey.ErrRevoked)
			pass(touchEvery)
			if at, _ := r.lastUse(k.ID); !at.IsZero() || r.store.touches.Load() != 0 {
				t.Errorf("%v, %d writes", at, r.store.touches.Load())
			}
		})
	})
	t.Run("KEY-10 F01 F02 a store that is down or stalls neither fails nor slows a request, and is tried once in an interval", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, nil)
			text, k := r.issue(nil)
			stalled := make(chan struct{})
			r.store.on(func(ctx context.Context, method string) error {
				if method != "Touch" {
					return nil
				}
				select {
				case <-ctx.Done():
				case <-stalled:
				}
				return errDown
			})
			for range 300 {
				start := time.Now()
				r.good(text)
				if took := time.Since(start); took > 0 {
					t.Fatalf("a request took %v", took)
				}
				pass(time.Second)
			}
			if n := r.store.touches.Load(); n < 2 || n > 6 {
				t.Errorf("%d writes in five minutes", n)
			}
			if e, ok := r.last(apikey.EventTouchFailed); !ok || !errors.Is(e.Err, errDown) {
				t.Errorf("%+v", e)
			}
			close(stalled)
			r.store.on(nil)
			last := time.Now()
			r.good(text)
			pass(2 * touchEvery)
			if at, _ := r.lastUse(k.ID); !at.Equal(last) {
				t.Errorf("I8 %v, want %v", at, last)
			}
		})
	})
	t.Run("KEY-10 F13 what could not be written is not lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, nil)
			text, k := r.issue(nil)
			r.store.on(func(_ context.Context, method string) error {
				if method == "Touch" {
					return errDown
				}
				return nil
			})
			used := time.Now()
			r.good(text)
			pass(3 * touchEvery)
			r.store.on(nil)
			pass(touchEvery)
			if at, _ := r.lastUse(k.ID); !at.Equal(used) {
				t.Errorf("%v, want %v", at, used)
			}
		})
	})
	t.Run("KEY-10 F16 a panic of the store ends nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, nil)
			text, k := r.issue(nil)
			r.store.on(func(_ context.Context, method string) error {
				if method == "Touch" {
					panic("boom")
				}
				return nil
			})
			r.good(text)
			pass(touchEvery)
			r.store.on(nil)
			pass(touchEvery)
			if at, _ := r.lastUse(k.ID); at.IsZero() {
				t.Error("it is not written")
			}
		})
	})
	t.Run("KEY-10 F16 a panic of the clock ends nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var broken atomic.Bool
			r := newTouched(t, func(cfg *apikey.Config) {
				cfg.Now = func() time.Time {
					if broken.Load() {
						panic("boom")
					}
					return time.Now()
				}
			})
			text, k := r.issue(nil)
			r.good(text)
			r.store.on(down)
			broken.Store(true)
			pass(touchEvery) // without a request there is nobody to take it
			if _, ok := r.last(apikey.EventTouchFailed); !ok {
				t.Error("no event")
			}
			r.store.on(nil)
			pass(touchEvery)
			if at, _ := r.lastUse(k.ID); at.IsZero() {
				t.Error("it is not written")
			}
		})
	})
	t.Run("KEY-10 F02 a store that stalls is asked once in an interval, however many keys wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, func(cfg *apikey.Config) { cfg.MaxKeys = 1000 })
			var ids []string
			for _, subject := range []string{"alice", "bob"} {
				for range apikey.MaxUses {
					text, k := r.issue(func(q *apikey.Request) { q.Subject, q.Scopes = subject, []string{"orders:read"} })
					r.good(text)
					ids = append(ids, k.ID)
				}
			}
			r.store.on(func(ctx context.Context, method string) error {
				if method != "Touch" {
					return nil
				}
				<-ctx.Done()
				return errDown
			})
			pass(touchEvery + 30*time.Second)
			if n := r.store.touches.Load(); n != 1 {
				t.Errorf("%d writes", n)
			}
			r.store.on(nil)
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if at, _ := r.lastUse(id); at.IsZero() {
					t.Fatal("one is lost")
				}
			}
		})
	})
	t.Run("KEY-10 the newest wins across processes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, nil)
			other := r.another(func(cfg *apikey.Config) { cfg.TouchEvery, cfg.Now = 10*time.Second, time.Now })
			text, k := r.issue(nil)
			r.good(text)
			pass(time.Second)
			last := time.Now()
			if _, err := other.Verify(t.Context(), text, netip.MustParseAddr("192.0.2.99")); err != nil {
				t.Fatal(err)
			}
			pass(time.Hour)
			if at, from := r.lastUse(k.ID); !at.Equal(last) || from != netip.MustParseAddr("192.0.2.99") {
				t.Errorf("%v from %v, want %v", at, from, last)
			}
		})
	})
	t.Run("KEY-10 F30 Close writes what is noted, also twice, and nothing is noted any more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, withCache)
			text, k := r.issue(nil)
			used := time.Now()
			r.good(text)
			for range 2 {
				if err := r.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if at, _ := r.lastUse(k.ID); !at.Equal(used) {
				t.Errorf("%v, want %v", at, used)
			}
			pass(time.Second)
			r.good(text)
			pass(time.Hour)
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := r.store.touches.Load(); n != 1 {
				t.Errorf("%d writes", n)
			}
		})
	})
	t.Run("F30 F01 Close of a store that is down says so in time, and can be tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newTouched(t, nil)
			text, k := r.issue(nil)
			r.good(text)
			r.store.on(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			if err := r.Close(ctx); err == nil || time.Since(start) > 3*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			r.store.on(nil)
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if at, _ := r.lastUse(k.ID); at.IsZero() {
				t.Error("it is lost")
			}
		})
	})
	t.Run("KEY-10 of a crowd the last use is noted", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.TouchEvery, cfg.Now, cfg.CacheFor = time.Hour, time.Now, cacheFor })
		texts := make(map[string]string)
		for range 10 {
			text, k := r.issue(nil)
			texts[text] = k.ID
		}
		var mu sync.Mutex
		begun := make(map[string]time.Time)
		var wg sync.WaitGroup
		for text := range texts {
			for i := range 40 {
				wg.Go(func() {
					start := time.Now()
					if _, err := r.Verify(t.Context(), text, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if start.After(begun[text]) {
						begun[text] = start
					}
				})
			}
		}
		wg.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for text, id := range texts {
			if at, _ := r.lastUse(id); at.Before(begun[text].Truncate(time.Microsecond)) {
				t.Errorf("%v, though one began at %v", at, begun[text])
			}
		}
	})
}
