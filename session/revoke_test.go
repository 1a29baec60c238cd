package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// managing adds the routes of a "my sessions" page: GET, DELETE and DELETE
// /sessions?id, and an administrator's POST /admin/revoke?subject.
func managing(s *site) {
	answer := func(w http.ResponseWriter, r *http.Request, err error) {
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	member := auth.Require(s.Manager)
	s.mux.Handle("GET /sessions", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		list, err := s.List(r.Context(), p.Subject)
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		_ = json.NewEncoder(w).Encode(list)
	})))
	s.mux.Handle("DELETE /sessions", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		if id := r.URL.RawQuery; id != "" {
			answer(w, r, s.Revoke(r.Context(), p.Subject, id))
			return
		}
		answer(w, r, s.RevokeOthers(r.Context()))
	})))
	s.mux.HandleFunc("POST /admin/revoke", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, s.RevokeSubject(r.Context(), r.URL.RawQuery, ""))
	})
	s.mux.HandleFunc("POST /bob", func(w http.ResponseWriter, r *http.Request) {
		if err := s.SignIn(w, r, &auth.Principal{Subject: "u-bob"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
}

// sessions is what GET /sessions shows to b.
func sessions(t testing.TB, b *browser) []session.Info {
	t.Helper()
	var list []session.Info
	if err := json.Unmarshal([]byte(b.do("GET /sessions").wants(t, http.StatusOK).body), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestList(t *testing.T) {
	c := newClock()
	spy := newSpy(t, c)
	s := newSite(t, spy, session.Config{Now: c.Now})
	managing(s)
	phone := s.browser(t)
	phone.do("POST /login", "User-Agent", "phone/<b>1").wants(t, http.StatusNoContent)
	c.Advance(10 * time.Minute)
	desk := s.browser(t)
	desk.do("POST /login", "User-Agent", "desk/1").wants(t, http.StatusNoContent)
	bob := s.browser(t)
	bob.do("POST /bob").wants(t, http.StatusNoContent)
	t.Run("SES-16 users see their own sessions, and which one they use", func(t *testing.T) {
		list := sessions(t, phone)
		if len(list) != 2 || !list[0].Current || list[1].Current || list[0].UserAgent != "phone/<b>1" || list[1].UserAgent != "desk/1" {
			t.Fatalf("the phone sees %+v", list)
		}
		if !list[0].Address.IsLoopback() || !list[0].Created.Equal(c.Now().Add(-10*time.Minute).Truncate(time.Millisecond)) ||
			!list[0].Seen.Equal(c.Now().Truncate(time.Millisecond)) || !list[0].Expires.Equal(list[0].Seen.Add(session.DefaultIdleTimeout)) {
			t.Errorf("%+v", list[0])
		}
		if list := sessions(t, desk); len(list) != 2 || !list[0].Current || list[0].UserAgent != "desk/1" {
			t.Errorf("the desk sees %+v", list)
		}
		if list := sessions(t, bob); len(list) != 1 {
			t.Errorf("bob sees %+v", list)
		}
	})
	t.Run("SES-03 the list holds nothing that opens a session", func(t *testing.T) {
		text := fmt.Sprintf("%+v", sessions(t, phone))
		for _, token := range []string{phone.token(), desk.token()} {
			if strings.Contains(text, token) || strings.Contains(text, token[16:]) {
				t.Error("a token is shown")
			}
		}
		for _, info := range sessions(t, phone) {
			phone.do("GET /sessions", "Cookie", cookieName+"="+info.ID).wants(t, http.StatusUnauthorized)
		}
	})
	t.Run("without Handler the principal tells which one is current", func(t *testing.T) {
		ctx := auth.NewContext(t.Context(), principalOf(t, s, desk.token()))
		list, err := s.List(ctx, "u-alice")
		if err != nil || len(list) != 2 || !list[0].Current || list[0].UserAgent != "desk/1" {
			t.Fatal(list, err)
		}
		foreign := principalOf(t, s, desk.token()).Clone()
		foreign.Method = auth.MethodJWT
		list, err = s.List(auth.NewContext(t.Context(), foreign), "u-alice")
		if err != nil || list[0].Current || list[1].Current {
			t.Fatal(list, err)
		}
		if list, err := s.List(t.Context(), "u-nobody"); err != nil || len(list) != 0 {
			t.Fatal(list, err)
		}
		if _, err := s.List(t.Context(), ""); err == nil {
			t.Fatal("the sessions of nobody were listed")
		}
	})
	t.Run("SES-09 what is over is not listed, whatever the store keeps", func(t *testing.T) {
		strict := newManager(t, spy, session.Config{Now: c.Now, Lifetime: 5 * time.Minute})
		c.Advance(5 * time.Minute)
		if list, err := strict.List(t.Context(), "u-alice"); err != nil || len(list) != 0 {
			t.Fatal(list, err)
		}
		spy.Fail("list", errStore)
		phone.do("GET /sessions").wants(t, http.StatusServiceUnavailable)
		spy.Fail("list", nil)
	})
}

func TestRevoke(t *testing.T) {
	t.Run("SES-16 one, all others and all end at the next request", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		managing(s)
		me, bob := s.signedIn(t), s.browser(t)
		bob.do("POST /bob").wants(t, http.StatusNoContent)
		var others []*browser
		for range 5 {
			others = append(others, s.signedIn(t))
		}
		victim := sessions(t, others[0])[0].ID
		bob.do("DELETE /sessions?"+victim).wants(t, http.StatusNoContent) // it is not bob's
		others[0].do("GET /me").wants(t, http.StatusOK)
		me.do("DELETE /sessions?"+victim).wants(t, http.StatusNoContent)
		others[0].do("GET /me").wants(t, http.StatusUnauthorized)
		others[1].do("GET /me").wants(t, http.StatusOK)
		if n := len(sessions(t, me)); n != 5 {
			t.Errorf("%d sessions are listed", n)
		}

		me.do("DELETE /sessions").wants(t, http.StatusNoContent)
		me.do("GET /me").wants(t, http.StatusOK)
		for _, b := range others {
			b.do("GET /me").wants(t, http.StatusUnauthorized)
		}

		bob.do("POST /admin/revoke?u-alice").wants(t, http.StatusNoContent)
		me.do("GET /me").wants(t, http.StatusUnauthorized)
		bob.do("GET /me").wants(t, http.StatusOK)
		if spy.Len() != 1 {
			t.Errorf("%d sessions are left", spy.Len())
		}
		me.do("POST /login").wants(t, http.StatusNoContent)
		me.do("GET /me").wants(t, http.StatusOK)
	})
	t.Run("a session that ends itself is signed out, in the request and in the browser", func(t *testing.T) {
		for name, end := range map[string]func(s *site, r *http.Request, p *auth.Principal) error{
			"Revoke": func(s *site, r *http.Request, p *auth.Principal) error {
				return s.Revoke(r.Context(), p.Subject, p.CredentialID)
			},
			"RevokeSubject": func(s *site, r *http.Request, p *auth.Principal) error {
				return s.RevokeSubject(r.Context(), p.Subject, "")
			},
		} {
			spy := newSpy(t, nil)
			s := newSite(t, spy, session.Config{})
			s.mux.HandleFunc("POST /end", func(_ http.ResponseWriter, r *http.Request) {
				p, err := s.Authenticate(r)
				if err != nil {
					t.Error(err)
				}
				s.SCS().Put(r.Context(), "x", "dropped")
				if err := end(s, r, p); err != nil {
					t.Error(err)
				}
				if _, err := s.Authenticate(r); !errors.Is(err, auth.ErrNoCredentials) {
					t.Errorf("%s: %v", name, err)
				}
			})
			a := s.signedIn(t).do("POST /end").wants(t, http.StatusOK)
			if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 || spy.Len() != 0 {
				t.Errorf("%s: cookie %v, %d sessions", name, c, spy.Len())
			}
		}
	})
	t.Run("RevokeSubject keeps the session that it is told to, and that only of its subject", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		var revoker auth.Revoker = s.Manager
		me, other := s.signedIn(t), s.signedIn(t)
		p := principalOf(t, s, me.token())
		if err := revoker.RevokeSubject(t.Context(), "u-bob", p.CredentialID); err != nil {
			t.Fatal(err)
		}
		other.do("GET /me").wants(t, http.StatusOK)
		if err := revoker.RevokeSubject(t.Context(), p.Subject, p.CredentialID); err != nil {
			t.Fatal(err)
		}
		me.do("GET /me").wants(t, http.StatusOK)
		other.do("GET /me").wants(t, http.StatusUnauthorized)
		if err := revoker.RevokeSubject(t.Context(), p.Subject, "a jti"); err != nil {
			t.Fatal(err)
		}
		me.do("GET /me").wants(t, http.StatusUnauthorized)
	})
	t.Run("XCT-04 revocations are told, failures are not success", func(t *testing.T) {
		spy := newSpy(t, nil)
		var events []auth.Event
		s := newSite(t, spy, session.Config{OnEvent: func(_ context.Context, e auth.Event) {
			if e.Kind == auth.EventRevoked {
				events = append(events, e)
			}
		}})
		managing(s)
		b := s.signedIn(t)
		id := sessions(t, b)[0].ID
		for _, op := range []string{"revoke", "revoke subject"} {
			spy.Fail(op, errStore)
		}
		for _, req := range []string{"DELETE /sessions", "DELETE /sessions?" + id, "POST /admin/revoke?u-alice"} {
			if a := b.do(req).wants(t, http.StatusServiceUnavailable); strings.Contains(a.body, "secret") || a.sessionCookie(t) != nil {
				t.Errorf("%s: %v %s", req, a.Header, a.body)
			}
		}
		if len(events) != 0 {
			t.Errorf("events %v", events)
		}
		b.do("GET /me").wants(t, http.StatusOK)
		for _, op := range []string{"revoke", "revoke subject"} {
			spy.Fail(op, nil)
		}
		b.do("POST /admin/revoke?u-bob").wants(t, http.StatusNoContent)
		b.do("DELETE /sessions?"+id).wants(t, http.StatusNoContent)
		if err := s.RevokeSubject(t.Context(), "u-carol", ""); err != nil {
			t.Error(err)
		}
		if len(events) != 3 || events[0].Subject != "u-bob" || events[1].CredentialID != id || !events[1].Address.IsLoopback() || events[2].Subject != "u-carol" || events[2].Address.IsValid() {
			t.Errorf("events %+v", events)
		}
	})
	t.Run("nobody can be named by accident", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		ctx := t.Context()
		for _, err := range []error{s.Revoke(ctx, "", "x"), s.Revoke(ctx, "u-alice", ""), s.RevokeSubject(ctx, "", ""), s.RevokeOthers(ctx)} {
			if err == nil {
				t.Error("no error")
			}
		}
		s.mux.HandleFunc("POST /others", func(w http.ResponseWriter, r *http.Request) {
			if err := s.RevokeOthers(r.Context()); err != nil {
				problem.WriteError(w, r, err)
			}
		})
		guest := s.browser(t)
		guest.do("POST /others").wants(t, http.StatusUnauthorized)
		guest.do("POST /put?x=1").wants(t, http.StatusOK)
		guest.do("POST /others").wants(t, http.StatusUnauthorized)
		s.signedIn(t).do("POST /others", "Sec-Fetch-Site", "cross-site").wants(t, http.StatusForbidden)
	})
	t.Run("F15 a client that goes away does not stop a revocation", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.signedIn(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.RevokeSubject(ctx, "u-alice", ""); err != nil || spy.Len() != 0 {
			t.Fatal(err, spy.Len())
		}
	})
	t.Run("S12 SES-22 a hundred sign-ins cannot save a session that is older than the revocation", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		h := s.Handler(s.mux)
		for range 5 {
			var old []string
			for range 20 {
				old = append(old, cookieOf(serve(h, "POST", "/login").Result()))
			}
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					switch {
					case i == 50:
						if err := s.RevokeSubject(t.Context(), "u-alice", ""); err != nil {
							t.Error(err)
						}
					case i%2 == 0: // a sign-in over an old session
						serve(h, "POST", "/login", "Cookie", old[i%len(old)])
					default:
						serve(h, "POST", "/login")
						serve(h, "POST", "/put?x=1", "Cookie", old[i%len(old)])
					}
				})
			}
			wg.Wait()
			for _, cookie := range old {
				if w := serve(h, "GET", "/me", "Cookie", cookie); w.Code != http.StatusUnauthorized {
					t.Fatalf("status %d", w.Code)
				}
			}
		}
	})
}

