package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// elevating adds POST /elevate?kind to a site, and POST /delete, which wants a
// password or a code of the last five minutes.
func elevating(s *site, now func() time.Time) {
	s.mux.HandleFunc("POST /elevate", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Elevate(r.Context(), auth.Factor{Kind: r.URL.RawQuery}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	fresh := &auth.StepUp{MaxAge: 5 * time.Minute, Factors: []string{auth.FactorPassword, auth.FactorOTP}, Now: now}
	s.mux.Handle("POST /delete", auth.Require(s.Manager)(fresh.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
}

// principalOf is who the token names.
func principalOf(t testing.TB, s *site, token string) *auth.Principal {
	t.Helper()
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", cookieName+"="+token)
	p, err := s.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestElevate(t *testing.T) {
	t.Run("SES-18 SES-04 MFA-14 a fresh proof opens what an old one does not, under a new id", func(t *testing.T) {
		c := newClock()
		spy := newSpy(t, c)
		s := newSite(t, spy, session.Config{Now: c.Now, IdleTimeout: -1})
		elevating(s, c.Now)
		b := s.signedIn(t)
		b.do("POST /put?x=kept").wants(t, http.StatusOK)
		old := b.token()
		before := principalOf(t, s, old)
		c.Advance(time.Hour)
		b.do("POST /delete").wants(t, http.StatusUnauthorized)
		b.do("POST /elevate?pwd").wants(t, http.StatusOK)
		if b.token() == old || spy.Len() != 1 {
			t.Fatalf("the id was not renewed; %d sessions", spy.Len())
		}
		s.browser(t).do("GET /me", "Cookie", cookieName+"="+old).wants(t, http.StatusUnauthorized)
		b.do("POST /delete").wants(t, http.StatusOK)
		if a := b.do("GET /get?x"); a.body != "kept" {
			t.Errorf("value %q", a.body)
		}
		first := c.Now()
		c.Advance(4 * time.Minute)
		b.do("POST /elevate?otp").wants(t, http.StatusOK)
		c.Advance(4 * time.Minute)
		b.do("POST /delete").wants(t, http.StatusOK)
		b.do("POST /elevate?otp").wants(t, http.StatusOK)
		p := principalOf(t, s, b.token())
		if p.CredentialID != before.CredentialID || !p.AuthenticatedAt.Equal(before.AuthenticatedAt) {
			t.Errorf("the sign-in has changed: %+v", p)
		}
		if len(p.Factors) != 2 || !p.FactorAt(auth.FactorPassword).Equal(first.Truncate(time.Millisecond)) || !p.FactorAt(auth.FactorOTP).Equal(c.Now().Truncate(time.Millisecond)) {
			t.Errorf("factors %v", p.Factors)
		}
		c.Advance(6 * time.Minute)
		b.do("POST /delete").wants(t, http.StatusUnauthorized)
	})
	t.Run("SES-11 a renewal does not move the end", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, IdleTimeout: -1})
		elevating(s, c.Now)
		b := s.signedIn(t)
		for range 23 {
			c.Advance(time.Hour)
			b.do("POST /elevate?pwd").wants(t, http.StatusOK)
		}
		b.do("GET /me").wants(t, http.StatusOK)
		c.Advance(time.Hour)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
		b.do("POST /elevate?pwd").wants(t, http.StatusUnauthorized)
	})
	t.Run("an older proof does not replace a newer one", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now})
		s.mux.HandleFunc("POST /at", func(_ http.ResponseWriter, r *http.Request) {
			now := c.Now()
			for _, at := range []time.Time{now, now.Add(-time.Hour)} {
				if err := s.Elevate(r.Context(), auth.Factor{Kind: auth.FactorOTP, At: at}); err != nil {
					t.Error(err)
				}
			}
		})
		b := s.signedIn(t)
		b.do("POST /at").wants(t, http.StatusOK)
		if p := principalOf(t, s, b.token()); len(p.Factors) != 1 || !p.Factors[0].At.Equal(c.Now().Truncate(time.Millisecond)) {
			t.Fatalf("factors %v", p.Factors)
		}
	})
	t.Run("values that the same request puts are kept, before and after", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.HandleFunc("POST /both", func(_ http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "before", "1")
			if err := s.Elevate(r.Context(), auth.Factor{Kind: auth.FactorOTP}); err != nil {
				t.Error(err)
			}
			s.SCS().Put(r.Context(), "after", "2")
		})
		b := s.signedIn(t)
		b.do("POST /both").wants(t, http.StatusOK)
		if got := b.do("GET /get?before").body + b.do("GET /get?after").body; got != "12" {
			t.Fatalf("values %q", got)
		}
		b.do("GET /me").wants(t, http.StatusOK)
	})
	t.Run("what cannot be elevated says so", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		elevating(s, nil)
		guest := s.browser(t)
		guest.do("POST /elevate?pwd").wants(t, http.StatusUnauthorized)
		guest.do("POST /put?x=1").wants(t, http.StatusOK)
		guest.do("POST /elevate?pwd").wants(t, http.StatusUnauthorized)
		b := s.signedIn(t)
		b.do("POST /elevate").wants(t, http.StatusInternalServerError)
		b.do("POST /elevate?pwd", "Sec-Fetch-Site", "cross-site").wants(t, http.StatusForbidden)
		spy.Fail("rename", errStore)
		if c := b.do("POST /elevate?pwd").wants(t, http.StatusServiceUnavailable).sessionCookie(t); c != nil {
			t.Errorf("cookie %v", c)
		}
		spy.Fail("rename", nil)
		b.do("GET /me").wants(t, http.StatusOK)
		if err := s.Elevate(t.Context(), auth.Factor{Kind: "pwd"}); !errors.Is(err, session.ErrNoHandler) {
			t.Error(err)
		}
		s.mux.HandleFunc("POST /late", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			if err := s.Elevate(r.Context(), auth.Factor{Kind: "pwd"}); !errors.Is(err, session.ErrCommitted) {
				t.Error(err)
			}
		})
		b.do("POST /late").wants(t, http.StatusOK)
		b.do("GET /me").wants(t, http.StatusOK)
	})
}

