package smtpmailer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/account/smtpmailer"
)

const sender = "Example Shop <no-reply@example.com>"

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.FixedZone("", 3600))

func message() account.Message {
	return account.Message{Kind: account.MessageReset, To: "alice@example.com", Subject: "Set a new password", Text: "Open\n\nhttps://shop.example/reset?token=s3cret-token\n", Token: "s3cret-token"}
}

// newMailer returns a Mailer that talks to s.
func newMailer(t *testing.T, s *server, cfg smtpmailer.Config) *smtpmailer.Mailer {
	t.Helper()
	address := "127.0.0.1:25"
	if s.pipe {
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			client, end := net.Pipe()
			s.conversing.Go(func() { s.converse(end) })
			return client, nil
		}
	} else {
		address = s.listen(t)
	}
	if cfg.RootCAs == nil && !cfg.InsecureNoTLS {
		cfg.RootCAs = s.roots
	}
	cfg.Now = func() time.Time { return noon }
	m, err := smtpmailer.New(address, sender, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// one returns the only mail that s has taken.
func one(t *testing.T, s *server) (received, *mail.Message) {
	t.Helper()
	list := s.taken()
	if len(list) != 1 {
		t.Fatalf("%d mails were taken; steps: %s", len(list), s.steps())
	}
	parsed, err := mail.ReadMessage(strings.NewReader(list[0].data))
	must(t, err)
	return list[0], parsed
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(quotedprintable.NewReader(r))
	must(t, err)
	return string(b)
}

var login = smtpmailer.Config{Username: "shop", Password: "pässword"}

func TestSend(t *testing.T) {
	t.Run("STARTTLS, PLAIN, a text", func(t *testing.T) {
		s := newServer(t)
		m := message()
		m.Subject = "Neues Passwort für Ihr Konto bei der Beispiel-Handelsgesellschaft mit beschränkter Haftung ✓"
		m.Text = "Grüße\n.\n..dots\r\nlone\rCR\n" + strings.Repeat("x", 3000)
		must(t, newMailer(t, s, login).Send(t.Context(), m))
		got, parsed := one(t, s)
		if got.from != "FROM:<no-reply@example.com>" || got.to != "TO:<alice@example.com>" || got.login != "PLAIN \x00shop\x00pässword" || !got.secure {
			t.Errorf("%+v", got)
		}
		if s.steps() != "EHLO STARTTLS EHLO AUTH MAIL RCPT DATA . QUIT" {
			t.Error(s.steps())
		}
		for name, want := range map[string]string{
			"From":                      `"Example Shop" <no-reply@example.com>`,
			"To":                        "alice@example.com",
			"Date":                      "Wed, 04 Mar 2026 11:00:00 +0000",
			"Auto-Submitted":            "auto-generated",
			"Mime-Version":              "1.0",
			"Content-Type":              "text/plain; charset=utf-8",
			"Content-Transfer-Encoding": "quoted-printable",
		} {
			if got := parsed.Header[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		if subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil || subject != m.Subject {
			t.Error(subject, err)
		}
		if id := parsed.Header.Get("Message-ID"); len(id) < 30 || !strings.HasSuffix(id, "@example.com>") {
			t.Error(id)
		}
		if text := body(t, parsed.Body); text != "Grüße\r\n.\r\n..dots\r\nlone\r\nCR\r\n"+strings.Repeat("x", 3000)+"\r\n" {
			t.Errorf("%.80q", text)
		}
		for line := range strings.SplitSeq(got.data, "\r\n") {
			if len(line) > 100 || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\t' }) {
				t.Errorf("a line of %d bytes: %q", len(line), line)
			}
		}
	})
	t.Run("implicit TLS, LOGIN, HTML as well, another envelope", func(t *testing.T) {
		s := newServer(t)
		s.implicit, s.secured = true, []string{"AUTH LOGIN XOAUTH2"}
		cfg := login
		cfg.ImplicitTLS, cfg.Envelope, cfg.Hello, cfg.ServerName = true, "bounces@example.org", "app.example.com", "smtp.example.com"
		m := message()
		m.HTML = `<p>Öffnen Sie <a href="https://shop.example/reset?token=s3cret-token">dies</a></p>`
		must(t, newMailer(t, s, cfg).Send(t.Context(), m))
		got, parsed := one(t, s)
		if got.from != "FROM:<bounces@example.org>" || got.login != "LOGIN shop pässword" || !got.secure {
			t.Errorf("%+v", got)
		}
		kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/alternative" {
			t.Fatal(kind, err)
		}
		parts := multipart.NewReader(parsed.Body, params["boundary"])
		for _, want := range [][2]string{{"text/plain; charset=utf-8", strings.ReplaceAll(m.Text, "\n", "\r\n")}, {"text/html; charset=utf-8", m.HTML}} {
			p, err := parts.NextRawPart()
			must(t, err)
			if text := body(t, p); p.Header.Get("Content-Type") != want[0] || text != want[1] {
				t.Errorf("%s: %q", p.Header.Get("Content-Type"), text)
			}
		}
	})
	t.Run("no login if none is configured", func(t *testing.T) {
		s := newServer(t)
		must(t, newMailer(t, s, smtpmailer.Config{}).Send(t.Context(), message()))
		if got, _ := one(t, s); got.login != "" || !got.secure {
			t.Errorf("%+v", got)
		}
	})
	t.Run("InsecureNoTLS, for loopback", func(t *testing.T) {
		s := newServer(t)
		must(t, newMailer(t, s, smtpmailer.Config{InsecureNoTLS: true}).Send(t.Context(), message()))
		if got, _ := one(t, s); got.secure || got.login != "" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		s := newServer(t)
		m := newMailer(t, s, login)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if err := m.Send(t.Context(), message()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		ids := map[string]bool{}
		for _, got := range s.taken() {
			parsed, err := mail.ReadMessage(strings.NewReader(got.data))
			must(t, err)
			ids[parsed.Header.Get("Message-Id")] = true
		}
		if len(ids) != 20 {
			t.Errorf("%d ids", len(ids))
		}
	})
	t.Run("F28 through an Outbox: refused for now, then taken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			s.pipe, s.replies = true, map[string]string{"RCPT": "451 4.7.1 greylisted"}
			o, err := account.NewOutbox(newMailer(t, s, login), account.OutboxConfig{})
			must(t, err)
			o.Enqueue(t.Context(), func(context.Context) ([]account.Message, error) { return []account.Message{message()}, nil })
			<-time.After(time.Second)
			synctest.Wait()
			s.mu.Lock()
			s.replies = nil
			s.mu.Unlock()
			<-time.After(time.Minute)
			must(t, o.Close(t.Context()))
			one(t, s)
		})
	})
}

