package accounts

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// A postOffice is a mail server by TLS that keeps what it is given.
type postOffice struct {
	env []string // of a server that is to send its mail here

	mu      sync.Mutex
	letters []string // as they came, envelope first
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	// Its certificate is for 127.0.0.1, and its own authority.
	web := httptest.NewTLSServer(http.NotFoundHandler())
	web.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &postOffice{env: []string{"SSL_CERT_FILE=" + roots, "SMTP_URL=smtps://" + l.Addr().String() + "?from=no-reply@example.com"}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// serve speaks as much of RFC 5321 as a letter needs.
func (p *postOffice) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	lines := bufio.NewScanner(c)
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	letter, data := "", false
	say("220 post office")
	for lines.Scan() {
		line := lines.Text()
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); {
		case data && line == ".":
			p.mu.Lock()
			p.letters = append(p.letters, letter)
			p.mu.Unlock()
			letter, data = "", false
			say("250 kept")
		case data:
			letter += line + "\n"
		case verb == "DATA":
			data = true
			say("354 go on")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			letter += line + "\n"
			say("250 fine")
		}
	}
}

// await returns the letter to somebody that has the words in it, decoded.
func (p *postOffice) await(t testing.TB, to, words string) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		p.mu.Lock()
		list := append([]string(nil), p.letters...)
		p.mu.Unlock()
		for _, letter := range list {
			text, _ := io.ReadAll(quotedprintable.NewReader(strings.NewReader(letter)))
			if strings.Contains(letter, "RCPT TO:<"+to+">") && strings.Contains(string(text), words) {
				return string(text)
			}
		}
	}
	t.Fatalf("no mail to %s with %q", to, words)
	return ""
}

// A proxied transport sends what a proxy does that ends TLS for app.example.com.
type proxied struct {
	host string
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = p.host
	if r.Header.Get("X-Forwarded-Proto") == "" {
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	return p.next.RoundTrip(r)
}

// production is open with a server that is not for development: cookies are Secure,
// and mail goes to the post office.
func production(t *testing.T) (*site, *postOffice) {
	t.Helper()
	b := running.On(t, "SQLite", nil)
	first := open(t, b, running.Options{})
	first.Kill()
	p := newPostOffice(t)
	s := *first
	s.Server = b.Start(t, running.Options{Args: []string{"-dev", "false", "-base-url", "https://app.example.com"}, Env: p.env})
	t.Cleanup(func() { s.told.absent(t, "PWD-15 the log", s.Log()) })
	return &s, p
}

// through is a visitor by way of the proxy, who says that the host is another.
func (s *site) through(host string) *running.Client {
	c := s.visitor()
	c.HTTP.Transport = proxied{host, c.HTTP.Transport}
	return c
}
