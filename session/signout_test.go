package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

func TestSignOutWhileRequestsRun(t *testing.T) {
	for _, idle := range []time.Duration{0, -1} {
		for _, writes := range []bool{false, true} {
			t.Run(fmt.Sprintf("SES-07 S04 idle %v, handler writes %t", idle, writes), func(t *testing.T) {
				c := newClock()
				spy := newSpy(t, c)
				s := newSite(t, spy, session.Config{Now: c.Now, IdleTimeout: idle})
				entered, leave := make(chan struct{}), make(chan struct{})
				s.mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
					if _, err := s.Authenticate(r); err != nil {
						t.Error(err)
					}
					_ = s.SCS().GetString(r.Context(), "x")
					close(entered)
					<-leave
					if writes {
						s.SCS().Put(r.Context(), "x", "written late")
					}
					_, _ = io.WriteString(w, "slow")
				})
				b := s.signedIn(t)
				b.do("POST /put?x=1").wants(t, http.StatusOK)
				token := b.token()
				c.Advance(10 * time.Minute) // a touch is due
				var slow answer
				var wg sync.WaitGroup
				wg.Go(func() { slow = s.browser(t).do("POST /slow", "Cookie", cookieName+"="+token) })
				<-entered
				other := s.browser(t)
				other.do("POST /logout", "Cookie", cookieName+"="+token).wants(t, http.StatusNoContent)
				close(leave)
				wg.Wait()

				want := http.StatusOK
				if writes {
					want = http.StatusUnauthorized
				}
				if slow.StatusCode != want || slow.sessionCookie(t) != nil {
					t.Errorf("the slow request: %d %v", slow.StatusCode, slow.Header)
				}
				if writes && strings.Contains(slow.body, "slow") {
					t.Error("its handler's body was sent")
				}
				other.do("GET /me", "Cookie", cookieName+"="+token).wants(t, http.StatusUnauthorized)
				if spy.Len() != 0 {
					t.Fatal("the session is back")
				}
			})
		}
	}
	t.Run("SES-22 no writer among hundreds undoes a sign-out", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		h := s.Handler(s.mux)
		for range 20 {
			cookie := cookieName + "=" + s.signedIn(t).token()
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					path := fmt.Sprintf("/put?k%d=v", i)
					if i == 100 {
						path = "/logout"
					}
					serve(h, "POST", path, "Cookie", cookie)
				})
			}
			wg.Wait()
			if w := serve(h, "GET", "/me", "Cookie", cookie); w.Code != http.StatusUnauthorized {
				t.Fatalf("status %d after the sign-out", w.Code)
			}
		}
	})
	t.Run("SES-22 SES-04 of parallel sign-ins with one cookie each starts a session and the old one is dead", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		h := s.Handler(s.mux)
		old := cookieName + "=" + s.signedIn(t).token()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if w := serve(h, "POST", "/login", "Cookie", old); w.Code != http.StatusNoContent {
					t.Errorf("status %d", w.Code)
				}
			})
		}
		wg.Wait()
		if w := serve(h, "GET", "/me", "Cookie", old); w.Code != http.StatusUnauthorized {
			t.Fatalf("status %d with the old cookie", w.Code)
		}
		if spy.Len() != 100 {
			t.Fatalf("%d sessions", spy.Len())
		}
	})
}

