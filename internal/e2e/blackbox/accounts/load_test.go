package accounts

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// budget is what the process may have had at its peak, in MiB: the 256 of the pool of
// hashes, as much again for what the collector has not freed, and the program itself.
const budget = 2*256 + 128

func TestStorm(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})

	// Without a bound a hash takes 19 MiB, so 80 are over the budget. That those are refused
	// that would wait too long takes more than the 256 that may wait.
	n := several(500, 80)
	corpus.Case(t, "P18", fmt.Sprintf("%d logins at once, from as many addresses, of which each 25th is good, with a budget of %d MiB", n, budget),
		"every request ends, 401, 200 or 503 with Retry-After; the peak is under the budget; after it all is well (PWD-12)", func(t *testing.T) {
			clients, bodies := make([]*running.Client, n), make([]string, n)
			for i := range n {
				clients[i] = s.visitor()
				clients[i].Want(t, clients[i].Call(t, "GET", "/healthz", nil), 200) // the connection is there
				email := fmt.Sprintf("p18-%d@example.com", i)
				if i%25 == 0 {
					s.add(t, email)
				}
				bodies[i] = fmt.Sprintf(`{"email":%q,"password":%q}`, email, words)
			}
			start := time.Now()
			answers := crowd(t, n, func(i int) (*running.Answer, error) {
				return clients[i].TryCall(t, "POST", v1+"/auth/login", bodies[i])
			})
			took := time.Since(start)
			for i, a := range answers {
				switch {
				case a.StatusCode == 503:
					denied(t, a, 503, "UNAVAILABLE")
				case i%25 == 0:
					clients[i].Want(t, a, 200)
				default:
					denied(t, a, 401, "INVALID_CREDENTIALS")
				}
			}
			by, most := outcomes(answers), peak(t, s.Server)
			t.Logf("%v in %v, peak %d MiB", by, took.Round(time.Millisecond), most)
			if n > 256 && by[503] == 0 || by[401] == 0 {
				t.Errorf("%v: want some of 401, and of 503, as 256 may wait", by)
			}
			if most > budget {
				t.Errorf("the peak was %d MiB, the budget is %d", most, budget)
			}
			if took > patience {
				t.Errorf("it took %v", took)
			}
			s.login(t, alice, words)
		})
	corpus.Case(t, "X-P5", "50 clients send a login and hang up before the answer", "the server goes on, and a login after them is 200", func(t *testing.T) {
		for i := range 50 {
			c := s.visitor()
			c.HTTP.Timeout = time.Millisecond
			_, _ = c.Try(t, "POST", v1+"/auth/login", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(fmt.Sprintf(`{"email":"hang-%d@example.com","password":%q}`, i, words)))
		}
		s.login(t, alice, words)
	})
}
