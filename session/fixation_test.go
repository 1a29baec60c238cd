package session_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/session"
)

func TestFixation(t *testing.T) {
	t.Run("SES-04 S01 a pre-login id is dead after login", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		b := s.browser(t)
		b.do("POST /put?cart=1").wants(t, http.StatusOK)
		before := b.token()
		if before == "" {
			t.Fatal("no visitor's session")
		}
		b.do("POST /login").wants(t, http.StatusNoContent)
		if b.token() == before || spy.Len() != 1 {
			t.Fatalf("same id: %t; %d sessions", b.token() == before, spy.Len())
		}
		attacker := s.browser(t)
		attacker.do("GET /me", "Cookie", cookieName+"="+before).wants(t, http.StatusUnauthorized)
		if a := attacker.do("GET /get?cart", "Cookie", cookieName+"="+before); a.body != "" {
			t.Fatalf("the old id still has values: %q", a.body)
		}
		again := b.token()
		b.do("POST /login").wants(t, http.StatusNoContent)
		if b.token() == again || spy.Len() != 1 {
			t.Fatal("a second login keeps the id, or leaves the session before it")
		}
		attacker.do("GET /me", "Cookie", cookieName+"="+again).wants(t, http.StatusUnauthorized)
	})
	t.Run("SES-04 SES-20 if the session before cannot be ended nobody is signed in, and it stands", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		b := s.browser(t)
		b.do("POST /put?cart=1").wants(t, http.StatusOK)
		spy.Fail("delete", errStore)
		if c := b.do("POST /login").wants(t, http.StatusServiceUnavailable).sessionCookie(t); c != nil {
			t.Fatalf("cookie %v", c)
		}
		spy.Fail("delete", nil)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
		if a := b.do("GET /get?cart"); a.body != "1" {
			t.Fatalf("cart %q", a.body)
		}
	})
	t.Run("SES-05 what was planted before the login is gone, but for the list", func(t *testing.T) {
		s := newSite(t, nil, session.Config{Keep: []string{"cart", "nothing"}})
		b := s.browser(t)
		b.do("POST /put?cart=3&role=admin").wants(t, http.StatusOK)
		b.do("POST /login").wants(t, http.StatusNoContent)
		if a := b.do("GET /get?role"); a.body != "" {
			t.Errorf("planted value %q survived", a.body)
		}
		if a := b.do("GET /get?cart"); a.body != "3" {
			t.Errorf("cart %q", a.body)
		}
	})
	t.Run("SES-05 values put in the request of the login obey the list too", func(t *testing.T) {
		s := newSite(t, nil, session.Config{Keep: []string{"cart"}})
		s.mux.HandleFunc("POST /login2", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "cart", "kept")
			s.SCS().Put(r.Context(), "role", "dropped")
			if err := s.Begin(r.Context(), alice()); err != nil {
				t.Error(err)
			}
			if got := s.SCS().GetString(r.Context(), "role"); got != "" {
				t.Errorf("role %q after Begin", got)
			}
			s.SCS().Put(r.Context(), "theme", "after")
		})
		b := s.browser(t)
		b.do("POST /login2").wants(t, http.StatusOK)
		for name, want := range map[string]string{"cart": "kept", "role": "", "theme": "after"} {
			if a := b.do("GET /get?" + name); a.body != want {
				t.Errorf("%s is %q, want %q", name, a.body, want)
			}
		}
		b.do("GET /me").wants(t, http.StatusOK)
	})
	t.Run("SES-05 nothing goes over from the session of another user", func(t *testing.T) {
		s := newSite(t, nil, session.Config{Keep: []string{"cart"}})
		s.mux.HandleFunc("POST /bob", func(_ http.ResponseWriter, r *http.Request) {
			if err := s.Begin(r.Context(), &auth.Principal{Subject: "u-bob"}); err != nil {
				t.Error(err)
			}
		})
		b := s.signedIn(t)
		b.do("POST /put?cart=3").wants(t, http.StatusOK)
		b.do("POST /login").wants(t, http.StatusNoContent)
		if a := b.do("GET /get?cart"); a.body != "3" {
			t.Errorf("cart %q after signing in again", a.body)
		}
		b.do("POST /bob").wants(t, http.StatusOK)
		if a := b.do("GET /get?cart"); a.body != "" {
			t.Errorf("bob has the cart of alice: %q", a.body)
		}
	})
	t.Run("SES-06 S02 an id that was not made here is never adopted", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		chosen := strings.Repeat("A", 59)
		for _, value := range []string{"", "a", "*", "session:*", chosen[:58], chosen + "A", chosen, "%00", `"` + chosen + `"`, "=" + chosen, strings.Repeat("A", 8000)} {
			b := s.browser(t)
			b.do("GET /me", "Cookie", cookieName+"="+value).wants(t, http.StatusUnauthorized)
			a := b.do("POST /put?x=1", "Cookie", cookieName+"="+value).wants(t, http.StatusOK)
			if c := a.sessionCookie(t); c == nil || c.Value == value || len(c.Value) != 59 {
				t.Errorf("cookie %.20q: answered with %v", value, c)
			}
			b.do("POST /login", "Cookie", cookieName+"="+value).wants(t, http.StatusNoContent)
			b.do("POST /logout").wants(t, http.StatusNoContent)
		}
		b := s.browser(t)
		b.do("GET /me", "Cookie", cookieName+"="+chosen).wants(t, http.StatusUnauthorized)
	})
}

