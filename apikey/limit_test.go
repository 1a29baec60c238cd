package apikey_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

func TestFailures(t *testing.T) {
	t.Run("KEY-11 an address with many wrong keys is refused before a look-up, and others are not", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		for i := range apikey.DefaultMaxFailures {
			bad := forged(fmt.Sprintf("abc%016d", i))
			if i%2 == 0 {
				bad = wrongSecret(text)
			}
			r.bad(bad, apikey.ErrInvalid)
		}
		r.good(text) // not yet
		_, err := r.Verify(t.Context(), wrongSecret(text), home)
		wantLocked(t, err)
		finds := r.store.finds.Load()
		for i := range 100 {
			_, err := r.Verify(t.Context(), forged(fmt.Sprintf("xyz%016d", i)), home)
			wantLocked(t, err)
		}
		_, err = r.Verify(t.Context(), text, home)
		wantLocked(t, err)
		if n := r.store.finds.Load() - finds; n != 0 {
			t.Errorf("%d look-ups", n)
		}
		if _, err := r.Verify(t.Context(), text, netip.MustParseAddr("192.0.2.8")); err != nil {
			t.Error(err)
		}
		r.clock.Advance(apikey.DefaultFailureWindow)
		r.good(text)
	})
	t.Run("KEY-11 a cached key is good at an address of strangers", func(t *testing.T) {
		r := newRig(t, withCache)
		text, _ := r.issue(nil)
		r.good(text)
		for i := range 100 {
			_, _ = r.Verify(t.Context(), forged(fmt.Sprintf("abc%016d", i)), home)
		}
		r.good(text)
	})
	t.Run("KEY-11 an IPv6 network is one address", func(t *testing.T) {
		r := newRig(t, nil)
		var err error
		for i := range 2 * apikey.DefaultMaxFailures {
			_, err = r.Verify(t.Context(), forged(fmt.Sprintf("abc%016d", i)), netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 15: byte(i)}))
		}
		wantLocked(t, err)
	})
	t.Run("KEY-11 who hangs up is counted", func(t *testing.T) {
		r := newRig(t, nil)
		var cancel context.CancelFunc
		m, err := apikey.New(&late{r.store, func() { cancel() }}, apikey.Config{Owner: r.owners.current, Permits: permits, TouchEvery: -1, Now: r.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 * apikey.DefaultMaxFailures {
			var ctx context.Context
			ctx, cancel = context.WithCancel(t.Context())
			_, err = m.Verify(ctx, forged(fmt.Sprintf("abc%016d", i)), home)
			cancel()
		}
		wantLocked(t, err)
	})
	t.Run("KEY-11 a key that is malformed, or has expired, is not counted", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		good, _ := r.issue(nil)
		if err := r.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		for range 10 * apikey.DefaultMaxFailures {
			r.bad("x", apikey.ErrMalformed)
			r.bad(text, apikey.ErrRevoked)
		}
		r.good(good)
	})
	t.Run("F24 KEY-11 more ids and addresses than there is room for take no more room", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.CacheFor, cfg.CacheSize, cfg.OnEvent = cacheFor, 10_000, nil })
		n := 250_000 // several times what each table has
		if raceEnabled || testing.Short() {
			n = 50_000
		}
		before := heap()
		for i := range n {
			from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			_, _ = r.Verify(t.Context(), forged(fmt.Sprintf("%019d", i)), from)
		}
		if grown := int64(heap()) - int64(before); grown > 32<<20 {
			t.Errorf("the heap has grown by %d KiB", grown>>10)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Run("a key has its own limit of requests", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(func(q *apikey.Request) { q.Limit = apikey.Limit{Max: 3, Window: time.Minute} })
		other, _ := r.issue(func(q *apikey.Request) { q.Limit = apikey.Limit{Max: 3, Window: time.Minute} })
		for range 3 {
			r.good(text)
		}
		for range 5 {
			_, err := r.Verify(t.Context(), text, home)
			wantLocked(t, err)
		}
		for range 3 {
			r.good(other)
		}
		r.clock.Advance(time.Minute)
		r.good(text)
	})
	t.Run("strangers with the id use nothing of it up", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(func(q *apikey.Request) { q.Limit = apikey.Limit{Max: 1, Window: time.Minute} })
		for range 10 {
			r.bad(wrongSecret(text), apikey.ErrInvalid)
		}
		r.good(text)
	})
	t.Run("a limit of a thousand kinds", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.MaxKeys = 1000 })
		for i := range 1500 {
			text, k := r.issue(func(q *apikey.Request) { q.Limit = apikey.Limit{Max: i + 1, Window: time.Minute} })
			r.good(text)
			if err := r.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}
