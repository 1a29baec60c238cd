package faults

import (
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// A use is one of each credential, of alice, that is good when a fault of Redis begins.
type use struct {
	s             *stage
	srv           *running.Server
	alice, tokens *running.Client
	token, key    string
}

// use registers alice and gives her one of each.
func (s *stage) use(t *testing.T, srv *running.Server) *use {
	t.Helper()
	srv.Register(t, "alice@example.com", words)
	u := &use{s: s, srv: srv}
	u.signIn(t)
	u.key = s.watch(u.alice.Want(t, u.alice.Call(t, "POST", "/api/v1/api-keys", map[string]any{"name": "k", "scopes": []string{"orders:read"}}), 201)).String("key")
	return u
}

// signIn is for when what Redis had may be gone.
func (u *use) signIn(t *testing.T) {
	t.Helper()
	u.alice = u.srv.Login(t, "alice@example.com", words)
	u.tokens, u.token = u.srv.TokenFor(t, "alice@example.com", words)
	u.s.canary.Watch("access_token", u.token)
}

// fails is what every kind of fault must look like from outside.
func (u *use) fails(t *testing.T) {
	t.Helper()
	t.Run("I1 I6 what needs Redis is 503", func(t *testing.T) {
		var wait sync.WaitGroup
		for _, want := range []struct {
			c            *running.Client
			method, path string
			in           any
		}{
			{u.alice, "GET", "/api/v1/profile", nil},
			{copyOf(t, u.alice), "POST", "/api/v1/auth/logout", nil},
			{u.alice, "DELETE", "/api/v1/sessions", nil},
			{u.srv.Bearer(u.token), "DELETE", "/api/v1/sessions", nil},
			{copyOf(t, u.tokens), "POST", "/api/v1/auth/token/refresh", nil},
			{copyOf(t, u.tokens), "POST", "/api/v1/auth/token/revoke", nil},
			{u.srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)},
			{u.srv.Client(), "POST", "/api/v1/auth/token", running.Credentials("alice@example.com", words)},
			{u.srv.Client(), "POST", "/api/v1/auth/register", running.Credentials("bob@example.com", words)},
			{u.srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", other)},
		} {
			wait.Go(func() {
				a, err := want.c.TryCall(t, want.method, want.path, want.in)
				if err != nil {
					t.Error(err)
					return
				}
				unavailable(t, a)
				if a.Took > budget {
					t.Errorf("I6 %s: after %v", want.path, a.Took)
				}
				if c := a.Cookie("session"); c != nil && c.Value != "" {
					t.Errorf("I1 %s sets a session", want.path)
				}
			})
		}
		wait.Wait()
	})
	t.Run("what needs no Redis works", func(t *testing.T) {
		visitor := u.srv.Client()
		for path, status := range map[string]int{
			"/": 200, "/login": 200, "/register": 200, "/.well-known/jwks.json": 200, "/api/v1/profile": 401, "/nowhere": 404,
		} {
			if a := within(t, budget, visitor, "GET", path, nil); a.StatusCode != status {
				t.Errorf("GET %s: %d %s, want %d", path, a.StatusCode, a.Text, status)
			}
		}
		script := u.srv.Key(u.key)
		script.Want(t, within(t, budget, script, "GET", "/api/v1/orders", nil), 200)
		unavailable(t, within(t, 3*time.Second, visitor, "GET", "/healthz", nil))
	})
}

// recovers wants all of it good again.
func (u *use) recovers(t *testing.T) {
	t.Helper()
	t.Run("I4 I8 all is well again", func(t *testing.T) {
		eventually(t, u.alice, "GET", "/api/v1/profile", nil, 200)
		eventually(t, u.tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
		eventually(t, u.srv.Key(u.key), "GET", "/api/v1/orders", nil, 200)
		eventually(t, u.srv.Client(), "GET", "/healthz", nil, 200)
		eventually(t, u.srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
	})
}
