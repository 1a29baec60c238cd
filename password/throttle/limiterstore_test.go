package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

func TestStore(t *testing.T) {
	t.Run("RLT-06 a store sees digests of one length, of which none are equal", func(t *testing.T) {
		s := &fakeStore{}
		for _, name := range []string{"", "mfa"} {
			l := newLimiter(t, s, throttle.Config{Name: name})
			for _, key := range []string{"a", "alice@example.com", strings.Repeat("x", 1<<20)} {
				begin(t, l, key, key)
				if err := l.Allow(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
		g := newGuard(t, s, throttle.GuardConfig{})
		for _, device := range []throttle.Device{{}, {ID: "1", Subject: "a"}} {
			if _, err := g.Begin(t.Context(), throttle.Source{Account: "a", Subject: "a", Device: device}); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for _, key := range s.keys {
			if seen[key] = true; len(key) != 43 || strings.Contains(key, "alice") {
				t.Errorf("key %.60q", key)
			}
		}
		if len(seen) != len(s.keys) || len(seen) != 20 {
			t.Errorf("%d different digests of %d keys", len(seen), len(s.keys))
		}
	})
	t.Run("a key is not shown", func(t *testing.T) {
		key := throttle.NewKey("login", "alice@example.com")
		if text := fmt.Sprintf("%v %+v %#v %s", key, key, key, []throttle.Key{key}); strings.Contains(text, "alice") || strings.Contains(text, "login") {
			t.Error(text)
		}
	})
	down := errors.New("connection refused")
	failing := func() *fakeStore { return &fakeStore{fail: func(throttle.Key) error { return down }} }
	t.Run("F01 a store that fails refuses with 503", func(t *testing.T) {
		var ev events
		l := newLimiter(t, failing(), throttle.Config{OnEvent: ev.OnEvent})
		a, err := l.Begin(t.Context(), "alice")
		if a != nil || !errors.Is(err, down) || problem.From(err).Status != 503 {
			t.Errorf("Begin: %v, %v", a, err)
		}
		if err := l.Allow(t.Context(), "alice"); !errors.Is(err, down) || problem.From(err).Status != 503 {
			t.Errorf("Allow: %v", err)
		}
		if got := ev.kinds(); !slices.Equal(got, []auth.EventKind{throttle.EventRefused, throttle.EventRefused}) || !errors.Is(ev.all[0].Err, down) {
			t.Errorf("events %+v", ev.all)
		}
	})
	t.Run("F01 a store that fails half way takes back what it has counted", func(t *testing.T) {
		s := &fakeStore{}
		s.fail = func(throttle.Key) error {
			if len(s.keys) == 2 {
				return down
			}
			return nil
		}
		if a, err := newLimiter(t, s, throttle.Config{}).Begin(t.Context(), "alice", "address"); a != nil || !errors.Is(err, down) {
			t.Errorf("%v, %v", a, err)
		}
		s.has(t, "cancel "+s.keys[0])
	})
	t.Run("F01 FailOpen admits while the store fails, and says so", func(t *testing.T) {
		var ev events
		s := failing()
		l := newLimiter(t, s, throttle.Config{FailOpen: true, OnEvent: ev.OnEvent})
		a, err := l.Begin(t.Context(), "alice", "address")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Succeed(t.Context()), a.Cancel(t.Context())); err != nil {
			t.Error(err)
		}
		s.has(t) // nothing, as nothing was counted
		if got := ev.kinds(); !slices.Equal(got, []auth.EventKind{throttle.EventFailOpen, throttle.EventFailOpen}) {
			t.Errorf("events %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Begin(ctx, "alice"); err == nil {
			t.Error("F15 a client that goes away is admitted uncounted")
		}
	})
	t.Run("events say what happens, and not to whom", func(t *testing.T) {
		var ev events
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{Name: "mfa", Max: 1, OnEvent: ev.OnEvent, Now: now.Now})
		begin(t, l, "alice@example.com")
		begin(t, l, "alice@example.com")
		if got := ev.kinds(); !slices.Equal(got, []auth.EventKind{throttle.EventLocked, throttle.EventRefused}) {
			t.Fatalf("events %v", got)
		}
		for _, e := range ev.all {
			if e.Resource != "mfa" || !e.Time.Equal(now.Now()) || strings.Contains(fmt.Sprintf("%+v", e), "alice") {
				t.Errorf("%+v", e)
			}
		}
		if !errors.Is(ev.all[1].Err, throttle.ErrLocked) || ev.all[0].Err != nil {
			t.Errorf("%+v", ev.all)
		}
	})
}
