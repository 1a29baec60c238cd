package accounts

import (
	"fmt"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// What may happen once, at once, at two processes of each kind of backend.
func TestRaces(t *testing.T) {
	running.Each(t, func(t *testing.T, b *running.Backend) {
		s := pair(t, b)

		n := several(100, 16) // each costs a hash
		if b.Redis != nil {
			n = several(40, 16)
		}
		corpus.Case(t, "P12", fmt.Sprintf("one reset token %d times at once at two processes, each with another password, %s", n, b.Name), "one success, and that password works (RST-03)", func(t *testing.T) {
			const email = "p12@example.com"
			before := s.credentials(t, email)
			link := s.reset(t, email, 1)
			clients := make([]*running.Client, n)
			for i := range clients {
				clients[i] = s.visitor()
			}
			answers := crowd(t, len(clients), func(i int) (*running.Answer, error) {
				return s.turn(clients[i], i).TryCall(t, "POST", v1+"/auth/reset-password", fmt.Sprintf(`{"token":%q,"password":"reset horse battery %d"}`, link, i))
			})
			won := -1
			for i, a := range answers {
				noCredential(t, a)
				switch {
				case a.StatusCode == 204 && won >= 0:
					t.Errorf("two requests have used the token: %d and %d", won, i)
				case a.StatusCode == 204:
					won = i
				case a.StatusCode != 400 && a.StatusCode != 503:
					t.Errorf("%d %s", a.StatusCode, a.Text)
				}
			}
			if won < 0 {
				t.Fatalf("nobody has used the token: %v", outcomes(answers))
			}
			before.ended(t)
			s.login(t, email, fmt.Sprintf("reset horse battery %d", won))
		})
		corpus.Case(t, "X-R4", "one verify-email token 50 times at once at two processes, "+b.Name, "one account", func(t *testing.T) {
			const email = "xr4@example.com"
			empty(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials(email, words)), 202)
			token := s.mail(t, email, "verify", 1)[0].Token
			c := s.visitor()
			answers := crowd(t, 50, func(i int) (*running.Answer, error) {
				return s.turn(c, i).TryCall(t, "POST", v1+"/auth/verify-email", fmt.Sprintf(`{"token":%q}`, token))
			})
			n := outcomes(answers)
			if n[204] < 1 || n[204]+n[400]+n[503] != len(answers) {
				t.Errorf("%v", n)
			}
			if n := s.count(t, "SELECT count(*) FROM auth_users WHERE canonical = ?", email); n != 1 {
				t.Errorf("%d accounts", n)
			}
			s.login(t, email, words)
		})
	})
}