func TestTLS(t *testing.T) {
	// refused sends and wants it to fail before a word of the message or the login.
	refused := func(t *testing.T, s *server, cfg smtpmailer.Config, want error) error {
		t.Helper()
		err := newMailer(t, s, cfg).Send(t.Context(), message())
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		if errors.Is(err, account.ErrPermanent) {
			t.Errorf("%v is permanent: nothing is wrong with the message", err)
		}
		for _, step := range []string{"AUTH", "MAIL", "RCPT", "DATA"} {
			if strings.Contains(s.steps(), step) {
				t.Errorf("the server has heard %s", s.steps())
			}
		}
		return err
	}
	t.Run("a server without STARTTLS, or one that somebody hides, gets nothing", func(t *testing.T) {
		s := newServer(t)
		s.extensions = []string{"AUTH PLAIN"}
		refused(t, s, login, smtpmailer.ErrNoTLS)
		s = newServer(t)
		s.extensions = nil
		s.replies = map[string]string{"EHLO": "502 what?"} // HELO knows no extensions
		refused(t, s, smtpmailer.Config{}, smtpmailer.ErrNoTLS)
	})
	t.Run("a server that refuses STARTTLS gets nothing", func(t *testing.T) {
		s := newServer(t)
		s.replies = map[string]string{"STARTTLS": "454 4.7.0 not now"}
		refused(t, s, login, nil)
	})
	t.Run("what comes before the encryption is forgotten", func(t *testing.T) {
		// CVE-2011-0411: the reply that is smuggled in would be that of the next EHLO.
		s := newServer(t)
		s.replies = map[string]string{"STARTTLS": "220 go ahead\r\n250-evil\r\n250 AUTH PLAIN"}
		s.secured = []string{"8BITMIME"}
		refused(t, s, login, smtpmailer.ErrNoAuth)
	})
	t.Run("the certificate of somebody else", func(t *testing.T) {
		s := newServer(t)
		_, s.roots = certificate(t, "127.0.0.1")
		refused(t, s, login, nil)
	})
	t.Run("a certificate for another name", func(t *testing.T) {
		for _, implicit := range []bool{false, true} {
			s := newServer(t)
			s.implicit = implicit
			cfg := login
			cfg.ServerName, cfg.ImplicitTLS = "mail.example.com", implicit
			refused(t, s, cfg, nil)
		}
	})
	t.Run("TLS before 1.2", func(t *testing.T) {
		s := newServer(t)
		s.config.MinVersion, s.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		refused(t, s, login, nil)
	})
	t.Run("no login by a method that is not known", func(t *testing.T) {
		for _, methods := range [][]string{{"AUTH CRAM-MD5 XOAUTH2"}, {"AUTH"}, {"8BITMIME"}} {
			s := newServer(t)
			s.secured = methods
			refused(t, s, login, smtpmailer.ErrNoAuth)
		}
	})
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		step, reply, want string
		permanent         bool
	}{
		{"", "421 4.3.2 s3cret-token", "connect: the server answered 421 4.3.2", false},
		{"", "554 s3cret-token", "connect: the server answered 554", false},
		{"", "hello?", "connect: the answer is none of SMTP", false},
		{"STARTTLS", "454 4.7.0 s3cret-token", "STARTTLS: the server answered 454 4.7.0", false},
		{"STARTTLS", "500 s3cret-token", "STARTTLS: the server answered 500", false},
		{"AUTH", "535 5.7.8 s3cret-token", "AUTH: the server answered 535 5.7.8", false},
		{"AUTH", "454 4.7.0 s3cret-token", "AUTH: the server answered 454 4.7.0", false},
		{"AUTH", "334 cGFzc3dvcmQ/", "AUTH: smtpmailer: the server asks for more than a username and a password", false},
		{"MAIL", "452 4.3.1 s3cret-token", "MAIL: the server answered 452 4.3.1", false},
		{"MAIL", "553 5.1.8 s3cret-token", "MAIL: the server answered 553 5.1.8", true},
		{"RCPT", "450 4.2.1 s3cret-token", "RCPT: the server answered 450 4.2.1", false},
		{"RCPT", "550 5.1.1 s3cret-token", "RCPT: the server answered 550 5.1.1", true},
		{"RCPT", "550 5.s3cret-token.1 x", "RCPT: the server answered 550", true},
		{"RCPT", "550 5.1.999999999 x", "RCPT: the server answered 550", true},
		{"DATA", "451 s3cret-token", "DATA: the server answered 451", false},
		{"DATA", "554 s3cret-token", "DATA: the server answered 554", true},
		{".", "451 4.3.0 s3cret-token", "DATA: the server answered 451 4.3.0", false},
		{".", "554-5.7.1 spam: https://shop.example/reset?token=s3cret-token\r\n554 5.7.1 go", "DATA: the server answered 554", true},
		{"QUIT", "421 s3cret-token", "", false},
	} {
		t.Run(fmt.Sprintf("%s %.9s", c.step, c.reply), func(t *testing.T) {
			s := newServer(t)
			s.replies = map[string]string{c.step: c.reply}
			err := newMailer(t, s, login).Send(t.Context(), message())
			if c.want == "" {
				must(t, err)
				one(t, s)
				return
			}
			if err == nil || errors.Is(err, account.ErrPermanent) != c.permanent || !strings.HasPrefix(err.Error(), "smtpmailer: "+c.want) {
				t.Errorf("%v (permanent: %v), want %s", err, errors.Is(err, account.ErrPermanent), c.want)
			}
			var known *smtpmailer.Error
			if !errors.As(err, &known) || known.Permanent() != c.permanent || strings.Contains(fmt.Sprint(err), "s3cret") {
				t.Errorf("%v", err)
			}
			if len(s.taken()) != 0 {
				t.Error("the mail was taken")
			}
		})
	}
}