func TestMaxPerUser(t *testing.T) {
	t.Run("SES-24 the oldest sign-in ends, by default the hundredth before", func(t *testing.T) {
		for limit, cfg := range map[int]session.Config{3: {MaxPerUser: 3}, session.DefaultMaxPerUser: {}} {
			c := newClock()
			cfg.Now = c.Now
			s := newSite(t, newSpy(t, c), cfg)
			h := s.Handler(s.mux)
			var cookies []string
			for range limit + 2 {
				cookies = append(cookies, cookieOf(serve(h, "POST", "/login").Result()))
				c.Advance(time.Second)
			}
			for i, cookie := range cookies {
				want := http.StatusOK
				if i < 2 {
					want = http.StatusUnauthorized
				}
				if w := serve(h, "GET", "/me", "Cookie", cookie); w.Code != want {
					t.Errorf("limit %d, session %d: status %d", limit, i, w.Code)
				}
			}
			// Signing in again in one browser takes no other's place.
			serve(h, "POST", "/login", "Cookie", cookies[limit+1])
			if w := serve(h, "GET", "/me", "Cookie", cookies[2]); w.Code != http.StatusOK {
				t.Errorf("limit %d: status %d", limit, w.Code)
			}
		}
	})
	t.Run("SES-24 a limit that is none is a mistake", func(t *testing.T) {
		for _, n := range []int{-1, 10_001} {
			if _, err := session.New(nil, session.Config{MaxPerUser: n}); err == nil || !strings.Contains(err.Error(), "MaxPerUser") {
				t.Errorf("%d: %v", n, err)
			}
		}
	})
}

