package accounts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// setNew uses a link.
func setNew(t testing.TB, c *running.Client, token, pw string) *running.Answer {
	t.Helper()
	return c.Call(t, "POST", v1+"/auth/reset-password", object{"token": token, "password": pw})
}

func TestResets(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	const invalid = "ONE_TIME_TOKEN_INVALID"

	corpus.Case(t, "P13", "ask twice and use the first link; use a link after a login, a change of password, a change of address, another reset",
		"only the newest works; a login does not void it, all else does (RST-04)", func(t *testing.T) {
			const email = "p13@example.com"
			s.add(t, email)
			first := s.reset(t, email, 1)
			second := s.reset(t, email, 2)
			denied(t, setNew(t, s.visitor(), first, other), 400, invalid)
			s.login(t, email, words)
			empty(t, setNew(t, s.visitor(), second, other), 204)
			denied(t, setNew(t, s.visitor(), second, words), 400, invalid)

			third := s.reset(t, email, 3)
			c := s.login(t, email, other)
			empty(t, c.Call(t, "POST", v1+"/auth/change-password", object{"current_password": other, "password": words}), 204)
			denied(t, setNew(t, s.visitor(), third, other), 400, invalid)

			fourth := s.reset(t, email, 4)
			if a := c.Post(t, "/account/email", map[string][]string{"email": {"p13-new@example.com"}, "password": {words}}); a.StatusCode != 303 {
				t.Fatalf("%d %s", a.StatusCode, a.Text)
			}
			empty(t, c.Call(t, "POST", v1+"/auth/verify-email", object{"token": s.mail(t, "p13-new@example.com", "email-change", 1)[0].Token}), 204)
			denied(t, setNew(t, s.visitor(), fourth, other), 400, invalid)
			s.login(t, "p13-new@example.com", words)
		})
	corpus.Case(t, "RST-04", "a link that is an hour old, and one of an account that was disabled since", "400", func(t *testing.T) {
		s.add(t, "rst04@example.com")
		link := s.reset(t, "rst04@example.com", 1)
		const hour = 60 * 60 * 1_000_000 // in the microseconds of the table
		if n := s.count(t, "SELECT count(*) FROM auth_user_tokens WHERE purpose = 'reset' AND expires_at - created_at > ?", hour); n != 0 {
			t.Errorf("%d tokens are good for more than an hour", n)
		}
		s.exec(t, "UPDATE auth_user_tokens SET created_at = created_at - ?, expires_at = expires_at - ?", hour, hour)
		denied(t, setNew(t, s.visitor(), link, other), 400, invalid)
		link = s.reset(t, "rst04@example.com", 2)
		s.exec(t, "UPDATE auth_users SET disabled = 1 WHERE email = 'rst04@example.com'")
		denied(t, setNew(t, s.visitor(), link, other), 400, invalid)
	})
	corpus.Case(t, "P14", "a link of A with the id of B; a token of verify-email at reset, and the other way; a reset token as a session, a refresh token, a bearer token, a key",
		"400 or 401", func(t *testing.T) {
			s.add(t, "p14@example.com")
			link := s.reset(t, "p14@example.com", 1)
			for _, member := range []string{"id", "user_id", "email", "subject"} {
				denied(t, s.visitor().Call(t, "POST", v1+"/auth/reset-password", object{"token": link, "password": other, member: "id-alice"}), 400, "BODY_INVALID")
			}
			denied(t, s.visitor().Call(t, "POST", v1+"/auth/verify-email", object{"token": link}), 400, invalid)
			empty(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials("p14-new@example.com", other)), 202)
			verify := s.mail(t, "p14-new@example.com", "verify", 1)[0].Token
			denied(t, setNew(t, s.visitor(), verify, other), 400, invalid)
			for _, header := range []string{"Authorization: Bearer " + link, "X-API-Key: " + link, "Cookie: session=" + link, "Cookie: mfa=" + link} {
				name, value, _ := strings.Cut(header, ": ")
				a := s.visitor().With(name, value).Call(t, "GET", v1+"/profile", nil)
				noCredential(t, a)
				if a.StatusCode != 401 {
					t.Errorf("%s: %d", name, a.StatusCode)
				}
			}
			a := s.visitor().With("Cookie", "refresh="+link).Call(t, "POST", v1+"/auth/token/refresh", nil)
			noCredential(t, a)
			if a.StatusCode != 401 {
				t.Errorf("refresh: %d %s", a.StatusCode, a.Text)
			}
			empty(t, setNew(t, s.visitor(), link, other), 204) // none of it has spent the link
		})
	corpus.Case(t, "X-R3", "variants of a good token: cut, longer, other case, a space, a newline, padding, percent, twice", "400, and the token is still good", func(t *testing.T) {
		s.add(t, "xr3@example.com")
		link := s.reset(t, "xr3@example.com", 1)
		last := byte('A')
		if link[len(link)-1] == 'A' {
			last = 'B' // in canonical base64 the last letter has bits that say nothing
		}
		for _, token := range []string{
			"", link[:len(link)-1], link + "A", strings.ToUpper(link), strings.ToLower(link), " " + link, link + " ", link + "\n", link + "=", link[:len(link)-1] + string(last), "%", "%%", "' OR 1=1 --",
			link + link, strings.Repeat("A", 43), strings.Repeat("A", 60000),
		} {
			denied(t, setNew(t, s.visitor(), token, other), 400, invalid)
		}
		denied(t, setNew(t, s.visitor(), link, "short"), 422, "PASSWORD_REJECTED")
		empty(t, setNew(t, s.visitor(), link, other), 204)
	})
	asked := several(400, 100)
	corpus.Case(t, "P15", fmt.Sprintf("forgot-password %d times for one address, from as many addresses", asked), "5 mails, and the same answer each time", func(t *testing.T) {
		s.add(t, "p15@example.com")
		first := ""
		answers := crowd(t, asked, func(int) (*running.Answer, error) {
			return s.visitor().TryCall(t, "POST", v1+"/auth/forgot-password", `{"email":"p15@example.com"}`)
		})
		for i, a := range answers {
			if v := visible(empty(t, a, 202)); i == 0 {
				first = v
			} else if v != first {
				t.Fatalf("%s\n%s", v, first)
			}
		}
		s.mail(t, "p15@example.com", "reset", 5)
		s.add(t, "p15-after@example.com")
		s.reset(t, "p15-after@example.com", 1)
		if list := s.sent(t, "p15@example.com", "reset"); len(list) != 5 {
			t.Errorf("%d mails", len(list))
		}
	})
	corpus.Case(t, "RST-06", "reset while two sessions, an access token and a refresh token of the user are alive", "204 without a cookie; all of them are 401 at the next request", func(t *testing.T) {
		const email = "rst06@example.com"
		credentials := s.credentials(t, email)
		a := empty(t, setNew(t, s.visitor(), s.reset(t, email, 1), other), 204)
		noCredential(t, a)
		credentials.ended(t)
		s.mail(t, email, "password-changed", 1)
		denied(t, try(t, s.visitor(), email, words), 401, "INVALID_CREDENTIALS")
		s.login(t, email, other)
	})
	corpus.Case(t, "PWD-16", "change the password with another session and tokens alive; without or with a wrong current one", "204, the others are 401, this session goes on", func(t *testing.T) {
		const email = "pwd16@example.com"
		credentials := s.credentials(t, email)
		c := s.login(t, email, words)
		change := func(in object) *running.Answer { return c.Call(t, "POST", v1+"/auth/change-password", in) }
		denied(t, change(object{"password": other}), 401, "INVALID_CREDENTIALS")
		denied(t, change(object{"current_password": other, "password": other}), 401, "INVALID_CREDENTIALS")
		denied(t, change(object{"current_password": words, "password": "short"}), 422, "PASSWORD_REJECTED")
		empty(t, change(object{"current_password": words, "password": other}), 204)
		credentials.ended(t)
		c.Want(t, c.Call(t, "GET", v1+"/profile", nil), 200)
		s.mail(t, email, "password-changed", 1)
	})
	changes := several(20, 8)
	corpus.Case(t, "X-P4", fmt.Sprintf("%d changes of the password at once from one session, each to another one", changes), "one success, and the password is that one", func(t *testing.T) {
		const email = "xp4@example.com"
		c := s.member(t, email)
		answers := crowd(t, changes, func(i int) (*running.Answer, error) {
			return c.TryCall(t, "POST", v1+"/auth/change-password", fmt.Sprintf(`{"current_password":%q,"password":"changed horse battery %d"}`, words, i))
		})
		var won []int
		for i, a := range answers {
			if a.StatusCode == 204 {
				won = append(won, i)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d changes were done: %v", len(won), outcomes(answers))
		}
		// On the device of the owner, as the failures have locked the account to others.
		denied(t, try(t, c, email, words), 401, "INVALID_CREDENTIALS")
		c.Want(t, try(t, c, email, fmt.Sprintf("changed horse battery %d", won[0])), 200)
	})
}