// steps are where a server can fail.
var steps = []string{"", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT"}

func TestFaults(t *testing.T) {
	for _, step := range steps {
		t.Run("F28 the server hangs at "+step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				s.pipe = true
				release := make(chan struct{})
				s.at = func(at string, _ net.Conn) {
					if at == step {
						<-release
					}
				}
				m := newMailer(t, s, login)
				for _, limit := range []time.Duration{time.Hour, 5 * time.Second} {
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					begin := time.Now()
					err := m.Send(ctx, message())
					cancel()
					took, most := time.Since(begin), min(limit, smtpmailer.DefaultTimeout)
					switch {
					case step == "QUIT":
						if err != nil || took > 2*time.Second {
							t.Errorf("%v after %s: the mail was taken", err, took)
						}
					case !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, account.ErrPermanent) || took != most:
						t.Errorf("%v after %s, want it after %s", err, took, most)
					}
				}
				close(release)
				s.conversing.Wait()
			})
		})
		t.Run("F04 the connection is cut at "+step, func(t *testing.T) {
			s := newServer(t)
			s.at = func(at string, c net.Conn) {
				if at == step {
					_ = c.Close()
				}
			}
			err := newMailer(t, s, login).Send(t.Context(), message())
			if step == "QUIT" {
				must(t, err)
				return
			}
			if err == nil || errors.Is(err, account.ErrPermanent) {
				t.Errorf("%v, want an error that is not permanent", err)
			}
		})
		t.Run("F15 the context is cancelled at "+step, func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan struct{})
			s.at = func(at string, _ net.Conn) {
				if at == step {
					cancel()
					<-ended
				}
			}
			err := newMailer(t, s, login).Send(ctx, message())
			close(ended)
			if step == "QUIT" {
				must(t, err)
			} else if !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want that of the context", err)
			}
		})
	}
	t.Run("a server that never stops talking", func(t *testing.T) {
		for _, step := range []string{"", "EHLO", "RCPT"} {
			s := newServer(t)
			sent := 0
			s.at = func(at string, c net.Conn) {
				for at == step {
					n, err := io.WriteString(c, "250-"+strings.Repeat("x", 10_000)+"\r\n")
					if sent += n; err != nil {
						return
					}
				}
			}
			if step == "" {
				s.at = func(at string, c net.Conn) {
					for at == step {
						n, err := io.WriteString(c, strings.Repeat("220-x", 2000)) // no end of a line
						if sent += n; err != nil {
							return
						}
					}
				}
			}
			err := newMailer(t, s, login).Send(t.Context(), message())
			s.conversing.Wait()
			if err == nil || errors.Is(err, context.DeadlineExceeded) || sent > 20<<20 {
				t.Errorf("%s: %v after %d bytes", step, err, sent)
			}
		}
	})
	t.Run("nobody there, or nothing", func(t *testing.T) {
		down := errors.New("connection refused")
		for _, dial := range []func(context.Context, string, string) (net.Conn, error){
			func(context.Context, string, string) (net.Conn, error) { return nil, down },
			func(context.Context, string, string) (net.Conn, error) { return nil, nil }, //nolint:nilnil // on purpose
		} {
			m, err := smtpmailer.New("smtp.example.com:587", sender, smtpmailer.Config{Dial: dial})
			must(t, err)
			if err := m.Send(t.Context(), message()); err == nil || errors.Is(err, account.ErrPermanent) {
				t.Error(err)
			}
		}
	})
}

