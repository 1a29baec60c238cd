package smtpmailer_test

import (
	"errors"
	"io"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/account/smtpmailer"
)

func TestInjection(t *testing.T) {
	s := newServer(t)
	m := newMailer(t, s, login)
	long := strings.Repeat("x", 10<<10)
	for name, change := range map[string]func(*account.Message){
		"a header behind the address": func(m *account.Message) { m.To = "alice@example.com\r\nBcc: mallory@example.com" },
		"a command":                   func(m *account.Message) { m.To = "alice@example.com>\r\nRCPT TO:<mallory@example.com" },
		"LF":                          func(m *account.Message) { m.To = "alice@example.com\n" },
		"CR":                          func(m *account.Message) { m.To = "alice\r@example.com" },
		"NUL":                         func(m *account.Message) { m.To = "alice@example.com\x00.example.org" },
		"folding":                     func(m *account.Message) { m.To = "alice@example.com\r\n (x)" },
		"two addresses":               func(m *account.Message) { m.To = "alice@example.com, mallory@example.com" },
		"a group":                     func(m *account.Message) { m.To = "all: alice@example.com;" },
		"a name":                      func(m *account.Message) { m.To = "Alice <alice@example.com>" },
		"brackets":                    func(m *account.Message) { m.To = "<alice@example.com>" },
		"a comment":                   func(m *account.Message) { m.To = "alice@example.com (x)" },
		"a space":                     func(m *account.Message) { m.To = " alice@example.com" },
		"a no-break space":            func(m *account.Message) { m.To = "ali\u00a0ce@example.com" },
		"two @":                       func(m *account.Message) { m.To = "a@b@example.com" },
		"a quoted @":                  func(m *account.Message) { m.To = `"a@b"@example.com` },
		"a quoted space":              func(m *account.Message) { m.To = `"a b"@example.com` },
		"a fullwidth @":               func(m *account.Message) { m.To = "alice@example.com＠evil.example" },
		"only a fullwidth @":          func(m *account.Message) { m.To = "alice＠example.com" },
		"a dot at the end":            func(m *account.Message) { m.To = "alice@example.com." },
		"an address of the network":   func(m *account.Message) { m.To = "alice@[127.0.0.1]" },
		"no domain":                   func(m *account.Message) { m.To = "alice@" },
		"no local part":               func(m *account.Message) { m.To = "@example.com" },
		"a source route":              func(m *account.Message) { m.To = "@relay.example:alice@example.com" },
		"nobody":                      func(m *account.Message) { m.To = "" },
		"10 KB":                       func(m *account.Message) { m.To = long + "@example.com" },
		"broken UTF-8":                func(m *account.Message) { m.To = "al\xffice@example.com" },
		"a header in the subject":     func(m *account.Message) { m.Subject = "Hello\r\nBcc: mallory@example.com" },
		"a body in the subject":       func(m *account.Message) { m.Subject = "Hello\n\nyour account" },
		"NUL in the subject":          func(m *account.Message) { m.Subject = "Hello\x00" },
		"U+2028 in the subject":       func(m *account.Message) { m.Subject = "Hello\u2028" },
		"C1 in the subject":           func(m *account.Message) { m.Subject = "Hello\u0085" },
		"an encoded word":             func(m *account.Message) { m.Subject = "=?utf-8?q?=0D=0ABcc:?=" },
		"broken UTF-8 subject":        func(m *account.Message) { m.Subject = "\xff" },
		"a long subject":              func(m *account.Message) { m.Subject = long },
		"no text":                     func(m *account.Message) { m.Text = "" },
	} {
		t.Run("P16 "+name, func(t *testing.T) {
			bad := message()
			change(&bad)
			err := m.Send(t.Context(), bad)
			if !errors.Is(err, smtpmailer.ErrMessage) || !errors.Is(err, account.ErrPermanent) {
				t.Errorf("%v, want ErrMessage", err)
			}
			if err != nil && (strings.Contains(err.Error(), "mallory") || len(err.Error()) > 300) {
				t.Errorf("the error quotes the message: %.300v", err)
			}
		})
	}
	if s.steps() != "" {
		t.Errorf("the server has heard %s", s.steps())
	}
}

