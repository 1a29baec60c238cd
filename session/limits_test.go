package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

// An immortalStore forgets no session, as Redis does with a key that has lost
// its time to live.
type immortalStore struct{ session.Store }

func (s immortalStore) Create(ctx testContext, id session.ID, rec *session.Record, _ time.Time, limit int) error {
	return s.Store.Create(ctx, id, rec, time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC), limit)
}

func (s immortalStore) Update(ctx testContext, id session.ID, rec *session.Record, _ time.Time) error {
	return s.Store.Update(ctx, id, rec, time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))
}

func (s immortalStore) Touch(ctx testContext, id session.ID, seen, _ time.Time) error {
	return s.Store.Touch(ctx, id, seen, time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))
}

func TestLimits(t *testing.T) {
	for name, store := range map[string]func(c *clock) session.Store{
		"store that expires": func(c *clock) session.Store { return newSpy(t, c) },
		"store that forgets nothing": func(c *clock) session.Store {
			return immortalStore{newSpy(t, c)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("SES-09 S06 a busy session is dead after its lifetime", func(t *testing.T) {
				c := newClock()
				s := newSite(t, store(c), session.Config{Now: c.Now, IdleTimeout: time.Minute})
				b := s.signedIn(t)
				start := c.Now()
				step := 59 * time.Second
				for c.Now().Add(step).Sub(start) < 24*time.Hour {
					c.Advance(step)
					authenticate(t, s, b.token())
				}
				b.do("GET /me").wants(t, http.StatusOK)
				c.Advance(step)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
			})
			t.Run("SES-09 an idle session is dead after the timeout", func(t *testing.T) {
				c := newClock()
				s := newSite(t, store(c), session.Config{Now: c.Now})
				b := s.signedIn(t)
				c.Advance(session.DefaultIdleTimeout - time.Second)
				b.do("GET /me").wants(t, http.StatusOK)
				c.Advance(session.DefaultIdleTimeout - time.Second)
				b.do("GET /me").wants(t, http.StatusOK)
				c.Advance(session.DefaultIdleTimeout)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
			})
			t.Run("SES-09 without an idle timeout the lifetime counts", func(t *testing.T) {
				c := newClock()
				s := newSite(t, store(c), session.Config{Now: c.Now, IdleTimeout: -1})
				b := s.signedIn(t)
				c.Advance(24*time.Hour - time.Second)
				b.do("GET /me").wants(t, http.StatusOK)
				c.Advance(time.Second)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
			})
			t.Run("SES-11 writing does not move the end, signing in does", func(t *testing.T) {
				c := newClock()
				s := newSite(t, store(c), session.Config{Now: c.Now, IdleTimeout: -1, Keep: []string{"x"}})
				b := s.signedIn(t)
				c.Advance(23 * time.Hour)
				b.do("POST /put?x=1").wants(t, http.StatusOK)
				c.Advance(time.Hour)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
				b.do("POST /login").wants(t, http.StatusNoContent)
				c.Advance(23 * time.Hour)
				b.do("POST /login").wants(t, http.StatusNoContent)
				c.Advance(23 * time.Hour)
				b.do("GET /me").wants(t, http.StatusOK)
			})
			t.Run("S07 the deadline passes while the handler runs", func(t *testing.T) {
				c := newClock()
				s := newSite(t, store(c), session.Config{Now: c.Now})
				s.mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
					if _, err := s.Authenticate(r); err != nil {
						t.Error(err)
					}
					c.Advance(25 * time.Hour)
					w.WriteHeader(http.StatusAccepted)
				})
				b := s.signedIn(t)
				b.do("POST /slow").wants(t, http.StatusAccepted)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
			})
		})
	}
	t.Run("S07 and the handler has written: nothing is kept", func(t *testing.T) {
		c := newClock()
		spy := newSpy(t, c)
		s := newSite(t, spy, session.Config{Now: c.Now})
		s.mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			c.Advance(25 * time.Hour)
			w.WriteHeader(http.StatusAccepted)
		})
		b := s.signedIn(t)
		b.do("POST /slow").wants(t, http.StatusUnauthorized)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
		if spy.Len() != 0 {
			t.Fatalf("%d sessions left", spy.Len())
		}
	})
	t.Run("SES-09 a shorter Lifetime ends the sessions that exist", func(t *testing.T) {
		c := newClock()
		spy := newSpy(t, c)
		b := newSite(t, spy, session.Config{Now: c.Now}).signedIn(t)
		strict := newManager(t, spy, session.Config{Now: c.Now, Lifetime: time.Hour, IdleTimeout: time.Hour})
		c.Advance(20 * time.Minute)
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.Header.Set("Cookie", cookieName+"="+b.token())
		if _, err := strict.Authenticate(r); err != nil {
			t.Fatal(err)
		}
		c.Advance(40 * time.Minute)
		if _, err := strict.Authenticate(r); err == nil {
			t.Fatal("still alive after an hour")
		}
	})
	for name, lifetimes := range map[string][2]time.Duration{"shorter": {24 * time.Hour, time.Hour}, "longer": {time.Hour, 24 * time.Hour}} {
		t.Run("SES-09 a "+name+" Lifetime does not let a session live longer, even if the store forgets nothing", func(t *testing.T) {
			c := newClock()
			store := immortalStore{newSpy(t, c)}
			b := newSite(t, store, session.Config{Now: c.Now, Lifetime: lifetimes[0], IdleTimeout: -1}).signedIn(t)
			later := newManager(t, store, session.Config{Now: c.Now, Lifetime: lifetimes[1], IdleTimeout: -1})
			r := httptest.NewRequest("GET", "https://shop.example/", nil)
			r.Header.Set("Cookie", cookieName+"="+b.token())
			c.Advance(time.Hour - time.Second)
			if _, err := later.Authenticate(r); err != nil {
				t.Fatal(err)
			}
			c.Advance(time.Second)
			if _, err := later.Authenticate(r); err == nil {
				t.Fatal("still alive after an hour")
			}
		})
	}
	t.Run("F17 a clock that goes back revives nothing and panics nowhere", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now})
		b := s.signedIn(t)
		c.Advance(-time.Hour)
		b.do("GET /me").wants(t, http.StatusOK)
		b.do("POST /put?x=1").wants(t, http.StatusOK)
		c.Advance(26 * time.Hour)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
		c.Advance(-26 * time.Hour)
		b.do("POST /logout").wants(t, http.StatusNoContent)
		c.Advance(time.Hour)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
	})
}