// TestDisabledUser: the one hook for how a user stands now is Gate.Current.
func TestDisabledUser(t *testing.T) {
	t.Run("SES-17 a user who is disabled is out at the next request of any session", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		var mu sync.Mutex
		disabled := false
		gate := &auth.Gate{
			Authenticators: []auth.Authenticator{s.Manager},
			Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
				mu.Lock()
				defer mu.Unlock()
				if disabled {
					return nil, auth.ErrInvalidCredentials
				}
				return p, nil
			},
		}
		h := s.Handler(gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		cookies := []string{cookieName + "=" + s.signedIn(t).token(), cookieName + "=" + s.signedIn(t).token()}
		for _, want := range []int{http.StatusOK, http.StatusUnauthorized, http.StatusOK} {
			for _, cookie := range cookies {
				if w := serve(h, "GET", "/", "Cookie", cookie); w.Code != want {
					t.Fatalf("status %d, want %d", w.Code, want)
				}
			}
			mu.Lock()
			disabled = !disabled
			mu.Unlock()
		}
		// Gone for good, also if the user is enabled again: revoke.
		if err := s.RevokeSubject(t.Context(), "u-alice", ""); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.Header.Set("Cookie", cookies[0])
		if _, err := s.Authenticate(r); !errors.Is(err, auth.ErrNoCredentials) {
			t.Fatal(err)
		}
	})
}