func TestNew(t *testing.T) {
	for name, c := range map[string]struct {
		address, from string
		cfg           smtpmailer.Config
		wrong         string
	}{
		"no port":               {"smtp.example.com", sender, smtpmailer.Config{}, "host:port"},
		"no host":               {":587", sender, smtpmailer.Config{}, "host:port"},
		"swapped":               {sender, "smtp.example.com:587", smtpmailer.Config{}, "host:port"},
		"no sender":             {"h:25", "", smtpmailer.Config{}, "sender"},
		"a name alone":          {"h:25", "Example Shop", smtpmailer.Config{}, "sender"},
		"two senders":           {"h:25", "a@example.com, b@example.com", smtpmailer.Config{}, "sender"},
		"a header in the name":  {"h:25", "Shop\r\nBcc: b@example.com <a@example.com>", smtpmailer.Config{}, "sender"},
		"a sender beyond ASCII": {"h:25", "ä@example.com", smtpmailer.Config{}, "sender"},
		"a long name":           {"h:25", strings.Repeat("x", 300) + " <a@example.com>", smtpmailer.Config{}, "sender"},
		"an encoded break":      {"h:25", "=?utf-8?q?a=0Ab?= <a@example.com>", smtpmailer.Config{}, "sender"},
		"envelope":              {"h:25", sender, smtpmailer.Config{Envelope: "a@example.com>\r\nRCPT TO:<b@example.com"}, "Envelope"},
		"hello":                 {"h:25", sender, smtpmailer.Config{Hello: "a\r\nMAIL"}, "Hello"},
		"half a login":          {"h:25", sender, smtpmailer.Config{Username: "a"}, "Password"},
		"the other half":        {"h:25", sender, smtpmailer.Config{Password: "a"}, "Username"},
		"NUL in a login":        {"h:25", sender, smtpmailer.Config{Username: "a\x00b", Password: "c"}, "NUL"},
		"no TLS, and far":       {"smtp.example.com:25", sender, smtpmailer.Config{InsecureNoTLS: true}, "loopback"},
		"no TLS, private":       {"10.0.0.1:25", sender, smtpmailer.Config{InsecureNoTLS: true}, "loopback"},
		"no TLS and a login":    {"localhost:25", sender, smtpmailer.Config{InsecureNoTLS: true, Username: "a", Password: "b"}, "TLS only"},
		"no TLS and TLS":        {"[::1]:25", sender, smtpmailer.Config{InsecureNoTLS: true, ImplicitTLS: true}, "neither"},
		"timeout":               {"h:25", sender, smtpmailer.Config{Timeout: -1}, "Timeout"},
	} {
		if _, err := smtpmailer.New(c.address, c.from, c.cfg); err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}
