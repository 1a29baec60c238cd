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
	u := s.use(t, s.start(t, running.Options{}))
	srv := u.srv

	corpus.Case(t, "F01", "Redis refuses connections", "503 with Retry-After behind a session; public routes and bearer tokens work", func(t *testing.T) {
		s.redis.Refuse()
		defer s.redis.Pass()
		u.fails(t)
		s.redis.Pass()
		u.recovers(t)
	})
	corpus.Case(t, "F02", "Redis accepts and stalls; the server allows each call one second", "503 within two seconds; public routes work while 100 wait", func(t *testing.T) {
		s.redis.Stall()
		defer s.redis.Pass()
		u.fails(t)
		t.Run("I5 while a hundred wait, others do not", func(t *testing.T) {
			var wait sync.WaitGroup
			for range 100 {
				wait.Go(func() {
					a, err := u.alice.TryCall(t, "GET", "/api/v1/profile", nil)
					if err != nil || a.StatusCode != 503 || a.Took > 2*budget {
						t.Errorf("I6 %v, %v", a, err)
					}
				})
			}
			for range 10 {
				within(t, budget, srv.Client(), "GET", "/.well-known/jwks.json", nil)
			}
			wait.Wait()
			u.alice.HTTP.CloseIdleConnections()
		})
		s.redis.Pass()
		// What Stall has kept back goes on: the revocations that were answered with
		// 503 may be carried out now.
		u.signIn(t)
		u.recovers(t)
	})
	corpus.Case(t, "F05", "Redis takes up to half a second for each reply", "every request ends, none waits for another, no more commands than without", func(t *testing.T) {
		commands := func() int64 { return s.commands(t) }
		round := func() int64 {
			before := commands()
			var wait sync.WaitGroup
			for i := range 20 {
				c := u.alice.From(i)
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
		eventually(t, u.alice, "GET", "/api/v1/profile", nil, 200)
	})
}
