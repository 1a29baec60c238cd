package faults

import (
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// budget is what a request may take when Redis does not answer: one second for each call
// (the Timeout of the redisstores, which the reference server leaves as it is), of which a
// sign-out makes two, one to know whose session it is; and one for the rest (I6).
const budget = 3 * time.Second

// TestRedisDown has everything in use once, takes Redis away, and gives it back.
func TestRedisDown(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	tokens, token := srv.TokenFor(t, "alice@example.com", words)
	s.canary.Watch("access_token", token)
	key := s.watch(alice.Want(t, alice.Call(t, "POST", "/api/v1/api-keys", map[string]any{"name": "k", "scopes": []string{"orders:read"}}), 201)).String("key")

	// fails is what every kind of fault must look like from outside.
	fails := func(t *testing.T) {
		t.Run("I1 I6 what needs Redis is 503", func(t *testing.T) {
			var wait sync.WaitGroup
			for _, want := range []struct {
				c            *running.Client
				method, path string
				in           any
			}{
				{alice, "GET", "/api/v1/profile", nil},
				{copyOf(t, alice), "POST", "/api/v1/auth/logout", nil},
				{alice, "DELETE", "/api/v1/sessions", nil},
				{srv.Bearer(token), "DELETE", "/api/v1/sessions", nil},
				{copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil},
				{copyOf(t, tokens), "POST", "/api/v1/auth/token/revoke", nil},
				{srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)},
				{srv.Client(), "POST", "/api/v1/auth/token", running.Credentials("alice@example.com", words)},
				{srv.Client(), "POST", "/api/v1/auth/register", running.Credentials("bob@example.com", words)},
				{srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", other)},
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
			visitor := srv.Client()
			for path, status := range map[string]int{
				"/": 200, "/login": 200, "/register": 200, "/.well-known/jwks.json": 200, "/api/v1/profile": 401, "/nowhere": 404,
			} {
				if a := within(t, budget, visitor, "GET", path, nil); a.StatusCode != status {
					t.Errorf("GET %s: %d %s, want %d", path, a.StatusCode, a.Text, status)
				}
			}
			script := srv.Key(key)
			script.Want(t, within(t, budget, script, "GET", "/api/v1/orders", nil), 200)
			unavailable(t, within(t, 3*time.Second, visitor, "GET", "/healthz", nil))
		})
	}
	recovers := func(t *testing.T) {
		t.Run("I4 I8 all is well again", func(t *testing.T) {
			eventually(t, alice, "GET", "/api/v1/profile", nil, 200)
			eventually(t, tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
			eventually(t, srv.Key(key), "GET", "/api/v1/orders", nil, 200)
			eventually(t, srv.Client(), "GET", "/healthz", nil, 200)
			eventually(t, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
		})
	}

	corpus.Case(t, "F01", "Redis refuses connections", "503 with Retry-After behind a session; public routes and bearer tokens work", func(t *testing.T) {
		s.redis.Refuse()
		defer s.redis.Pass()
		fails(t)
		s.redis.Pass()
		recovers(t)
	})
	corpus.Case(t, "F02", "Redis accepts and stalls; the server allows each call one second", "503 within two seconds; public routes work while 100 wait", func(t *testing.T) {
		s.redis.Stall()
		defer s.redis.Pass()
		fails(t)
		t.Run("I5 while a hundred wait, others do not", func(t *testing.T) {
			var wait sync.WaitGroup
			for range 100 {
				wait.Go(func() {
					a, err := alice.TryCall(t, "GET", "/api/v1/profile", nil)
					if err != nil || a.StatusCode != 503 || a.Took > 2*budget {
						t.Errorf("I6 %v, %v", a, err)
					}
				})
			}
			for range 10 {
				within(t, budget, srv.Client(), "GET", "/.well-known/jwks.json", nil)
			}
			wait.Wait()
			alice.HTTP.CloseIdleConnections()
		})
		s.redis.Pass()
		// What Stall has kept back goes on: the revocations that were answered with
		// 503 may be carried out now.
		alice = srv.Login(t, "alice@example.com", words)
		tokens, token = srv.TokenFor(t, "alice@example.com", words)
		recovers(t)
	})
	corpus.Case(t, "F05", "Redis takes up to half a second for each reply", "every request ends, none waits for another, no more commands than without", func(t *testing.T) {
		commands := func() int64 { return s.commands(t) }
		round := func() int64 {
			before := commands()
			var wait sync.WaitGroup
			for i := range 20 {
				c := alice.From(i)
				wait.Go(func() {
					if a, err := c.TryCall(t, "GET", "/api/v1/profile", nil); err != nil || a.StatusCode != 200 && a.StatusCode != 503 || a.Took > 2*budget {
						t.Errorf("I6 %v, %v", a, err)
					}
				})
			}
			wait.Wait()
			return commands() - before
		}
		usual := round()
		s.redis.RandomLatency(500 * time.Millisecond)
		slow := round()
		s.redis.Pass()
		// A new connection says HELLO and CLIENT SETINFO, besides.
		if slow > 2*usual+100 {
			t.Errorf("%d commands, and %d without latency: a storm of retries", slow, usual)
		}
		eventually(t, alice, "GET", "/api/v1/profile", nil, 200)
	})
}