func TestSignOutFails(t *testing.T) {
	t.Run("SES-08 S05 a failed delete is a 5xx, and the cookie is cleared", func(t *testing.T) {
		spy := newSpy(t, nil)
		var events []auth.Event
		s := newSite(t, spy, session.Config{OnEvent: func(_ context.Context, e auth.Event) { events = append(events, e) }})
		s.mux.HandleFunc("POST /logout2", func(w http.ResponseWriter, r *http.Request) {
			if err := s.SignOut(r.Context()); err != nil {
				problem.WriteError(w, r, err)
			}
		})
		for _, path := range []string{"POST /logout", "POST /logout2"} {
			b := s.signedIn(t)
			token := b.token()
			spy.Fail("revoke", errStore)
			events = nil
			a := b.do(path).wants(t, http.StatusServiceUnavailable)
			if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 {
				t.Errorf("the cookie is not cleared: %v", c)
			}
			if strings.Contains(a.body, "secret") {
				t.Errorf("the store's error is shown: %s", a.body)
			}
			if len(events) != 0 {
				t.Errorf("events %v", events)
			}
			spy.Fail("revoke", nil)
			// As documented: the session stands until its limits, for who has the cookie.
			s.browser(t).do("GET /me", "Cookie", cookieName+"="+token).wants(t, http.StatusOK)
		}
	})
	t.Run("SES-08 SES-13 of two cookies the second is ended also if the first cannot be", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		first, second := s.signedIn(t).token(), s.signedIn(t).token()
		spy.Fail("delete", errStore)
		spy.before = func(_ context.Context, op string) {
			if op == "delete" {
				spy.Fail("delete", nil) // from the next one on
			}
		}
		s.browser(t).do("POST /logout", "Cookie", cookieName+"="+first+"; "+cookieName+"="+second).wants(t, http.StatusServiceUnavailable)
		s.browser(t).do("GET /me", "Cookie", cookieName+"="+first).wants(t, http.StatusOK)
		s.browser(t).do("GET /me", "Cookie", cookieName+"="+second).wants(t, http.StatusUnauthorized)
	})
	t.Run("SES-08 a store that cannot find can still delete", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		b := s.signedIn(t)
		spy.Fail("find", errStore)
		b.do("POST /logout").wants(t, http.StatusNoContent)
		if spy.Len() != 0 {
			t.Fatal("the session is still there")
		}
	})
	t.Run("F15 a client that goes away does not undo what it asked for", func(t *testing.T) {
		for _, op := range []string{"revoke", "delete", "rename", "create", "update"} {
			spy := newSpy(t, nil)
			s := newSite(t, spy, session.Config{})
			h := s.Handler(s.mux)
			cookie := cookieName + "=" + s.signedIn(t).token()
			ctx, cancel := context.WithCancel(t.Context())
			spy.before = func(storeCtx context.Context, at string) {
				if at != op {
					return
				}
				cancel()
				if storeCtx.Err() != nil {
					t.Errorf("%s: the context of the write is over", op)
				}
				if _, ok := storeCtx.Deadline(); !ok {
					t.Errorf("%s: the write has no deadline", op)
				}
			}
			switch op {
			case "delete":
				guest := serve(h, "POST", "/put?x=1").Header().Get("Set-Cookie")
				serveCtx(ctx, h, "POST", "/logout", "Cookie", guest[:strings.Index(guest, ";")])
				if spy.Len() != 1 {
					t.Error("the visitor is still there")
				}
			case "revoke":
				serveCtx(ctx, h, "POST", "/logout", "Cookie", cookie)
				if spy.Len() != 0 {
					t.Error("not signed out")
				}
			case "rename":
				w := serveCtx(ctx, h, "POST", "/login", "Cookie", cookie)
				if spy.Len() != 1 || w.Header().Get("Set-Cookie") == "" {
					t.Error("half a login")
				}
			case "create":
				if serveCtx(ctx, h, "POST", "/login"); spy.Len() != 2 {
					t.Error("half a login")
				}
			case "update":
				serveCtx(ctx, h, "POST", "/put?x=1", "Cookie", cookie)
				if w := serve(h, "GET", "/get?x", "Cookie", cookie); w.Body.String() != "1" {
					t.Error("the value is lost")
				}
			}
			if ctx.Err() == nil {
				t.Errorf("%s was not called", op)
			}
		}
	})
	t.Run("S05 signing out without a session clears the cookie", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		a := s.browser(t).do("POST /logout").wants(t, http.StatusNoContent)
		if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 || spy.writes.Load() != 0 {
			t.Fatal(c, spy.writes.Load())
		}
		a = s.browser(t).do("POST /logout", "Cookie", cookieName+"=x; "+cookieName+"=y").wants(t, http.StatusNoContent)
		if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 {
			t.Fatal(c)
		}
	})
	t.Run("SES-13 signing out with two cookies ends what either names", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		one, two := s.signedIn(t).token(), s.signedIn(t).token()
		s.browser(t).do("POST /logout", "Cookie", cookieName+"="+one+"; "+cookieName+"="+two).wants(t, http.StatusNoContent)
		if spy.Len() != 0 {
			t.Fatalf("%d sessions are left", spy.Len())
		}
		writes := spy.writes.Load()
		var many strings.Builder
		for range 1000 {
			fmt.Fprintf(&many, "%s=%s; ", cookieName, one)
		}
		s.browser(t).do("POST /logout", "Cookie", many.String()).wants(t, http.StatusNoContent)
		if n := spy.writes.Load() - writes; n > 4 {
			t.Fatalf("%d deletes for one request", n)
		}
	})
	t.Run("sign-out in the request of the sign-in", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("POST /inout", func(_ http.ResponseWriter, r *http.Request) {
			if err := errors.Join(s.Begin(r.Context(), alice()), s.SignOut(r.Context())); err != nil {
				t.Error(err)
			}
			if _, err := s.Authenticate(r); !errors.Is(err, auth.ErrNoCredentials) {
				t.Error(err)
			}
		})
		b := s.signedIn(t)
		a := b.do("POST /inout").wants(t, http.StatusOK)
		if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 || spy.Len() != 0 {
			t.Fatal(c, spy.Len())
		}
	})
	t.Run("a goodbye after the sign-out is a visitor's session", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("POST /bye", func(_ http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "before", "x")
			if err := s.SignOut(r.Context()); err != nil {
				t.Error(err)
			}
			s.SCS().Put(r.Context(), "flash", "bye")
		})
		b := s.signedIn(t)
		old := b.token()
		b.do("POST /bye").wants(t, http.StatusOK)
		if b.token() == old || spy.Len() != 1 {
			t.Fatal("not a new session")
		}
		if a := b.do("GET /get?flash"); a.body != "bye" {
			t.Fatalf("flash %q", a.body)
		}
		if a := b.do("GET /get?before"); a.body != "" {
			t.Fatalf("a value of the ended session: %q", a.body)
		}
		b.do("GET /me").wants(t, http.StatusUnauthorized)
	})
}

func TestEvents(t *testing.T) {
	t.Run("XCT-04 sign-in and sign-out are told, without a secret", func(t *testing.T) {
		var events []auth.Event
		s := newSite(t, nil, session.Config{OnEvent: func(_ context.Context, e auth.Event) {
			events = append(events, e)
			panic("a broken sink")
		}})
		b := s.signedIn(t)
		token := b.token()
		b.do("POST /logout").wants(t, http.StatusNoContent)
		if len(events) != 2 || events[0].Kind != auth.EventSignIn || events[1].Kind != auth.EventSignOut {
			t.Fatalf("events %v", events)
		}
		for _, e := range events {
			if e.Subject != "u-alice" || e.Method != auth.MethodSession || e.CredentialID != events[0].CredentialID || !e.Address.IsLoopback() || e.Time.IsZero() {
				t.Errorf("event %+v", e)
			}
			if strings.Contains(fmt.Sprintf("%+v", e), token) {
				t.Error("the token is in the event")
			}
		}
	})
}
