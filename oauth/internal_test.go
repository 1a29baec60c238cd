package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMemoryConsumerIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var mu sync.Mutex
	c := newMemoryConsumer(func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	c.limit = 100
	type used struct {
		id      AttemptID
		expires time.Time
	}
	consume := func(expires time.Time) (used, error) {
		var u used
		var call CallID
		_, _ = rand.Read(u.id[:])
		_, _ = rand.Read(call[:])
		u.expires = expires
		return u, c.Consume(context.Background(), u.id, call, expires)
	}
	var all []used
	for i := range 1000 {
		u, err := consume(now.Add(time.Minute + time.Duration(i)*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	t.Run("F25 OAU-05 a flood is bounded and opens nothing again", func(t *testing.T) {
		if len(c.calls) > c.limit || len(c.queue) != len(c.calls) {
			t.Errorf("%d notes in a queue of %d", len(c.calls), len(c.queue))
		}
		for i, u := range all {
			if err := c.Consume(context.Background(), u.id, CallID{1}, u.expires); !errors.Is(err, ErrConsumed) {
				t.Fatalf("attempt %d: %v", i, err)
			}
		}
	})
	t.Run("an attempt that is older than what was dropped is refused", func(t *testing.T) {
		if _, err := consume(now.Add(time.Minute)); !errors.Is(err, ErrConsumed) {
			t.Error(err)
		}
		if _, err := consume(now.Add(2 * time.Minute)); err != nil {
			t.Error(err)
		}
	})
	t.Run("what has expired goes, and stays used if the clock goes back", func(t *testing.T) {
		late, err := consume(now.Add(3 * time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		now = now.Add(5 * time.Minute)
		mu.Unlock()
		if _, err := consume(now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if len(c.calls) != 1 {
			t.Errorf("%d notes are left", len(c.calls))
		}
		mu.Lock()
		now = now.Add(-5 * time.Minute)
		mu.Unlock()
		if err := c.Consume(context.Background(), late.id, CallID{2}, late.expires); !errors.Is(err, ErrConsumed) {
			t.Error(err)
		}
	})
}

func TestMemoryStoresAreBounded(t *testing.T) {
	ctx := t.Context()
	links := NewMemoryLinkStore(2)
	for i, want := range []bool{true, true, false} {
		err := links.Create(ctx, Link{Issuer: "i", Subject: string(rune('a' + i)), User: "u", Provider: "p"}, 10)
		if (err == nil) != want || errors.Is(err, ErrTooManyLinks) {
			t.Errorf("link %d: %v", i, err)
		}
	}
	if err := links.Create(ctx, Link{Issuer: "i", Subject: "a", User: "u", Provider: "p"}, 10); err != nil {
		t.Errorf("a repeat at the limit: %v", err)
	}
	tokens := NewMemoryTokenStore(1)
	if a, b, c := tokens.Put(ctx, "i", "a", []byte("1")), tokens.Put(ctx, "i", "b", []byte("1")), tokens.Put(ctx, "i", "a", []byte("2")); a != nil || b == nil || c != nil {
		t.Errorf("%v, %v, %v", a, b, c)
	}
}

// An attempt that has expired is refused by itself, and not only because it could not be
// consumed any more.
func TestFindExpired(t *testing.T) {
	f := newFuzzFlow(t)
	now := f.cfg.Now()
	a := &attempt{State: strings.Repeat("s", 43), Started: now.UnixMilli()}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if err := f.keep(w, r, a); err != nil {
		t.Fatal(err)
	}
	r.AddCookie(w.Result().Cookies()[0])
	for age, ok := range map[time.Duration]bool{
		0: true, DefaultTimeout - time.Millisecond: true, DefaultTimeout: false, time.Hour: false, -maxSkew: true, -maxSkew - time.Millisecond: false,
	} {
		if _, err := f.find(r, a.State, now.Add(age)); (err == nil) != ok {
			t.Errorf("OAU-01 after %s: %v", age, err)
		}
	}
}

func TestIsAttempt(t *testing.T) {
	f := newFuzzFlow(t)
	for name, want := range map[string]bool{
		f.cookieName("state"): true, "__Host-oauth-another-provider-AAAAAAAAAAAA": true, "__Host-oauth-AAAAAAAAAAAA": false, "__Host-oauth-": false,
		"__Host-oauth-settings": false, "__Host-oauth.posted-test": false, "oauth-test-AAAAAAAAAAAA": false, "__Host-session": false, "": false,
	} {
		if f.isAttempt(name) != want {
			t.Errorf("O20 %q: %v", name, !want)
		}
	}
}

func TestKeepIsBounded(t *testing.T) {
	f := newFuzzFlow(t)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for i := range 1000 {
		r.AddCookie(&http.Cookie{Name: f.cookieName(strconv.Itoa(i)), Value: "junk"})
	}
	w := httptest.NewRecorder()
	if err := f.keep(w, r, &attempt{State: "s", Started: f.cfg.Now().UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Result().Cookies()); n > maxCleared+1 {
		t.Errorf("O20 an answer to 1,000 planted cookies has %d", n)
	}
}

func TestKeyedLock(t *testing.T) {
	var l keyedLock
	unlock, err := l.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.lock(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a key that is taken: %v", err)
	}
	other, err := l.lock(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	other()
	n := 0
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			unlock, err := l.lock(context.Background(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			n++
		})
	}
	unlock()
	wg.Wait()
	if n != 100 || len(l.busy) != 0 {
		t.Errorf("%d of 100 had it, %d keys are left", n, len(l.busy))
	}
}