func TestTokens(t *testing.T) {
	t.Run("SES-02 the cookie has one length, whatever the session holds", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		b := s.browser(t)
		b.do("POST /put?a=1")
		short := len(b.token())
		b.do("POST /put?big="+strings.Repeat("x", 4000)).wants(t, http.StatusOK)
		b.do("POST /login")
		if short != 59 || len(b.token()) != 59 {
			t.Fatalf("lengths %d and %d", short, len(b.token()))
		}
	})
	t.Run("SES-03 the public id is neither the token nor opens anything", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		b := s.signedIn(t)
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.Header.Set("Cookie", cookieName+"="+b.token())
		p, err := s.Authenticate(r)
		if err != nil {
			t.Fatal(err)
		}
		if p.Method != auth.MethodSession || p.Subject != "u-alice" || p.AuthenticatedAt.IsZero() || len(p.CredentialID) < 20 {
			t.Fatalf("principal %+v", p)
		}
		if strings.Contains(b.token(), p.CredentialID) {
			t.Fatal("the public id is in the token")
		}
		spy.mu.Lock()
		defer spy.mu.Unlock()
		for _, id := range spy.ids {
			if string(id[:]) == b.token()[:32] {
				t.Fatal("the store has seen the token")
			}
		}
	})
}

func TestPlantedCookies(t *testing.T) {
	spy := newSpy(t, nil)
	var refused int
	s := newSite(t, spy, session.Config{OnEvent: func(_ testContext, e auth.Event) {
		if e.Kind == auth.EventRefused {
			refused++
		}
	}})
	victim, attacker := s.signedIn(t), s.signedIn(t)
	v, a := cookieName+"="+victim.token(), cookieName+"="+attacker.token()
	t.Run("SES-13 S03 two cookies of the name are none", func(t *testing.T) {
		finds := spy.finds.Load()
		for _, header := range [][]string{
			{"Cookie", v + "; " + a}, {"Cookie", a + "; " + v}, {"Cookie", v + ";" + v},
			{"Cookie", a, "Cookie", v}, {"Cookie", v + "; x=1; " + cookieName + "="}, {"Cookie", v + ";\t" + cookieName + "=x"},
		} {
			s.browser(t).do("GET /me", header...).wants(t, http.StatusUnauthorized)
		}
		if spy.finds.Load() != finds {
			t.Error("the store was asked")
		}
		if refused != 6 {
			t.Errorf("%d events", refused)
		}
		s.browser(t).do("GET /me", "Cookie", "x=1; "+v+"; y="+cookieName+"=; "+cookieName+"2=x").wants(t, http.StatusOK)
	})
	t.Run("SES-14 what is not a token does not reach the store", func(t *testing.T) {
		finds, writes := spy.finds.Load(), spy.writes.Load()
		for _, value := range []string{"x", strings.Repeat("A", 58), strings.Repeat("A", 64<<10), victim.token()[:58] + "*", victim.token()[:58] + "\x00", "session:{A}"} {
			r := httptest.NewRequest("GET", "https://shop.example/me", nil)
			r.Header["Cookie"] = []string{cookieName + "=" + value}
			w := httptest.NewRecorder()
			s.Handler(s.mux).ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%.20q: status %d", value, w.Code)
			}
		}
		if spy.finds.Load() != finds || spy.writes.Load() != writes {
			t.Error("the store was asked")
		}
	})
}