func TestSMTPUTF8(t *testing.T) {
	t.Run("P16 mail to another letter goes there and nowhere else", func(t *testing.T) {
		s := newServer(t)
		m := message()
		m.To = "mıke@example.com" // a dotless i
		must(t, newMailer(t, s, login).Send(t.Context(), m))
		got, parsed := one(t, s)
		if got.to != "TO:<mıke@example.com>" || got.from != "FROM:<no-reply@example.com> BODY=8BITMIME SMTPUTF8" || parsed.Header.Get("To") != "mıke@example.com" {
			t.Errorf("%q %q %q", got.to, got.from, parsed.Header.Get("To"))
		}
	})
	t.Run("a server that cannot", func(t *testing.T) {
		s := newServer(t)
		s.secured = []string{"AUTH PLAIN", "8BITMIME"}
		m := message()
		m.To = "mıke@example.com"
		if err := newMailer(t, s, login).Send(t.Context(), m); !errors.Is(err, account.ErrPermanent) {
			t.Error(err)
		}
		if strings.Contains(s.steps(), "MAIL") {
			t.Error(s.steps())
		}
	})
}

// FuzzMessage holds that what is sent has the headers that it should have and no
// others, one recipient, and the text that it was given.
func FuzzMessage(f *testing.F) {
	f.Add("alice@example.com", "Hello", "text", "")
	f.Add("alice@example.com\r\nBcc: b@example.com", "Hello\r\n\r\nbody", ".\r\n.\r\nQUIT", "<p>\x00")
	f.Add("mıke@example.com", "für ✓ "+strings.Repeat("ä", 100), "\r\n.\r\n", "--")
	f.Add("a@b", strings.Repeat("=?", 5), "=\n", "\xff")
	f.Fuzz(func(t *testing.T, to, subject, text, html string) {
		synctest.Test(t, func(t *testing.T) {
			s := &server{pipe: true}
			m := newMailer(t, s, smtpmailer.Config{InsecureNoTLS: true})
			s.extensions = []string{"8BITMIME", "SMTPUTF8"}
			err := m.Send(t.Context(), account.Message{To: to, Subject: subject, Text: text, HTML: html})
			s.conversing.Wait()
			if err != nil {
				if !errors.Is(err, account.ErrPermanent) || len(s.taken()) != 0 {
					t.Fatal(err)
				}
				return
			}
			if s.steps() != "EHLO MAIL RCPT DATA . QUIT" {
				t.Fatal(s.steps())
			}
			got, parsed := one(t, s)
			if got.to != "TO:<"+to+">" || len(parsed.Header["To"]) != 1 || parsed.Header.Get("To") != to {
				t.Errorf("to %q: %q, %q", to, got.to, parsed.Header["To"])
			}
			want := 9
			if html != "" {
				want = 8
			}
			if len(parsed.Header) != want {
				t.Errorf("%d headers, want %d: %v", len(parsed.Header), want, parsed.Header)
			}
			if decoded, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil || decoded != strings.TrimSpace(subject) && strings.TrimSpace(decoded) != strings.TrimSpace(subject) {
				t.Errorf("subject %q became %q, %v", subject, decoded, err)
			}
			if html == "" {
				checkText(t, parsed, text)
			}
		})
	})
}

func checkText(t *testing.T, m *mail.Message, text string) {
	t.Helper()
	plain := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\ufffd"))
	got := strings.ReplaceAll(body(t, m.Body), "\r\n", "\n")
	if strings.TrimRight(got, "\n") != strings.TrimRight(plain, "\n") {
		t.Errorf("text %q became %q", plain, got)
	}
	_, _ = io.Copy(io.Discard, m.Body)
}
