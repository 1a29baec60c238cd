package accounts

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestPasswords(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	set := func(t *testing.T, email, pw string) {
		t.Helper()
		s.register(t, email, pw)
		s.login(t, email, pw)
	}
	wrong := func(t *testing.T, email, pw string) {
		t.Helper()
		denied(t, try(t, s.visitor(), email, pw), 401, "INVALID_CREDENTIALS")
	}

	corpus.Case(t, "P01", "a tail of one's own behind the first 72 bytes of a password", "401", func(t *testing.T) {
		first := strings.Repeat("six words", 8)
		set(t, "p01@example.com", first+" and the tail")
		wrong(t, "p01@example.com", first)
		wrong(t, "p01@example.com", first+" and a tail")
		// Of the 72 bytes alone, by bcrypt, which this server has never written.
		s.add(t, "bcrypt@example.com")
		s.exec(t, "UPDATE auth_users SET hash = ? WHERE email = ?", "$2a$10$n2htUsdI0ZZbXnaz1F8ts.u/Ebz30dqthNh77CzwBZwV3gFimej5u", "bcrypt@example.com")
		wrong(t, "bcrypt@example.com", first)
		wrong(t, "bcrypt@example.com", first+" and a tail")
	})

	corpus.Case(t, "P02", "passwords of a megabyte and of 2,000 bytes", "4xx, not compared and so not counted", func(t *testing.T) {
		s.add(t, "p02@example.com")
		c := s.visitor()
		for range 25 { // more than an address or an account has attempts
			denied(t, try(t, c, "p02@example.com", strings.Repeat("x", 1<<20)), 413, "BODY_TOO_LARGE")
			denied(t, try(t, c, "p02@example.com", strings.Repeat("x", 2000)), 401, "INVALID_CREDENTIALS")
		}
		c.Want(t, try(t, c, "p02@example.com", words), 200)
		denied(t, c.Call(t, "POST", v1+"/auth/register", running.Credentials("p02-b@example.com", strings.Repeat("x", 1<<20))), 413, "BODY_TOO_LARGE")
		a := denied(t, c.Call(t, "POST", v1+"/auth/register", running.Credentials("p02-b@example.com", strings.Repeat("x", 1025))), 422, "PASSWORD_REJECTED")
		if !strings.Contains(a.Text, "TOO_LONG") {
			t.Error(a.Text)
		}
	})
	corpus.Case(t, "P02", "a password with NUL, or not of UTF-8, at registration and login", "4xx", func(t *testing.T) {
		c := s.visitor()
		for _, path := range []string{"/auth/register", "/auth/login"} {
			for _, tail := range []string{"\x00", "\x00tail"} {
				denied(t, c.Call(t, "POST", v1+path, running.Credentials(alice, words+tail)), 400, "BODY_INVALID")
			}
			a, err := c.TryCall(t, "POST", v1+path, "{\"email\":\"nul@example.com\",\"password\":\"long enough \xff\xfe\"}")
			if err != nil {
				t.Fatal(err)
			}
			denied(t, a, 400, "BODY_INVALID")
		}
		a := c.Send(t, "POST", v1+"/auth/register", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
			strings.NewReader("email=nul%40example.com&password=long+enough+%ff%fe"))
		if a.StatusCode != 400 && a.StatusCode != 422 {
			t.Errorf("a form that is not UTF-8: %d %s", a.StatusCode, a.Text)
		}
		if n := s.count(t, "SELECT count(*) FROM auth_user_tokens"); n != 0 || len(s.sent(t, "nul@example.com", "verify")) != 0 {
			t.Errorf("%d registrations wait", n)
		}
	})
	corpus.Case(t, "P02", "spaces alone, around and within", "each counts, as it was sent", func(t *testing.T) {
		spaces := strings.Repeat(" ", 15)
		a := s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials("spaces@example.com", spaces))
		if a.StatusCode == 202 { // a weak one, which the policy may well refuse
			token := s.mail(t, "spaces@example.com", "verify", 1)[0].Token
			empty(t, s.visitor().Call(t, "POST", v1+"/auth/verify-email", object{"token": token}), 204)
			s.login(t, "spaces@example.com", spaces)
			wrong(t, "spaces@example.com", spaces+" ")
			wrong(t, "spaces@example.com", spaces[1:])
		} else {
			denied(t, a, 422, "PASSWORD_REJECTED")
		}
		wrong(t, "spaces@example.com", "")
		set(t, "space@example.com", " a  space counts ")
		for _, pw := range []string{"a  space counts", " a  space counts", "a  space counts ", " a space counts ", " a  space  counts "} {
			if pw == " a  space  counts " {
				continue // the fifth would find the account locked
			}
			wrong(t, "space@example.com", pw)
		}
	})
	corpus.Case(t, "P03", "é composed at registration and decomposed at login", "401: the password counts as it was sent (PWD-09, NFKC is off)", func(t *testing.T) {
		set(t, "p03@example.com", "caf\u00e9 au lait le matin")
		wrong(t, "p03@example.com", "cafe\u0301 au lait le matin")
		wrong(t, "p03@example.com", "cafe au lait le matin")
		wrong(t, "p03@example.com", "CAF\u00c9 au lait le matin")
	})
	corpus.Case(t, "PWD-05", "a password of 64 letters of four bytes", "it works, and no shorter one of them", func(t *testing.T) {
		long := strings.Repeat("🐎🔋📎🎼", 16)
		set(t, "long@example.com", long)
		wrong(t, "long@example.com", long[:len(long)-4])
	})
	corpus.Case(t, "PWD-06", "a password of eleven letters, the address, the name of the service, a common one", "422 with the reason", func(t *testing.T) {
		for pw, reason := range map[string]string{
			"elevenchars": "TOO_SHORT", "passwordpassword": "COMMON", "weakling@example.com": "CONTEXT", "sallyportreference": "CONTEXT", "🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎": "TOO_SHORT",
		} {
			a := denied(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials("weakling@example.com", pw)), 422, "PASSWORD_REJECTED")
			if !strings.Contains(a.Text, reason) || strings.Contains(a.Text, pw) {
				t.Errorf("%q: %s", pw, a.Text)
			}
		}
	})
	corpus.Case(t, "X-P1", "the password in the address of the request, as a form's query", "it is not read there: 401 or 400", func(t *testing.T) {
		q := url.Values{"email": {alice}, "password": {words}}.Encode()
		form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
		for _, body := range []string{"", "email=" + url.QueryEscape(alice)} {
			a := s.visitor().Send(t, "POST", v1+"/auth/login?"+q, form, strings.NewReader(body))
			noCredential(t, a)
			if a.StatusCode != 401 && a.StatusCode != 400 {
				t.Errorf("%d %s", a.StatusCode, a.Text)
			}
		}
	})
}
