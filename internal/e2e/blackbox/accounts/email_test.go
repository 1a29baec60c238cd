package accounts

import (
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// notAddresses are what looks like mike@example.com to somebody, or breaks a mail.
var notAddresses = map[string]string{
	"dotless i":             "m\u0131ke@example.com",
	"Kelvin sign":           "mi\u212ae@example.com",
	"Cyrillic":              "m\u0456ke@example.com",
	"full-width @":          "mike@example.com\uff20evil.example",
	"full-width @ only":     "mike\uff20example.com",
	"small @":               "mike\ufe6bexample.com",
	"two @":                 "mike@example.com@evil.example",
	"quoted @":              "\"mike@example.com\"@evil.example",
	"quoted":                "\"mike\"@example.com",
	"trailing dot":          "mike@example.com.",
	"leading dot":           ".mike@example.com",
	"two dots":              "mi..ke@example.com",
	"NUL":                   "mike@example.com\x00.evil.example",
	"CRLF and a header":     "mike@example.com\r\nBcc: evil@example.com",
	"CR":                    "mike@example.com\rBcc: evil@example.com",
	"LF":                    "mike@example.com\nBcc: evil@example.com",
	"next line":             "mike@example.com\u0085Bcc: evil@example.com",
	"two addresses":         "mike@example.com,evil@example.com",
	"two, by a semicolon":   "mike@example.com;evil@example.com",
	"two, by a space":       "mike@example.com evil@example.com",
	"a name":                "Mike <mike@example.com>",
	"angles":                "<mike@example.com>",
	"a comment":             "mike(evil)@example.com",
	"a source route":        "@evil.example:mike@example.com",
	"percent":               "mike%40example.com",
	"an address of a host":  "mike@[127.0.0.1]",
	"an address as a name":  "mike@127.0.0.1",
	"a space before":        " mike@example.com",
	"a space behind":        "mike@example.com ",
	"zero width":            "mike\u200b@example.com",
	"soft hyphen":           "mi\u00adke@example.com",
	"right to left":         "\u202emoc.elpmaxe@ekim",
	"ideographic full stop": "mike@example\u3002com",
	"empty":                 "",
	"no name":               "@example.com",
	"no domain":             "mike@",
	"10 KB":                 strings.Repeat("m", 10<<10) + "@example.com",
	"255 bytes":             "m@" + strings.Repeat("a.", 122) + "example.com",
}

func TestEmailAddresses(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	s.add(t, "mike@example.com")

	corpus.Case(t, "P16", "dotless i, full-width @, two @, quotes, NUL, CRLF and a header, comments, 10 KB and more, at every form that takes an address",
		"register 4xx, login 401, forgot 202, and no mail to anybody", func(t *testing.T) {
			for name, email := range notAddresses {
				c := s.visitor()
				nul := strings.Contains(email, "\x00")
				want := func(a *running.Answer, status int, code string) {
					t.Helper()
					if nul {
						status, code = 400, "BODY_INVALID"
					}
					if a.StatusCode != status || a.Code() != code {
						t.Errorf("%s: %s: %d %s", name, a.Request.URL.Path, a.StatusCode, a.Text)
					}
					noCredential(t, a)
				}
				a := c.Call(t, "POST", v1+"/auth/register", running.Credentials(email, other))
				want(a, 422, "EMAIL_INVALID")
				if len(email) > least && strings.Contains(a.Text, email) {
					t.Errorf("%s: the problem repeats the address", name)
				}
				want(c.Call(t, "POST", v1+"/auth/forgot-password", object{"email": email}), 202, "")
				want(try(t, c, email, words), 401, "INVALID_CREDENTIALS")
			}
			s.reset(t, alice, 1) // a mail that does come, after them
			for _, m := range s.mailbox(t) {
				if m.To != alice {
					t.Errorf("mail of kind %s to %q", m.Kind, m.To)
				}
			}
		})
	corpus.Case(t, "P16", "an address that is one, but reads like another: tags, dots, punycode, another domain", "an account of its own", func(t *testing.T) {
		before := s.count(t, "SELECT count(*) FROM auth_users")
		near := []string{"mike+evil@example.com", "m.ike@example.com", "mike@xn--xample-9uf.com", "mike@example.com.evil.example", "mike'--@example.com", "mike{{}}$&id@example.com", "%s%n@example.com"}
		for _, email := range near {
			s.register(t, email, other)
			denied(t, try(t, s.visitor(), email, words), 401, "INVALID_CREDENTIALS") // the password of Mike
			s.login(t, email, other)
		}
		s.login(t, "mike@example.com", words)
		if n := s.count(t, "SELECT count(*) FROM auth_users"); n != before+len(near) {
			t.Errorf("%d accounts more, want %d", n-before, len(near))
		}
	})
	corpus.Case(t, "RST-12", "forgot-password for MIKE@EXAMPLE.COM", "mail to the address that is stored, as it is stored", func(t *testing.T) {
		s.exec(t, "UPDATE auth_users SET email = 'Mike@Example.com' WHERE canonical = 'mike@example.com'")
		empty(t, s.visitor().Call(t, "POST", v1+"/auth/forgot-password", object{"email": "MIKE@EXAMPLE.COM"}), 202)
		s.mail(t, "Mike@Example.com", "reset", 1)
		if list := s.sent(t, "MIKE@EXAMPLE.COM", "reset"); len(list) != 0 {
			t.Error("mail went to the address as it was typed")
		}
	})
	corpus.Case(t, "X-R1", "a stranger registers the address first, its owner after them, and uses the own link and then, by mistake, the stranger's",
		"the account is the owner's, and the stranger's link is 400", func(t *testing.T) {
			const email, theirs = "xr1@example.com", "password of a stranger"
			empty(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials(email, theirs)), 202)
			first := s.mail(t, email, "verify", 1)[0].Token
			empty(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials(email, words)), 202)
			second := s.mail(t, email, "verify", 2)[0].Token
			confirm := func(token string) *running.Answer {
				return s.visitor().Call(t, "POST", v1+"/auth/verify-email", object{"token": token})
			}
			empty(t, confirm(second), 204)
			denied(t, confirm(first), 400, "ONE_TIME_TOKEN_INVALID")
			denied(t, try(t, s.visitor(), email, theirs), 401, "INVALID_CREDENTIALS")
			s.login(t, email, words)
		})
	corpus.Case(t, "X-R2", "use the link of one's registration again, after the password was changed", "400, and the old password is not back", func(t *testing.T) {
		const email = "xr2@example.com"
		s.register(t, email, words)
		link := s.mail(t, email, "verify", 1)[0].Token
		c := s.login(t, email, words)
		empty(t, c.Call(t, "POST", v1+"/auth/change-password", object{"current_password": words, "password": other}), 204)
		denied(t, s.visitor().Call(t, "POST", v1+"/auth/verify-email", object{"token": link}), 400, "ONE_TIME_TOKEN_INVALID")
		denied(t, try(t, s.visitor(), email, words), 401, "INVALID_CREDENTIALS")
	})
}
