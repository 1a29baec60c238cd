package session_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

const day = 24 * time.Hour

// remembering adds POST /keep, a sign-in that is remembered, by SignIn or by
// Begin.
func remembering(s *site) {
	s.mux.HandleFunc("POST /keep", func(w http.ResponseWriter, r *http.Request) {
		if err := s.SignIn(w, r.WithContext(session.Remember(r.Context())), alice()); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	s.mux.HandleFunc("POST /keep2", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Begin(session.Remember(r.Context()), alice()); err != nil {
			problem.WriteError(w, r, err)
		}
	})
}

func TestRemember(t *testing.T) {
	t.Run("SES-12 the cookie outlives the browser only if the sign-in says so", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, IdleTimeout: -1, RememberLifetime: 30 * day})
		remembering(s)
		elevating(s, c.Now)
		for _, path := range []string{"POST /keep", "POST /keep2"} {
			b := s.browser(t)
			if c := b.do("POST /login").sessionCookie(t); c.MaxAge != 0 || !c.Expires.IsZero() {
				t.Errorf("without being asked: %v", c)
			}
			set := b.do(path).sessionCookie(t)
			if set.MaxAge != int(30*day/time.Second) || !set.Secure || !set.HttpOnly || set.SameSite != http.SameSiteLaxMode || set.Path != "/" {
				t.Errorf("%s: %v", path, set)
			}
			c.Advance(10*day + time.Millisecond)
			if c := b.do("POST /elevate?otp").wants(t, http.StatusOK).sessionCookie(t); c.MaxAge != int(20*day/time.Second)-1 {
				t.Errorf("renewed with more than what was left: %v", c)
			}
			if c := b.do("POST /login").sessionCookie(t); c.MaxAge != 0 {
				t.Errorf("%s: the choice of a sign-in before is still there: %v", path, c)
			}
		}
		if c := s.browser(t).do("POST /put?x=1").sessionCookie(t); c.MaxAge != 0 {
			t.Errorf("a visitor is remembered: %v", c)
		}
	})
	t.Run("SES-09 S06 a remembered session has the limits that are stated for it, and the others theirs", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, RememberLifetime: 30 * day, RememberIdleTimeout: 7 * day})
		remembering(s)
		b, usual := s.browser(t), s.signedIn(t)
		b.do("POST /keep").wants(t, http.StatusNoContent)
		c.Advance(time.Hour)
		usual.do("GET /me").wants(t, http.StatusUnauthorized)
		for range 4 {
			c.Advance(7*day - 2*time.Hour)
			b.do("GET /me").wants(t, http.StatusOK)
		}
		c.Advance(2*day + 6*time.Hour)
		b.do("GET /me").wants(t, http.StatusOK)
		c.Advance(time.Hour)
		b.do("GET /me").wants(t, http.StatusUnauthorized) // 30 days
		b.do("POST /keep").wants(t, http.StatusNoContent)
		c.Advance(7 * day)
		b.do("GET /me").wants(t, http.StatusUnauthorized) // idle
	})
	t.Run("without limits of its own a remembered session lasts no longer", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, Lifetime: time.Hour})
		remembering(s)
		b := s.browser(t)
		if c := b.do("POST /keep").sessionCookie(t); c.MaxAge != 3600 {
			t.Fatal(c)
		}
		c.Advance(session.DefaultIdleTimeout)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
	})
	t.Run("an idle time of none is said", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, RememberLifetime: 30 * day, RememberIdleTimeout: -1})
		remembering(s)
		b := s.browser(t)
		b.do("POST /keep").wants(t, http.StatusNoContent)
		c.Advance(30*day - time.Second)
		b.do("GET /me").wants(t, http.StatusOK)
	})
	t.Run("use is noted as often as for others", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, RememberLifetime: 30 * day, RememberIdleTimeout: 7 * day})
		remembering(s)
		managing(s)
		b := s.browser(t)
		b.do("POST /keep").wants(t, http.StatusNoContent)
		c.Advance(3 * time.Minute)
		b.do("GET /me").wants(t, http.StatusOK)
		list := sessions(t, b)
		if len(list) != 1 || !list[0].Seen.Equal(c.Now().Truncate(time.Millisecond)) || !list[0].Remembered || !list[0].Expires.Equal(list[0].Seen.Add(7*day)) {
			t.Fatalf("%+v", list)
		}
	})
	t.Run("limits that make no sense are told", func(t *testing.T) {
		for wrong, cfg := range map[string]session.Config{
			"RememberLifetime -1s":    {RememberLifetime: -time.Second},
			"RememberLifetime 9624h":  {RememberLifetime: 401 * day},
			"RememberIdleTimeout 48h": {RememberIdleTimeout: 2 * day},
		} {
			if _, err := session.New(nil, cfg); err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v", wrong, err)
			}
		}
	})
}
