package tokens_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit"
)

const (
	alice    = "alice@example.com"
	bob      = "bob@example.com"
	password = "correct horse battery staple"

	profile = "/api/v1/profile"
	login   = "/api/v1/auth/login"
	logout  = "/api/v1/auth/logout"
	signIn  = "/api/v1/auth/token"
	refresh = "/api/v1/auth/token/refresh"
	revoke  = "/api/v1/auth/token/revoke"
)

// soon bounds every answer. It is generous: the machine may have other work, and a
// store that is down is tried for some seconds.
const soon = 15 * time.Second

// A site is a server and what the attacks on it have sent.
type site struct {
	*running.Server
	backend *running.Backend
	canary  *testkit.Canary
}

// addresses counts those of stranger, for all sites: they may share their limits.
var addresses atomic.Uint32

// open starts a server. When the test ends nothing that was watched may be in its log.
func open(t *testing.T, b *running.Backend, o running.Options) *site {
	t.Helper()
	s := &site{canary: testkit.NewCanary(t), Server: b.Start(t, o), backend: b}
	t.Cleanup(func() {
		_, _ = io.WriteString(s.canary.Writer("log of the server"), s.Log())
	})
	s.canary.Watch("password", password)
	return s
}

// watch registers a secret, if it is long enough to be one.
func (s *site) watch(label, secret string) {
	if len(secret) >= 20 && len(secret) <= 4096 {
		s.canary.Watch(label, secret)
	}
}

// stranger returns a client without cookies that comes from an address of its own:
// limits that count addresses see somebody new.
func (s *site) stranger() *running.Client {
	return s.Client().From(int(addresses.Add(1)))
}

// user registers somebody, from an address of its own.
func (s *site) user(t *testing.T, email string) {
	t.Helper()
	c := s.stranger()
	c.Want(t, c.Call(t, "POST", "/api/v1/auth/register", running.Credentials(email, password)), 202)
	c.Want(t, c.Call(t, "POST", "/api/v1/auth/verify-email", map[string]string{"token": s.Token(t, email, "")}), 204)
}

// session signs in and returns the client and its cookie.
func (s *site) session(t *testing.T, email string) (*running.Client, string) {
	t.Helper()
	c := s.stranger()
	cookie := c.Want(t, c.Call(t, "POST", login, running.Credentials(email, password)), 200).Cookie("session")
	if cookie == nil {
		t.Fatal("the sign-in sets no cookie")
	}
	s.watch("session cookie", cookie.Value)
	return c, cookie.Value
}

// with sends a request with exactly these headers, from nobody.
func (s *site) with(t *testing.T, method, path string, header http.Header) *running.Answer {
	t.Helper()
	c := s.Client()
	defer c.HTTP.CloseIdleConnections()
	return c.Send(t, method, path, header, nil)
}

// cookies is a header with cookies.
func cookies(pairs ...string) http.Header { return http.Header{"Cookie": {strings.Join(pairs, "; ")}} }

// alive ends the test unless the session or the token of the header is good.
func (s *site) alive(t *testing.T, h http.Header) {
	t.Helper()
	if a := s.with(t, "GET", profile, h); a.StatusCode != 200 {
		t.Fatalf("the credential does not work: %d %s", a.StatusCode, a.Text)
	}
}

// dead fails the test unless the cookie opens nothing.
func (s *site) dead(t *testing.T, cookie string) {
	t.Helper()
	if a := s.with(t, "GET", profile, cookies("session="+cookie)); a.StatusCode != 401 || a.Cookie("session") != nil {
		t.Errorf("the session lives: %d %s", a.StatusCode, a.Text)
	}
}

// problem fails the test unless a is a refusal as clients expect it, that gives
// nobody a credential.
func problem(t *testing.T, a *running.Answer, status int, codes ...string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s: %d %s %q, want a problem with %d", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header.Get("Content-Type"), a.Text, status)
		return
	}
	found := len(codes) == 0
	for _, code := range codes {
		found = found || a.Code() == code
	}
	if !found {
		t.Errorf("the code is %s, want %v", a.Code(), codes)
	}
	if status == 401 && a.Header.Get("WWW-Authenticate") == "" {
		t.Error("a 401 without a challenge")
	}
	grantsNothing(t, a)
}

// grantsNothing fails the test if a has a credential.
func grantsNothing(t *testing.T, a *running.Answer) {
	t.Helper()
	for _, c := range a.Cookies() {
		if (c.Name == "session" || c.Name == "refresh") && c.Value != "" {
			t.Errorf("a refusal with the cookie %s", c.Name)
		}
	}
	if strings.Contains(a.Text, "access_token") {
		t.Error("a refusal with an access token")
	}
	if a.Took > soon {
		t.Errorf("it took %v", a.Took)
	}
}

// rows counts what the database holds, but for the audit log, which is there to
// grow.
func (s *site) rows(t *testing.T, tables ...string) map[string]int {
	t.Helper()
	if len(tables) == 0 {
		tables = []string{"auth_sessions", "auth_families", "auth_epochs", "auth_users", "auth_user_tokens", "auth_mfa_challenges", "auth_api_keys"}
	}
	db := s.backend.DB.Open(t)
	defer func() { _ = db.Close() }()
	counts := make(map[string]int)
	for _, table := range tables {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[table] = n
	}
	if s.backend.Redis != nil {
		for key := range s.backend.Redis.Keys() {
			kind, _, _ := strings.Cut(key, ":")
			if kind == "session" || kind == "refresh" {
				counts[kind]++
			}
		}
	}
	return counts
}

// nothingGrew fails the test if the stores hold anything that they did not hold
// before.
func (s *site) nothingGrew(t *testing.T, before map[string]int) {
	t.Helper()
	if after := s.rows(t); !maps.Equal(before, after) {
		t.Errorf("the stores have changed: %v, then %v", before, after)
	}
}

// exec changes the database behind the back of the server.
func (s *site) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	db := s.backend.DB.Open(t)
	defer func() { _ = db.Close() }()
	res, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: %d rows, %v", query, n, err)
	}
}

// raw sends bytes that no client would and reads what is answered, if anything is.
func (s *site) raw(t *testing.T, lines ...string) (status int, header http.Header, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	host := strings.TrimPrefix(s.URL, "http://")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\r\n")
	if !strings.Contains(text, "Host:") {
		text = strings.Replace(text, "\r\n", "\r\nHost: "+host+"\r\n", 1)
	}
	_, _ = fmt.Fprint(conn, text+"\r\nConnection: close\r\n\r\n") // a server that hangs up early still answers
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, ""
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(b)
}