func TestTouch(t *testing.T) {
	c := newClock()
	spy := newSpy(t, c)
	var untouched int
	s := newSite(t, spy, session.Config{Now: c.Now, OnEvent: func(_ testContext, e auth.Event) {
		if e.Kind == session.EventUntouched {
			untouched++
		}
	}})
	b := s.signedIn(t)
	t.Run("fact 1 use is noted once per tenth of the idle timeout, not per request", func(t *testing.T) {
		writes := spy.writes.Load()
		for range 30 * 60 {
			authenticate(t, s, b.token())
			c.Advance(time.Second)
		}
		if n := spy.writes.Load() - writes; n < 9 || n > 10 {
			t.Fatalf("%d writes in half an hour", n)
		}
	})
	t.Run("F06 a store that cannot write keeps serving", func(t *testing.T) {
		spy.Fail("touch", errStore)
		c.Advance(5 * time.Minute)
		b.do("GET /me").wants(t, http.StatusOK)
		if untouched != 1 {
			t.Fatalf("%d events", untouched)
		}
		spy.Fail("touch", nil)
	})
}

func authenticate(t testing.TB, s *site, token string) {
	t.Helper()
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", cookieName+"="+token)
	if _, err := s.Authenticate(r); err != nil {
		t.Fatal(err)
	}
}

func TestSize(t *testing.T) {
	t.Run("S14 a session that is too large is an error before the store", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("POST /big", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "big", strings.Repeat("x", 1<<20))
			w.WriteHeader(http.StatusOK)
		})
		writes := spy.writes.Load()
		s.browser(t).do("POST /big").wants(t, http.StatusInternalServerError)
		if spy.writes.Load() != writes {
			t.Fatal("the store was written")
		}
		b := s.signedIn(t)
		writes = spy.writes.Load()
		b.do("POST /big").wants(t, http.StatusInternalServerError)
		if spy.writes.Load() != writes {
			t.Fatal("the store was written")
		}
		b.do("GET /me").wants(t, http.StatusOK)
		huge := alice()
		huge.Attributes = map[string]string{"x": strings.Repeat("x", 1<<20)}
		w := httptest.NewRecorder()
		if err := s.SignIn(w, httptest.NewRequest("POST", "https://shop.example/", nil), huge); err == nil || spy.writes.Load() != writes {
			t.Fatalf("a principal of a megabyte: %v", err)
		}
	})
}