func TestVisitors(t *testing.T) {
	t.Run("SES-15 S11 requests without session data write nothing and set no cookie", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		h := s.Handler(s.mux)
		for i := range testkit.Volume(100_000) {
			r := httptest.NewRequest("GET", "https://shop.example/public", nil)
			if i%2 == 0 {
				r = httptest.NewRequest("GET", "https://shop.example/get?x", nil)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Header()["Set-Cookie"] != nil {
				t.Fatal("a cookie was set")
			}
		}
		if spy.finds.Load() != 0 || spy.writes.Load() != 0 || spy.Len() != 0 {
			t.Fatalf("%d reads, %d writes, %d sessions", spy.finds.Load(), spy.writes.Load(), spy.Len())
		}
	})
	t.Run("SES-15 a session that nobody asks for is not loaded", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		b := s.signedIn(t)
		finds := spy.finds.Load()
		a := b.do("GET /public").wants(t, http.StatusOK)
		if spy.finds.Load() != finds || a.Header.Get("Vary") != "" || a.Header.Get("Cache-Control") != "" {
			t.Fatalf("%d reads; headers %v", spy.finds.Load()-finds, a.Header)
		}
	})
	t.Run("SES-15 a value that comes and goes leaves nothing", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("POST /flash", func(_ http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", 1)
			s.SCS().Remove(r.Context(), "x")
		})
		a := s.browser(t).do("POST /flash").wants(t, http.StatusOK)
		if a.sessionCookie(t) != nil || spy.writes.Load() != 0 {
			t.Fatal("an empty session was made")
		}
	})
	t.Run("SES-19 a response that depends on a session says so to caches", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.HandleFunc("GET /cached", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "private, max-age=60")
			w.Header().Set("Vary", "Accept")
			_, _ = io.WriteString(w, s.SCS().GetString(r.Context(), "x"))
		})
		b := s.signedIn(t)
		for _, path := range []string{"GET /me", "GET /get?x", "POST /put?x=1", "POST /login"} {
			a := b.do(path)
			if a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(strings.Join(a.Header["Vary"], ","), "Cookie") {
				t.Errorf("%s: %v", path, a.Header)
			}
		}
		if a := s.browser(t).do("GET /me"); !strings.Contains(strings.Join(a.Header["Vary"], ","), "Cookie") {
			t.Errorf("401: %v", a.Header)
		}
		a := b.do("GET /cached")
		if a.Header.Get("Cache-Control") != "private, max-age=60" || strings.Join(a.Header["Vary"], ",") != "Accept,Cookie" {
			t.Errorf("/cached: %v", a.Header)
		}
	})
}

