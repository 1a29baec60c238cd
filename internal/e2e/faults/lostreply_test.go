package faults

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
)

// replies is how many replies in turn are lost, one in each round. Requests have about ten
// from PostgreSQL.
func replies() int {
	if running.Long() {
		return 24
	}
	return 8
}

func TestLostReplies(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	alice.Want(t, alice.Call(t, "GET", "/api/v1/profile", nil), 200)

	corpus.Case(t, "F03", "the k-th reply is lost during a rotation of a refresh token", "the client tries again and gets the one successor; no family ends", func(t *testing.T) {
		tokens, _ := srv.TokenFor(t, "alice@example.com", words)
		struck := int64(0)
		for _, proxy := range []*faultproxy.Proxy{s.redis, s.db} {
			for k := 1; k <= 4; k++ {
				before := refresh(t, tokens)
				faults := proxy.Faults()
				proxy.DropReply(k)
				a := copyOf(t, tokens).Call(t, "POST", "/api/v1/auth/token/refresh", nil)
				proxy.Pass()
				struck += proxy.Faults() - faults
				if a.StatusCode != 200 && a.StatusCode != 503 {
					t.Fatalf("I4 reply %d: %d %s", k, a.StatusCode, a.Text)
				}
				again := eventually(t, tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
				if c := a.Cookie("refresh"); c != nil && c.Value != "" && c.Value != again.Cookie("refresh").Value {
					t.Errorf("I3 reply %d: one token has two successors", k)
				}
				if now := refresh(t, tokens); now[0].Value == before[0].Value {
					t.Errorf("reply %d: the token was not rotated", k)
				}
			}
		}
		if struck < 5 {
			t.Errorf("only %d replies were lost", struck)
		}
	})
	corpus.Case(t, "F03", "the k-th reply of PostgreSQL is lost during a password reset", "the token is spent once at most, and what was answered holds", func(t *testing.T) {
		struck := int64(0)
		for k := 1; k <= replies(); k++ {
			s.Redis.FlushAll() // mail is limited
			email := fmt.Sprintf("user%d@example.com", k)
			srv.Register(t, email, words)
			c := srv.Client()
			c.Want(t, c.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": email}), 202)
			token := srv.Token(t, email, "password")
			s.canary.Watch("a reset token", token)
			first, second := "first "+other, "second "+other
			faults := s.db.Faults()
			s.db.DropReply(k)
			a := c.Call(t, "POST", "/api/v1/auth/reset-password", map[string]string{"token": token, "password": first})
			s.db.Pass()
			struck += s.db.Faults() - faults
			b := c.Call(t, "POST", "/api/v1/auth/reset-password", map[string]string{"token": token, "password": second})
			if a.StatusCode == 204 && b.StatusCode == 204 {
				t.Errorf("I3 reply %d: the token was good twice", k)
			}
			if a.StatusCode != 204 && a.StatusCode != 503 {
				t.Errorf("reply %d: %d %s", k, a.StatusCode, a.Text)
			}
			works := map[string]int{}
			for _, pw := range []string{words, first, second} {
				works[pw] = c.Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, pw)).StatusCode
			}
			switch {
			case a.StatusCode == 204 && works[first] != 200, b.StatusCode == 204 && works[second] != 200:
				t.Errorf("reply %d: answered %d, %d, and then the logins %v", k, a.StatusCode, b.StatusCode, works)
			case (works[words] == 200) == (works[first] == 200 || works[second] == 200), works[first] == 200 && works[second] == 200:
				t.Errorf("I2 reply %d: not exactly one password is good: %v, after %d and %d", k, works, a.StatusCode, b.StatusCode)
			}
			last := c.Call(t, "POST", "/api/v1/auth/reset-password", map[string]string{"token": token, "password": "third " + other})
			if b.StatusCode == 204 && last.StatusCode < 400 {
				t.Errorf("I3 reply %d: the token outlives its use", k)
			}
		}
		if struck < 4 {
			t.Errorf("only %d replies were lost", struck)
		}
	})
	for _, code := range []string{"code", "recovery_code"} {
		corpus.Case(t, "F03", "the k-th reply of PostgreSQL is lost while a "+code+" is spent", "it is good once at most", func(t *testing.T) {
			struck := int64(0)
			for k := 1; k <= replies(); k++ {
				s.Redis.FlushAll()
				email := code + strconv.Itoa(k) + "@example.com"
				secret, codes := s.enrol(t, srv.Member(t, email, words))
				answer := map[string]string{code: codes[0]}
				if code == "code" {
					answer[code] = running.Code(t, secret, 0)
				}
				waiting := func() *running.Client {
					c := srv.Client()
					c.Want(t, c.Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, words)), 401, "MFA_REQUIRED")
					return c
				}
				one, two := waiting(), waiting()
				faults := s.db.Faults()
				s.db.DropReply(k)
				a := one.Call(t, "POST", "/api/v1/auth/mfa/challenge", answer)
				s.db.Pass()
				struck += s.db.Faults() - faults
				b := two.Call(t, "POST", "/api/v1/auth/mfa/challenge", answer)
				if a.StatusCode == 200 && b.StatusCode == 200 {
					t.Errorf("I3 reply %d: the code was good twice", k)
				}
				if a.StatusCode != 200 && a.StatusCode != 503 {
					t.Errorf("reply %d: %d %s", k, a.StatusCode, a.Text)
				}
				for name, c := range map[string]*running.Client{"the first": one, "the second": two} {
					in := a.StatusCode == 200
					if c == two {
						in = b.StatusCode == 200
					}
					if p := c.Call(t, "GET", "/api/v1/profile", nil); !in && p.StatusCode == 200 {
						t.Errorf("I1 reply %d: %s browser is signed in without an answer", k, name)
					}
				}
			}
			if struck < 4 {
				t.Errorf("only %d replies were lost", struck)
			}
		})
	}
}

// enrol sets up an authenticator app, whose secrets must stay out of the log.
func (s *stage) enrol(t *testing.T, c *running.Client) (secret string, recovery []string) {
	t.Helper()
	secret, recovery = c.Enrol(t)
	s.canary.Watch("secret", secret)
	for _, code := range recovery {
		s.canary.Watch("a recovery code", code)
	}
	return secret, recovery
}
