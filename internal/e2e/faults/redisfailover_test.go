package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestReadOnlyRedis(t *testing.T) {
	corpus.Case(t, "F08", "REPLICAOF while requests come in", "writes are 5xx and no command is tried for ever; all works again when it is a primary", func(t *testing.T) {
		pair := redistest.Failover(t)
		s := stageOn(t, pair.Primary)
		srv := s.start(t, running.Options{})
		alice := srv.Member(t, "alice@example.com", words)
		tokens, _ := srv.TokenFor(t, "alice@example.com", words)
		rest := load(t, alice, func(a *running.Answer) bool {
			return (a.StatusCode == 200 || a.StatusCode >= 500) && a.Took <= budget
		})
		defer rest()
		pair.Sync()
		pair.Promote()
		unavailable(t, within(t, budget, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)))
		unavailable(t, within(t, budget, copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil))
		gone := copyOf(t, alice)
		unavailable(t, within(t, budget, gone, "POST", "/api/v1/auth/logout", nil))
		before := s.commands(t)
		unavailable(t, within(t, budget, gone, "POST", "/api/v1/auth/logout", nil))
		t.Logf("%d commands for a sign-out that is refused, beside the load", s.commands(t)-before)
		if err := pair.Primary.Client().Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
		eventually(t, tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
		rest()
		eventually(t, gone, "POST", "/api/v1/auth/logout", nil, 204)
		alice.Want(t, alice.Call(t, "GET", "/api/v1/profile", nil), 401)
	})
}

// TestFailover loses the last writes of Redis. The process that meets the new primary is
// another one, as after a deployment: that it is the same data that it reads is all that
// counts.
func TestFailover(t *testing.T) {
	pair := redistest.Failover(t)
	s := stageOn(t, pair.Primary)
	one := s.start(t, running.Options{})
	tokens, _ := one.TokenFor(t, running.AdminEmail, one.Admin)
	lost := one.Member(t, "carol@example.com", words)
	survivor := one.Login(t, "carol@example.com", words)
	heads := [][]*http.Cookie{refresh(t, tokens)} // the head of the family, over time
	var signedOut *running.Client
	dead := s.ended(t, one, func() {
		pair.Sync()
		pair.Link.BlackHole(faultproxy.Down)
		for range 2 {
			tokens.Want(t, tokens.Call(t, "POST", "/api/v1/auth/token/refresh", nil), 200)
			heads = append(heads, refresh(t, tokens))
		}
		signedOut = copyOf(t, lost)
		lost.Want(t, lost.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
	})
	s.stillEnded(t, one, dead)
	one.Kill()
	pair.Primary.Stop()
	pair.Promote()
	two := s.start(t, running.Options{Redis: pair.Replica.URL()})

	corpus.Case(t, "F09", "a failover loses the last writes of Redis", "what the database has ended stays ended", func(t *testing.T) {
		var durable []endedThing
		for _, d := range dead {
			if d.durable {
				durable = append(durable, d)
				continue
			}
			t.Logf("%s, in Redis alone: %d", d.name, d.c.At(two).Call(t, d.method, d.path, d.in).StatusCode)
		}
		s.stillEnded(t, two, durable)
		c := two.Client()
		c.Want(t, c.Call(t, "POST", "/api/v1/auth/login", running.Credentials("bob@example.com", words)), 401)
		two.Login(t, "bob@example.com", other)
	})
	corpus.Case(t, "F09", "the sign-out that was lost, the documented window", "the session is listed again, and ends when it is ended again", func(t *testing.T) {
		a := signedOut.At(two).Call(t, "GET", "/api/v1/profile", nil)
		if a.StatusCode != 200 && a.StatusCode != 401 {
			t.Errorf("%d %s", a.StatusCode, a.Text)
		}
		t.Logf("the session that was signed out answers %d", a.StatusCode)
		carol := survivor.At(two)
		carol.Want(t, carol.Call(t, "DELETE", "/api/v1/sessions", nil), 204)
		carol.Want(t, carol.Call(t, "GET", "/api/v1/profile", nil), 200)
		signedOut.Want(t, signedOut.At(two).Call(t, "GET", "/api/v1/profile", nil), 401)
	})
	corpus.Case(t, "F09", "all heads that the family ever had are presented", "one head comes of it, and no theft is seen", func(t *testing.T) {
		// Redis knows heads[0]; heads[2] is ahead of it and catches it up.
		next := func(old []*http.Cookie) (string, int) {
			a := raw(two, old...).Call(t, "POST", "/api/v1/auth/token/refresh", nil)
			if c := a.Cookie("refresh"); c != nil {
				return c.Value, a.StatusCode
			}
			return "", a.StatusCode
		}
		first, status := next(heads[0])
		if status != 200 || first != heads[1][0].Value {
			t.Errorf("I3 from the head that Redis has: %d, and the same successor: %v", status, first == heads[1][0].Value)
		}
		second, status := next(heads[1])
		if status != 200 || second != heads[2][0].Value {
			t.Errorf("I3 from its successor: %d, and the same successor: %v", status, second == heads[2][0].Value)
		}
		third, status := next(heads[2])
		if again, _ := next(heads[2]); status != 200 || third == "" || again != third {
			t.Errorf("I3 I4 from the head that was lost: %d, twice the same: %v", status, again == third)
		}
	})
}

// refresh returns the refresh cookie that c holds, and no other.
func refresh(t *testing.T, c *running.Client) []*http.Cookie {
	t.Helper()
	header := copyOf(t, c).Header.Get("Cookie")
	for pair := range strings.SplitSeq(header, "; ") {
		if value, ok := strings.CutPrefix(pair, "refresh="); ok {
			return []*http.Cookie{{Name: "refresh", Value: value}}
		}
	}
	t.Fatal("there is no refresh cookie")
	return nil
}

func TestRedisForgets(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	dead := s.ended(t, srv, func() {})
	for name, forget := range map[string]func(){
		"restart without persistence": func() { s.Redis.Stop(); s.Redis.Start() },
		"FLUSHALL":                    s.Redis.FlushAll,
	} {
		corpus.Case(t, "F10", name, "all are signed out, nothing is revived, logins work", func(t *testing.T) {
			alice := srv.Login(t, "alice@example.com", words)
			tokens, token := srv.TokenFor(t, "alice@example.com", words)
			s.canary.Watch("access_token", token)
			forget()
			eventually(t, srv.Client(), "GET", "/healthz", nil, 200)
			eventually(t, alice, "GET", "/api/v1/profile", nil, 401)
			eventually(t, copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil, 401)
			s.stillEnded(t, srv, dead)
			start := time.Now()
			srv.Login(t, "alice@example.com", words)
			if took := time.Since(start); took > recovery {
				t.Errorf("I8 after %v", took)
			}
		})
	}
}