func TestChain(t *testing.T) {
	s := newSite(t, nil, session.Config{})
	b := s.signedIn(t)
	bad := auth.AuthenticatorFunc(func(r *http.Request) (*auth.Principal, error) {
		if r.Header.Get("Authorization") == "" {
			return nil, auth.ErrNoCredentials
		}
		return nil, auth.ErrInvalidCredentials
	})
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, found := auth.FromContext(r.Context()); found {
			_, _ = io.WriteString(w, p.Subject)
		}
	})
	s.mux.Handle("GET /api", auth.Require(s.Manager, bad)(ok))
	s.mux.Handle("GET /optional", (&auth.Gate{Authenticators: []auth.Authenticator{s.Manager}, Optional: true}).Handler(ok))

	t.Run("XCT-09 a bad token is not rescued by a good cookie", func(t *testing.T) {
		b.do("GET /api").wants(t, http.StatusOK)
		b.do("GET /api", "Authorization", "Bearer x").wants(t, http.StatusUnauthorized)
	})
	t.Run("XCT-09 a dead cookie is worth what no cookie is", func(t *testing.T) {
		dead := b.token()
		b.do("POST /logout").wants(t, http.StatusNoContent)
		for _, cookie := range []string{dead, "malformed", strings.Repeat("A", 59)} {
			a := s.browser(t).do("GET /optional", "Cookie", cookieName+"="+cookie).wants(t, http.StatusOK)
			if a.body != "" {
				t.Errorf("%q is %s", cookie, a.body)
			}
			if a.sessionCookie(t) != nil {
				t.Error("the cookie was cleared by a read")
			}
			a = s.browser(t).do("GET /me", "Cookie", cookieName+"="+cookie).wants(t, http.StatusUnauthorized)
			if got := a.Header.Get("WWW-Authenticate"); got != `Cookie cookie-name="__Host-session"` {
				t.Errorf("challenge %q", got)
			}
		}
	})
	t.Run("XCT-08 headers make nobody", func(t *testing.T) {
		s.browser(t).do("GET /me", "X-User-Id", "u-alice", "X-Session", "u-alice").wants(t, http.StatusUnauthorized)
	})
	t.Run("Authenticate works without Handler", func(t *testing.T) {
		b := s.signedIn(t)
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		if _, err := s.Authenticate(r); !errors.Is(err, auth.ErrNoCredentials) {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookieName+"="+b.token())
		if p, err := s.Authenticate(r); err != nil || p.Subject != "u-alice" {
			t.Fatal(p, err)
		}
	})
	t.Run("SignIn and SignOutHandler work without Handler", func(t *testing.T) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "https://shop.example/login", nil)
		if err := s.SignIn(w, r, alice()); err != nil {
			t.Fatal(err)
		}
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		r = httptest.NewRequest("POST", "https://shop.example/logout", nil)
		r.Header.Set("Cookie", cookie)
		if _, err := s.Authenticate(r); err != nil {
			t.Fatal(err)
		}
		w = httptest.NewRecorder()
		s.SignOutHandler().ServeHTTP(w, r)
		if w.Code != http.StatusNoContent || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
			t.Fatal(w.Code, w.Header())
		}
		if _, err := s.Authenticate(r); !errors.Is(err, auth.ErrNoCredentials) {
			t.Fatal(err)
		}
		quiet := newManager(t, nil, session.Config{Respond: func(_ http.ResponseWriter, _ *http.Request, p *auth.Principal) {
			if p.Method != auth.MethodSession {
				t.Error(p)
			}
		}})
		w = httptest.NewRecorder()
		if err := quiet.SignIn(w, r, alice()); err != nil || w.Header().Get("Set-Cookie") == "" {
			t.Fatal("a Respond that writes nothing: no cookie", err)
		}
		if err := s.Begin(r.Context(), alice()); !errors.Is(err, session.ErrNoHandler) {
			t.Fatal(err)
		}
		if err := s.SignOut(r.Context()); !errors.Is(err, session.ErrNoHandler) {
			t.Fatal(err)
		}
	})
	t.Run("XCT-05 nobody cannot sign in", func(t *testing.T) {
		for _, p := range []*auth.Principal{nil, {}, {Roles: []string{"admin"}}} {
			w := httptest.NewRecorder()
			if err := s.SignIn(w, httptest.NewRequest("POST", "https://shop.example/login", nil), p); err == nil || len(w.Header()) != 0 {
				t.Errorf("%v: %v, headers %v", p, err, w.Header())
			}
		}
	})
	t.Run("Handler mounted twice is one", func(t *testing.T) {
		h := s.Handler(s.Handler(s.mux))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/login", nil))
		if w.Code != http.StatusNoContent || len(w.Header()["Set-Cookie"]) != 1 {
			t.Fatal(w.Code, w.Header())
		}
		if w := serve(h, "POST", "/put?x=1"); w.Code != http.StatusOK || len(w.Header()["Set-Cookie"]) != 1 {
			t.Fatal(w.Code, w.Header())
		}
	})
}
