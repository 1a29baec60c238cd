package accounts

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// lock uses up the attempts at an account, each from another address.
func (s *site) lock(t testing.TB, email string) {
	t.Helper()
	for range attempts {
		denied(t, try(t, s.visitor(), email, other), 401, "INVALID_CREDENTIALS")
	}
	denied(t, try(t, s.visitor(), email, words), 429, "TOO_MANY_REQUESTS")
}

func TestGuessing(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})

	wrong := several(1000, 300)
	corpus.Case(t, "P06", fmt.Sprintf("%d wrong passwords at once for one account, from %d addresses", wrong, wrong/10), "at most 5 are compared, the rest 429", func(t *testing.T) {
		s.add(t, "p06@example.com")
		guess(t, s, "p06@example.com", wrong)
	})
	corpus.Case(t, "P07", "four guesses, a login of one's own from the same address, again", "the victim's count stays, and so does that of the address", func(t *testing.T) {
		s.add(t, "mallory@example.com")
		c := s.visitor()
		guesses := 0
		for victim := 0; ; victim++ {
			email := fmt.Sprintf("p07-%d@example.com", victim)
			s.add(t, email)
			for range attempts - 1 {
				a := try(t, c, email, other)
				if a.StatusCode == 429 {
					denied(t, a, 429, "TOO_MANY_REQUESTS")
					break
				}
				denied(t, a, 401, "INVALID_CREDENTIALS")
				guesses++
			}
			if a := try(t, c, "mallory@example.com", words); a.StatusCode == 429 {
				break
			} else {
				c.Want(t, a, 200)
			}
			// One more is the fifth, wherever it comes from.
			if victim == 0 {
				denied(t, try(t, s.visitor(), email, other), 401, "INVALID_CREDENTIALS")
				denied(t, try(t, s.visitor(), email, words), 429, "TOO_MANY_REQUESTS")
			}
			if guesses > 25 {
				t.Fatal("the address has guessed 25 times and is not locked")
			}
		}
		if guesses != 20 {
			t.Errorf("%d guesses, want the 20 of an address", guesses)
		}
	})
	corpus.Case(t, "P08", "one account by its address in several cases, with spaces, full-width, with a tag and dots", "cases are one count; all else is nobody's, whatever the password", func(t *testing.T) {
		s.add(t, "p08@example.com")
		for i, email := range []string{"p08@example.com", "P08@example.com", "p08@EXAMPLE.com", "P08@Example.Com", "p08@example.coM"} {
			denied(t, try(t, s.visitor(), email, other+strconv.Itoa(i)), 401, "INVALID_CREDENTIALS")
		}
		for _, email := range []string{"p08@example.com", "P08@EXAMPLE.COM"} {
			denied(t, try(t, s.visitor(), email, words), 429, "TOO_MANY_REQUESTS")
		}
		s.add(t, "p08b@example.com")
		for _, email := range []string{" p08b@example.com", "p08b@example.com ", "p08b@example.com\t", "ｐ08b@example.com", "p08b@example.com.", "p08b+x@example.com", "p.08b@example.com", "p08b＠example.com"} {
			denied(t, try(t, s.visitor(), email, words), 401, "INVALID_CREDENTIALS")
		}
		s.login(t, "p08b@example.com", words)
	})
	corpus.Case(t, "X-P2", "lock another spelling of an address, then try the address itself: is the lock shared if nobody has it, and not if somebody does?",
		"the same for an account and for nobody", func(t *testing.T) {
			s.add(t, "known@example.com")
			for _, spelling := range []string{" %s", "%s ", "%s.", "\u200b%s"} {
				var answers []string
				for _, email := range []string{"known@example.com", "stranger@example.com"} {
					for range attempts {
						denied(t, try(t, s.visitor(), fmt.Sprintf(spelling, email), other), 401, "INVALID_CREDENTIALS")
					}
					answers = append(answers, visible(try(t, s.visitor(), email, "")))
				}
				if answers[0] != answers[1] {
					t.Errorf("after %q: %s\n%s", spelling, answers[0], answers[1])
				}
			}
		})
	corpus.Case(t, "P10", "an attacker locks the account of somebody with 100 requests", "the owner gets in from a device that is known, and after a reset from any", func(t *testing.T) {
		owner := s.member(t, "p10@example.com")
		s.lock(t, "p10@example.com")
		for range 95 {
			denied(t, try(t, s.visitor(), "p10@example.com", other), 429, "TOO_MANY_REQUESTS")
		}
		owner.Want(t, try(t, owner, "p10@example.com", words), 200)
		// That has not opened it for others.
		denied(t, try(t, s.visitor(), "p10@example.com", words), 429, "TOO_MANY_REQUESTS")
		// A known device is no way to guess on: it has as many attempts.
		s.add(t, "p10b@example.com")
		thief := s.visitor()
		thief.HTTP.Jar = owner.HTTP.Jar // the cookies of somebody else's device
		s.lock(t, "p10b@example.com")
		denied(t, try(t, thief, "p10b@example.com", words), 429, "TOO_MANY_REQUESTS")
		for range attempts {
			denied(t, try(t, owner, "p10@example.com", other), 401, "INVALID_CREDENTIALS")
		}
		denied(t, try(t, owner, "p10@example.com", words), 429, "TOO_MANY_REQUESTS")

		token := s.reset(t, "p10@example.com", 1)
		empty(t, s.visitor().Call(t, "POST", v1+"/auth/reset-password", object{"token": token, "password": other}), 204)
		s.login(t, "p10@example.com", other)
	})
	corpus.Case(t, "RLT-08", "ten more attempts at a locked account", "Retry-After does not grow, so they are not counted", func(t *testing.T) {
		s.add(t, "rlt08@example.com")
		s.lock(t, "rlt08@example.com")
		last := 15 * 60
		for range 10 {
			a := denied(t, try(t, s.visitor(), "rlt08@example.com", other), 429, "TOO_MANY_REQUESTS")
			n, err := strconv.Atoi(a.Header.Get("Retry-After"))
			if err != nil || n > last {
				t.Errorf("Retry-After %q after %d", a.Header.Get("Retry-After"), last)
			}
			last = n
		}
	})
	corpus.Case(t, "X-P3", "guess the current password with a stolen session, then at the login", "one count: 5 in all, and the session guesses no further", func(t *testing.T) {
		thief := s.member(t, "xp3@example.com")
		change := func() *running.Answer {
			return thief.Call(t, "POST", v1+"/auth/change-password", object{"current_password": other, "password": "a password of the thief"})
		}
		// The browser of the thief is a known one, as it signed in; a copied session is not.
		jar := thief.HTTP.Jar
		copied := s.visitor()
		for _, c := range jar.Cookies(mustURL(t, s.URL)) {
			if c.Name == "session" {
				copied.Header.Set("Cookie", "session="+c.Value)
			}
		}
		thief = copied
		for i := range attempts {
			if i%2 == 0 {
				denied(t, change(), 401, "INVALID_CREDENTIALS")
			} else {
				denied(t, try(t, s.visitor(), "xp3@example.com", other), 401, "INVALID_CREDENTIALS")
			}
		}
		denied(t, change(), 429, "TOO_MANY_REQUESTS")
		denied(t, try(t, s.visitor(), "xp3@example.com", words), 429, "TOO_MANY_REQUESTS")
	})
}

