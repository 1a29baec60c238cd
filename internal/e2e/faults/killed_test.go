package faults

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

func (s *stage) killLogin(t *testing.T, srv *running.Server, email string) victim {
	c := srv.Client()
	return victim{
		"login",
		func() (*running.Answer, error) {
			return c.TryCall(t, "POST", "/api/v1/auth/login", running.Credentials(email, words))
		},
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			want := 401 // I1: no cookie, no session
			if a != nil {
				want = 200
			}
			c.Want(t, c.At(srv).Call(t, "GET", "/api/v1/profile", nil), want)
			srv.Login(t, email, words)
		},
	}
}

func (s *stage) killLogout(t *testing.T, srv *running.Server, email string) victim {
	c := copyOf(t, srv.Login(t, email, words))
	return victim{
		"logout",
		func() (*running.Answer, error) { return c.TryCall(t, "POST", "/api/v1/auth/logout", nil) },
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			c := c.At(srv)
			if p := c.Call(t, "GET", "/api/v1/profile", nil); a != nil && p.StatusCode != 401 || p.StatusCode != 401 && p.StatusCode != 200 {
				t.Errorf("after the sign-out (answered: %v): %d", a != nil, p.StatusCode)
			}
			c.Want(t, c.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
			c.Want(t, c.Call(t, "GET", "/api/v1/profile", nil), 401)
		},
	}
}

func (s *stage) killRotation(t *testing.T, srv *running.Server, email string) victim {
	tokens, _ := srv.TokenFor(t, email, words)
	c := raw(srv, refresh(t, tokens)...)
	return victim{
		"rotation",
		func() (*running.Answer, error) { return c.TryCall(t, "POST", "/api/v1/auth/token/refresh", nil) },
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			again := c.Want(t, c.At(srv).Call(t, "POST", "/api/v1/auth/token/refresh", nil), 200) // I4
			next := again.Cookie("refresh")
			if a != nil && a.Cookie("refresh").Value != next.Value {
				t.Error("two heads")
			}
			on := raw(srv, next)
			on.Want(t, on.Call(t, "POST", "/api/v1/auth/token/refresh", nil), 200)
		},
	}
}

func (s *stage) killReset(t *testing.T, srv *running.Server, email string) victim {
	c := srv.Member(t, email, words)
	c.Want(t, c.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": email}), 202)
	link := srv.Token(t, email, "password")
	reset := func(srv *running.Server, pw string) (*running.Answer, error) {
		return srv.Client().TryCall(t, "POST", "/api/v1/auth/reset-password", map[string]string{"token": link, "password": pw})
	}
	works := func(t *testing.T, srv *running.Server, pw string) bool {
		return srv.Client().Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, pw)).StatusCode == 200
	}
	return victim{
		"reset",
		func() (*running.Answer, error) { return reset(srv, other) },
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			done := works(t, srv, other)
			if works(t, srv, words) == done || a != nil && !done {
				t.Errorf("answered: %v; the new password is good: %v, the old one: %v", a != nil, done, !done)
			}
			if p := c.At(srv).Call(t, "GET", "/api/v1/profile", nil); done && p.StatusCode != 401 {
				t.Errorf("a session from before the reset: %d", p.StatusCode)
			}
			b, err := reset(srv, "third "+other)
			if err != nil {
				t.Fatal(err)
			}
			if done && b.StatusCode == 204 {
				t.Error("the token is spent, and good again")
			}
			if third := works(t, srv, "third "+other); third != (b.StatusCode == 204) {
				t.Errorf("the second try: %d, and its password is good: %v", b.StatusCode, third)
			}
		},
	}
}

