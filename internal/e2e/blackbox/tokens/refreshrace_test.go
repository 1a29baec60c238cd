package tokens_test

import (
	"fmt"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// It runs alone: it has to end within the grace.
func TestThousandRefreshes(t *testing.T) {
	b := running.On(t, "PostgreSQL", redistest.Start(t))
	one, two := open(t, b, running.Options{}), open(t, b, running.Options{})
	one.user(t, alice)

	corpus.Case(t, "R03", "1,000 refreshes of one token, 64 at once, over two processes on PostgreSQL and Redis", "200 for all, one successor, one head that is good (RFT-04)", func(t *testing.T) {
		first, _ := one.family(t, alice)
		crowd, all := begin(t, first, 1000, 64, one, two)
		all.Wait()
		if len(crowd.failed) > 0 || crowd.statuses[200] != 1000 || len(crowd.successors) != 1 {
			t.Fatalf("statuses %v, %d successors, errors %v", crowd.statuses, len(crowd.successors), crowd.failed)
		}
		second := crowd.all()[0]
		third, _ := one.successor(t, second)
		two.refuses(t, first) // the one head is that of third, and this ends it
		two.refuses(t, third)
	})
}

func TestRefreshRaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		s.user(t, alice)
		other := open(t, s.backend, running.Options{}) // another process

		corpus.Case(t, "R06", "20 rounds of 12 refreshes over two processes while the family is signed out; 1,000 rounds are in the tests of the package", "after the 204 no token of the family is ever good", func(t *testing.T) {
			for range 20 {
				first, _ := s.family(t, alice)
				crowd, all := begin(t, first, 12, 4, s, other)
				a := s.stranger().Send(t, "POST", revoke, cookies("refresh="+first), nil)
				if a.StatusCode != 204 {
					t.Fatalf("%d %s", a.StatusCode, a.Text)
				}
				other.refuses(t, first) // at once
				all.Wait()
				other.refuses(t, append(crowd.all(), first)...)
				crowd.clean(t)
			}
		})

		corpus.Case(t, "R07", "8 rounds of refreshes over two processes while the user changes the password, and while the user is disabled", "after the 204 no token from before is ever good", func(t *testing.T) {
			browser, _ := s.session(t, alice)
			current := password
			signIn := func() string {
				c := s.stranger()
				return c.Want(t, c.Call(t, "POST", signIn, running.Credentials(alice, current)), 200).Cookie("refresh").Value
			}
			for i := range 8 {
				first := signIn()
				next := fmt.Sprintf("%s %d", password, i)
				crowd, all := begin(t, first, 12, 4, s, other)
				browser.Want(t, browser.Call(t, "POST", "/api/v1/auth/change-password", map[string]string{"current_password": current, "password": next}), 204)
				current = next
				other.refuses(t, first)
				all.Wait()
				other.refuses(t, append(crowd.all(), first)...)
				crowd.clean(t)
			}
			for range 8 {
				first := signIn()
				crowd, all := begin(t, first, 12, 4, s, other)
				s.disable(t, alice, true)
				other.refuses(t, first)
				all.Wait()
				other.refuses(t, append(crowd.all(), first)...)
				crowd.clean(t)
				s.disable(t, alice, false)
			}
		})
	})
}

// disable changes the user in the database, as the service has no page for it.
func (s *site) disable(t *testing.T, email string, disabled bool) {
	t.Helper()
	value := 0
	if disabled {
		value = 1
	}
	literal := fmt.Sprint(value)
	if s.backend.DB.Name == "PostgreSQL" {
		literal = fmt.Sprint(disabled)
	}
	s.exec(t, "UPDATE auth_users SET disabled = "+literal+" WHERE canonical = '"+email+"'")
}

// clean fails the test if anybody of the crowd saw more than a 200 or a 401.
func (c *crowd) clean(t *testing.T) {
	t.Helper()
	if n := c.statuses[200] + c.statuses[401]; len(c.failed) > 0 || len(c.successors) > 1 || len(c.statuses) > 2 || n == 0 {
		t.Errorf("statuses %v, %d successors, errors %v", c.statuses, len(c.successors), c.failed)
	}
}