func TestElevateInParallel(t *testing.T) {
	t.Run("SES-22 a request that runs meanwhile cannot undo a step-up", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		elevating(s, nil)
		entered, leave := make(chan struct{}), make(chan struct{})
		s.mux.HandleFunc("POST /slow", func(_ http.ResponseWriter, r *http.Request) {
			_ = s.SCS().GetString(r.Context(), "x")
			close(entered)
			<-leave
			s.SCS().Put(r.Context(), "x", "late")
		})
		b := s.signedIn(t)
		token := b.token()
		var slow answer
		var wg sync.WaitGroup
		wg.Go(func() { slow = s.browser(t).do("POST /slow", "Cookie", cookieName+"="+token) })
		<-entered
		b.do("POST /elevate?otp").wants(t, http.StatusOK)
		close(leave)
		wg.Wait()
		if slow.StatusCode != http.StatusUnauthorized || slow.sessionCookie(t) != nil {
			t.Fatalf("status %d, %v", slow.StatusCode, slow.Header)
		}
		if p := principalOf(t, s, b.token()); len(p.Factors) != 1 {
			t.Fatalf("factors %v", p.Factors)
		}
		s.browser(t).do("GET /me", "Cookie", cookieName+"="+token).wants(t, http.StatusUnauthorized)
	})
	t.Run("SES-22 of many step-ups of one cookie one wins", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		elevating(s, nil)
		h := s.Handler(s.mux)
		cookie := cookieName + "=" + s.signedIn(t).token()
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				w := serve(h, "POST", "/elevate?otp", "Cookie", cookie)
				switch set := w.Header().Get("Set-Cookie") != ""; {
				case w.Code == http.StatusOK && set:
					won.Add(1)
				case w.Code == http.StatusUnauthorized && !set:
					lost.Add(1)
				default:
					t.Errorf("status %d, %v", w.Code, w.Header())
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || spy.Len() != 1 {
			t.Fatalf("%d won, %d lost, %d sessions", won.Load(), lost.Load(), spy.Len())
		}
	})
	t.Run("SES-07 S04 a sign-out ends a session that a step-up renews meanwhile", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		elevating(s, nil)
		h := s.Handler(s.mux)
		cookie := cookieName + "=" + s.signedIn(t).token()
		var renewed string
		spy.before = func(_ context.Context, op string) {
			if op == "revoke" && renewed == "" {
				renewed = "on its way"
				renewed = cookieOf(serve(h, "POST", "/elevate?otp", "Cookie", cookie).Result())
			}
		}
		if w := serve(h, "POST", "/logout", "Cookie", cookie); w.Code != http.StatusNoContent {
			t.Fatalf("status %d", w.Code)
		}
		if w := serve(h, "GET", "/me", "Cookie", renewed); renewed == "" || w.Code != http.StatusUnauthorized || spy.Len() != 0 {
			t.Fatalf("%q is good for a %d after the sign-out", renewed, w.Code)
		}
	})
	t.Run("S12 no step-up escapes a revocation", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		elevating(s, nil)
		h := s.Handler(s.mux)
		for range 20 {
			var cookies []string
			for range 50 {
				cookies = append(cookies, cookieOf(serve(h, "POST", "/login").Result()))
			}
			var wg sync.WaitGroup
			for i, cookie := range cookies {
				wg.Go(func() { serve(h, "POST", "/elevate?otp", "Cookie", cookie) })
				if i == 25 {
					wg.Go(func() {
						if err := s.RevokeSubject(t.Context(), "u-alice", ""); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			if spy.Len() != 0 {
				t.Fatalf("%d sessions are left", spy.Len())
			}
		}
	})
}