func (s *stage) killEnrolment(t *testing.T, srv *running.Server, email string) victim {
	c := srv.Member(t, email, words)
	secret := s.watch(c.Want(t, c.Call(t, "POST", "/api/v1/auth/mfa/enable", nil), 200)).String("secret")
	code := map[string]string{"code": running.Code(t, secret, 0)}
	return victim{
		"enrolment",
		func() (*running.Answer, error) { return c.TryCall(t, "POST", "/api/v1/auth/mfa/verify", code) },
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			login := srv.Client()
			b := login.Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, words))
			enabled := b.Code() == "MFA_REQUIRED"
			if !enabled && b.StatusCode != 200 || a != nil && !enabled {
				t.Fatalf("answered: %v; then %d %s", a != nil, b.StatusCode, b.Text)
			}
			if !enabled {
				return
			}
			if b := login.Call(t, "POST", "/api/v1/auth/mfa/challenge", code); b.StatusCode == 200 {
				t.Error("the code of the enrolment is good again")
			}
			next := map[string]string{"code": running.Code(t, secret, 30*time.Second)}
			login.Want(t, login.Call(t, "POST", "/api/v1/auth/mfa/challenge", next), 200)
		},
	}
}

// killLink is about the callback: the code of the provider is exchanged in it, the
// identity looked up, and the link made.
func (s *stage) killLink(t *testing.T, srv *running.Server, idp *oauthtest.Server, email string) victim {
	idp.SetUsers(oauthtest.User{Subject: "of " + email, Email: email, EmailVerified: true})
	c := srv.Member(t, email, words)
	page := c.Want(t, c.Post(t, "/account/links/oidc", url.Values{}), 200)
	_, to, _ := strings.Cut(page.Header.Get("Refresh"), "url=")
	r, err := http.NewRequestWithContext(t.Context(), "GET", to, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || !strings.HasSuffix(back.Path, "/callback") {
		t.Fatalf("the provider leads to %q", res.Header.Get("Location"))
	}
	callback := copyOf(t, c)
	return victim{
		"link",
		func() (*running.Answer, error) {
			return callback.Try(t, "GET", back.RequestURI(), http.Header{"Accept": {"text/html"}}, nil)
		},
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			links := func() int {
				list, _ := c.Want(t, c.At(srv).Call(t, "GET", "/api/v1/links", nil), 200).JSON("data").([]any)
				return len(list)
			}
			before := links()
			if before > 1 || a != nil && (a.StatusCode != 303 || before != 1) {
				t.Errorf("answered: %v; %d links", a != nil, before)
			}
			callback.At(srv).Page(t, back.RequestURI())
			if n := links(); n > 1 || n < before {
				t.Errorf("%d links, and %d after the same callback again", before, n)
			}
		},
	}
}

func (s *stage) killNewCodes(t *testing.T, srv *running.Server, email string) victim {
	c := srv.Member(t, email, words)
	_, old := s.enrol(t, c)
	spend := func(t *testing.T, srv *running.Server, code string) bool {
		login := srv.Client()
		login.Want(t, login.Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, words)), 401, "MFA_REQUIRED")
		return login.Call(t, "POST", "/api/v1/auth/mfa/challenge", map[string]string{"recovery_code": code}).StatusCode == 200
	}
	return victim{
		"new codes",
		func() (*running.Answer, error) { return c.TryCall(t, "POST", "/api/v1/auth/mfa/recovery-codes", nil) },
		func(t *testing.T, srv *running.Server, a *running.Answer) {
			kept := spend(t, srv, old[0])
			if kept && spend(t, srv, old[0]) {
				t.Error("an old code is good twice")
			}
			if a == nil {
				return
			}
			list, _ := a.JSON("recovery_codes").([]any)
			if a.StatusCode != 200 || len(list) == 0 {
				t.Fatalf("%d %s", a.StatusCode, a.Text)
			}
			code, _ := list[0].(string)
			s.canary.Watch("a recovery code", code)
			if kept {
				t.Error("an old code is good after new ones were given out")
			}
			if !spend(t, srv, code) || spend(t, srv, code) {
				t.Error("a new code is not good exactly once")
			}
		},
	}
}
