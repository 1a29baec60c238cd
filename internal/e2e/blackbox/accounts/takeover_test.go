package accounts

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// Ways into an account by way of its address, its end and its links.
func TestTakeovers(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})

	corpus.Case(t, "X-R5", "delete an account with a link, a session and a token alive, and register its address again", "all of before is void, and opens nothing of the new account", func(t *testing.T) {
		const email = "xr5@example.com"
		held := s.credentials(t, email)
		link := s.reset(t, email, 1)
		c := s.login(t, email, words)
		if a := c.Post(t, "/account/delete", url.Values{"password": {words}}); a.StatusCode != 303 {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
		held.ended(t)
		denied(t, setNew(t, s.visitor(), link, words), 400, "ONE_TIME_TOKEN_INVALID")
		s.register(t, email, other)
		held.ended(t)
		denied(t, setNew(t, s.visitor(), link, words), 400, "ONE_TIME_TOKEN_INVALID")
		denied(t, try(t, s.visitor(), email, words), 401, "INVALID_CREDENTIALS")
		s.login(t, email, other)
	})
	corpus.Case(t, "X-R6", "move an account to the address of another one, and to one that is being registered", "the other keeps its address and password", func(t *testing.T) {
		c := s.member(t, "xr6@example.com")
		s.add(t, "xr6-victim@example.com")
		move := func(to string) {
			t.Helper()
			if a := c.Post(t, "/account/email", url.Values{"email": {to}, "password": {words}}); a.StatusCode != 303 {
				t.Fatalf("%d %s", a.StatusCode, a.Text)
			}
		}
		move("xr6-victim@example.com")
		move("xr6-new@example.com")
		link := s.mail(t, "xr6-new@example.com", "email-change", 1)[0].Token
		s.register(t, "xr6-new@example.com", other)
		denied(t, s.visitor().Call(t, "POST", v1+"/auth/verify-email", object{"token": link}), 400, "ONE_TIME_TOKEN_INVALID")
		if list := s.sent(t, "xr6-victim@example.com", "email-change"); len(list) != 0 {
			t.Error("the victim got a link that gives the address away")
		}
		s.login(t, "xr6-victim@example.com", words)
		s.login(t, "xr6-new@example.com", other)
		s.login(t, "xr6@example.com", words)
	})
	corpus.Case(t, "X-P8", "return_to of another site at the login, by JSON and by form", "it is not followed", func(t *testing.T) {
		for _, to := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/%2f/evil.example", "/\t/evil.example", "javascript:alert(1)", "/..//evil.example", "/./\\evil", " //evil.example", "/a\r\nSet-Cookie: x=y"} {
			c := s.visitor()
			a := c.Want(t, c.Call(t, "POST", v1+"/auth/login", object{"email": alice, "password": words, "return_to": to}), 200)
			if a.JSON("return_to") != nil && a.String("return_to") == to && to != "/%2f/evil.example" {
				t.Errorf("%q: %s", to, a.Text)
			}
			a = c.Post(t, "/login", url.Values{"email": {alice}, "password": {words}, "return_to": {to}})
			where, err := url.Parse(a.Header.Get("Location"))
			if a.StatusCode != 303 || err != nil || where.Host != "" || where.Scheme != "" || a.Header.Get("Location")[0] != '/' || a.Cookie("x") != nil {
				t.Errorf("%q leads to %q", to, a.Header.Get("Location"))
			}
		}
	})
	corpus.Case(t, "XCT-09", "a good session beside a bad token, a bad key, a bad scheme", "401 for a credential that is bad: the first present decides", func(t *testing.T) {
		c := s.login(t, alice, words)
		for _, h := range [][2]string{{"Authorization", "Bearer nonsense"}, {"Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."}, {"X-API-Key", "sk_live_nonsense"}, {"X-API-Key", "x"}} {
			a := c.With(h[0], h[1]).Call(t, "GET", v1+"/profile", nil)
			noCredential(t, a)
			if a.StatusCode != 401 {
				t.Errorf("%v: %d %s", h, a.StatusCode, a.Text)
			}
		}
		c.Want(t, c.Call(t, "GET", v1+"/profile", nil), 200)
	})
	corpus.Case(t, "X-P9", "a user is disabled, or loses a role, while sessions and tokens are alive", "401, or the new rights, at the next request; the refresh is refused", func(t *testing.T) {
		const email = "xp9@example.com"
		held := s.credentials(t, email)
		s.exec(t, `UPDATE auth_users SET roles = '["admin"]' WHERE email = ?`, email)
		c := held.sessions[0]
		c.Want(t, c.Call(t, "GET", v1+"/admin/users", nil), 200)
		s.exec(t, `UPDATE auth_users SET roles = '["customer"]' WHERE email = ?`, email)
		denied(t, c.Call(t, "GET", v1+"/admin/users", nil), 403, "FORBIDDEN")
		s.exec(t, "UPDATE auth_users SET disabled = 1 WHERE email = ?", email)
		held.ended(t)
		denied(t, try(t, s.visitor(), email, words), 401, "INVALID_CREDENTIALS")
	})
}

// Two people who confirm one address at the same moment, on each kind of backend.
func TestAddressRaces(t *testing.T) {
	running.Each(t, func(t *testing.T, b *running.Backend) {
		s := pair(t, b)
		corpus.Case(t, "X-R7", "ten links for one address, of five moves and five registrations, at once at two processes, "+b.Name, "one account has the address, and one password opens it", func(t *testing.T) {
			const to = "xr7@example.com"
			for i := range 5 {
				email := fmt.Sprintf("xr7-%d@example.com", i)
				c := s.member(t, email)
				if a := s.turn(c, i).Post(t, "/account/email", url.Values{"email": {to}, "password": {words}}); a.StatusCode != 303 {
					t.Fatalf("%d %s", a.StatusCode, a.Text)
				}
				v := s.visitor()
				empty(t, s.turn(v, i).Call(t, "POST", v1+"/auth/register", running.Credentials(to, fmt.Sprintf("registered horse battery %d", i))), 202)
			}
			var links []string
			for _, kind := range []string{"email-change", "verify"} {
				for _, m := range s.mail(t, to, kind, 5) {
					links = append(links, m.Token)
				}
			}
			answers := crowd(t, len(links), func(i int) (*running.Answer, error) {
				return s.turn(s.visitor(), i).TryCall(t, "POST", v1+"/auth/verify-email", fmt.Sprintf(`{"token":%q}`, links[i]))
			})
			if by := outcomes(answers); by[204] != 1 || by[204]+by[400]+by[503] != len(answers) {
				t.Errorf("%v: want one 204", by)
			}
			if n := s.count(t, "SELECT count(*) FROM auth_users WHERE canonical = ?", to); n != 1 {
				t.Errorf("%d accounts at the address", n)
			}
			opened := 0
			// Five wrong ones lock the account, if it was a move that has won.
			for _, pw := range []string{"registered horse battery 0", "registered horse battery 1", "registered horse battery 2", "registered horse battery 3", "registered horse battery 4"} {
				if a := try(t, s.visitor(), to, pw); a.StatusCode == 200 {
					opened++
				}
			}
			if a := try(t, s.visitor(), to, words); opened == 0 && a.StatusCode != 429 || opened > 0 && a.StatusCode != 401 || opened > 1 {
				t.Errorf("%d passwords of registrations open the account, and that of the moves is answered by %d", opened, a.StatusCode)
			}
		})
	})
}