// guess sends wrong passwords at once, from a tenth as many addresses, to both
// processes if there are two, and wants five of them to be compared.
func guess(t *testing.T, s *site, email string, n int) {
	t.Helper()
	clients := make([]*running.Client, n/10)
	for i := range clients {
		clients[i] = s.visitor()
	}
	answers := crowd(t, n, func(i int) (*running.Answer, error) {
		return s.turn(clients[i%len(clients)], i).TryCall(t, "POST", v1+"/auth/login", `{"email":"`+email+`","password":"wrong horse battery `+strconv.Itoa(i)+`"}`)
	})
	for _, a := range answers {
		noCredential(t, a)
	}
	// 503: so many at once have had no connection to the database in time.
	if n := outcomes(answers); n[401] != attempts || n[401]+n[429]+n[503] != len(answers) || n[503] > len(answers)/2 {
		t.Errorf("%v, want 5 of 401 and the rest 429", n)
	}
	denied(t, try(t, s.visitor(), email, words), 429, "TOO_MANY_REQUESTS")
	log := s.Log()
	if s.two != nil {
		log += s.two.Log()
	}
	if !strings.Contains(log, "throttle.locked") {
		t.Error("XCT-04: the log does not tell of the lock")
	}
}

func TestGuessingAtTwoProcesses(t *testing.T) {
	running.Each(t, func(t *testing.T, b *running.Backend) {
		if b.Redis == nil {
			return // limits are in the memory of one process
		}
		s := pair(t, b)
		corpus.Case(t, "RLT-01", "200 wrong passwords at once at two processes, "+b.Name, "5 are compared in all", func(t *testing.T) {
			s.add(t, "rlt01@example.com")
			guess(t, s, "rlt01@example.com", 200)
		})
		corpus.Case(t, "RLT-01", "21 wrong passwords for as many accounts from one address, in turn at two processes, "+b.Name, "the 21st is 429", func(t *testing.T) {
			c := s.visitor()
			for i := range 20 {
				denied(t, try(t, s.turn(c, i), fmt.Sprintf("spray-%d@example.com", i), words), 401, "INVALID_CREDENTIALS")
			}
			for i := range 2 {
				denied(t, try(t, s.turn(c, i), "spray@example.com", words), 429, "TOO_MANY_REQUESTS")
			}
		})
	})
}
