package accounts

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// attempts is how many wrong passwords an account has before it is locked.
const attempts = 5

// kinds are accounts that a stranger must not be able to tell apart, each made by a
// change of a row, or by none at all.
var kinds = []struct{ name, change string }{
	{"with a password", "UPDATE auth_users SET roles = roles WHERE email = ?"},
	{"disabled", "UPDATE auth_users SET disabled = (1=1) WHERE email = ?"},
	{"without a password", "UPDATE auth_users SET hash = '' WHERE email = ?"},
	{"not verified", "UPDATE auth_users SET verified = (1=0) WHERE email = ?"},
	{"of another hash", "UPDATE auth_users SET hash = '$2a$10$n2htUsdI0ZZbXnaz1F8ts.u/Ebz30dqthNh77CzwBZwV3gFimej5u' WHERE email = ?"},
	{"of a damaged hash", "UPDATE auth_users SET hash = '$argon2id$v=19$m=1' WHERE email = ?"},
	{"of an administrator", `UPDATE auth_users SET roles = '["admin"]' WHERE email = ?`},
	{"unknown", ""},
}

func TestAnswers(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	// prepare returns one address of each kind.
	prepare := func(t *testing.T, prefix string) (list []string) {
		t.Helper()
		for i, kind := range kinds {
			email := fmt.Sprintf("%s-%d@example.com", prefix, i)
			if kind.change != "" {
				s.add(t, email)
				s.exec(t, kind.change, email)
			}
			list = append(list, email)
		}
		return list
	}
	// alike sends the same to an address of each kind and compares what comes.
	alike := func(t *testing.T, what string, emails []string, send func(email string) *running.Answer) {
		t.Helper()
		first := ""
		for i, email := range emails {
			a := visible(send(email))
			if i == 0 {
				first = a
			} else if a != first {
				t.Errorf("%s, %s: %s\nbut one %s: %s", what, kinds[i].name, a, kinds[0].name, first)
			}
		}
	}

	corpus.Case(t, "P05", "wrong passwords until the lock and beyond, for accounts that are known, disabled, locked, without a password, not verified, of another hash, unknown; times are compared by `make timing`",
		"the n-th answer is the same for all, byte for byte (PWD-13, PWD-14, RLT-07)", func(t *testing.T) {
			emails := prepare(t, "p05")
			for n := range attempts + 3 {
				status, code := 401, "INVALID_CREDENTIALS"
				if n >= attempts {
					status, code = 429, "TOO_MANY_REQUESTS"
				}
				alike(t, fmt.Sprintf("attempt %d", n+1), emails, func(email string) *running.Answer {
					return denied(t, try(t, s.visitor(), email, other), status, code)
				})
			}
			// Even the right password says nothing while the account is locked.
			alike(t, "the password of one", emails, func(email string) *running.Answer {
				return denied(t, try(t, s.visitor(), email, words), 429, "TOO_MANY_REQUESTS")
			})
		})
	corpus.Case(t, "P05", "the same at the token endpoint and by the form of the page", "the same answer for all", func(t *testing.T) {
		emails := prepare(t, "p05-token")
		alike(t, "token", emails, func(email string) *running.Answer {
			return denied(t, s.visitor().Call(t, "POST", v1+"/auth/token", running.Credentials(email, other)), 401, "INVALID_CREDENTIALS")
		})
		form := make(map[string]string)
		alike(t, "form", emails, func(email string) *running.Answer {
			a := s.visitor().Post(t, "/login", map[string][]string{"email": {email}, "password": {other}})
			noCredential(t, a)
			if a.StatusCode != 401 {
				t.Errorf("form: %d", a.StatusCode)
			}
			form[email], a.Text = a.Text, "" // shows the address again that was typed
			a.Header.Del("Content-Length")
			return a
		})
		for i, email := range emails {
			if want := replace(form[emails[0]], emails[0], email); form[email] != want {
				t.Errorf("the page for one %s differs", kinds[i].name)
			}
		}
	})
	corpus.Case(t, "P17", "registration with the address of an account of each kind", "202 and the same bytes as for a new one; the mail alone tells (XCT-03)", func(t *testing.T) {
		emails := prepare(t, "p17")
		alike(t, "register", emails, func(email string) *running.Answer {
			return empty(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials(email, other)), 202)
		})
		s.mail(t, emails[0], "already-registered", 1)
		s.mail(t, emails[len(emails)-1], "verify", 1)
		if list := s.sent(t, emails[0], "verify"); len(list) != 0 {
			t.Error("somebody who has an account got a link")
		}
		if list := s.mail(t, emails[0], "already-registered", 1); list[0].Token != "" {
			t.Error("the notice has a token")
		}
		denied(t, try(t, s.visitor(), emails[0], other), 401, "INVALID_CREDENTIALS") // the password is not that of the stranger
		alike(t, "with a weak password", emails, func(email string) *running.Answer {
			return denied(t, s.visitor().Call(t, "POST", v1+"/auth/register", running.Credentials(email, "passwordpassword")), 422, "PASSWORD_REJECTED")
		})
	})
	corpus.Case(t, "RST-01", "forgot-password for an account of each kind and for no address at all", "202 and the same bytes", func(t *testing.T) {
		emails := prepare(t, "rst01")
		forgot := func(email string) *running.Answer {
			return empty(t, s.visitor().Call(t, "POST", v1+"/auth/forgot-password", object{"email": email}), 202)
		}
		alike(t, "forgot", emails, forgot)
		if a, b := visible(forgot(emails[0])), visible(forgot("no address")); a != b {
			t.Errorf("%s\n%s", a, b)
		}
		s.mail(t, emails[0], "reset", 1)
		if list := s.mail(t, emails[2], "reset-no-password", 1); list[0].Token != "" {
			t.Error("an account without a password got a link")
		}
		for i, name := range map[int]string{1: "disabled", 7: "unknown"} {
			if list := s.sent(t, emails[i], "reset"); len(list) != 0 {
				t.Errorf("one %s got a link", name)
			}
		}
	})
}

// A mail server that takes the connection and never says a word.
func TestAnswersWithoutMail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	reached := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached <- struct{}{}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	b := running.On(t, "SQLite", nil)
	before := open(t, b, running.Options{}) // with the mailbox, for Alice
	before.Kill()
	s := b.Start(t, running.Options{Env: []string{"SMTP_URL=smtp://" + l.Addr().String() + "?from=no-reply@example.com"}})

	corpus.Case(t, "RST-01", "forgot-password and registration while the mail server hangs", "202 at once, known or not", func(t *testing.T) {
		for _, email := range []string{alice, "nobody@example.com"} {
			for path, in := range map[string]object{"/auth/forgot-password": {"email": email}, "/auth/register": {"email": email, "password": other}} {
				c := s.Client()
				if a := empty(t, c.Call(t, "POST", v1+path, in), 202); a.Took > 10*time.Second {
					t.Errorf("%s took %v", path, a.Took)
				}
			}
		}
		select {
		case <-reached:
		case <-time.After(patience):
			t.Error("the mail server was never asked, so this shows nothing")
		}
	})
}
