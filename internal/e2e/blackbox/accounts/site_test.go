package accounts

import (
	"database/sql"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/sqldb"
)

const (
	alice = "alice@example.com"
	words = "correct horse battery staple" // the password of everybody
	other = "another horse battery staple"
	v1    = "/api/v1"
)

type object = map[string]any

// A site is a running server with Alice in it, and her row as the pattern of others.
type site struct {
	*running.Server
	b    *running.Backend
	db   *sql.DB
	told *told
	// two is another process of the same service, where a test has one.
	two *running.Server
}

// open starts a server. When the test ends its log must hold no secret that went over
// the wire.
func open(t *testing.T, b *running.Backend, o running.Options) *site {
	t.Helper()
	s := &site{Server: b.Start(t, o), b: b, db: b.DB.Open(t), told: &told{}}
	t.Cleanup(func() { s.told.absent(t, "PWD-15 the log", s.Log()) })
	s.told.add(s.Admin)
	s.register(t, alice, words)
	return s
}

// pair is open with two processes.
func pair(t *testing.T, b *running.Backend) *site {
	t.Helper()
	s := open(t, b, running.Options{})
	s.two = b.Start(t, running.Options{})
	t.Cleanup(func() { s.told.absent(t, "PWD-15 the log", s.two.Log()) })
	return s
}

// addresses counts the loopback addresses that were used, so that each visitor has
// limits of their own.
var addresses atomic.Uint32

// visitor is somebody from an address that nobody else has.
func (s *site) visitor() *running.Client {
	n := addresses.Add(1)
	return s.from(net.IPv4(127, 16+byte(n>>16), byte(n>>8), byte(n)))
}

// from is a new client with that address.
func (s *site) from(ip net.IP) *running.Client {
	c := s.Client()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}
	c.HTTP.Transport = &witness{s.told, &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 64}}
	return c
}

// http2 is c with the same cookies and address, over HTTP/2.
func http2(c *running.Client) *running.Client {
	w := c.HTTP.Transport.(*witness)
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	clone := *c.HTTP
	clone.Transport = &witness{w.told, &http.Transport{DialContext: w.next.(*http.Transport).DialContext, Protocols: &only}}
	return &running.Client{HTTP: &clone, Header: c.Header, Server: c.Server}
}

// turn is c itself, or the same client at the other process if i is odd.
func (s *site) turn(c *running.Client, i int) *running.Client {
	if s.two != nil && i%2 == 1 {
		return c.At(s.two)
	}
	return c
}

// register makes an account as people do.
func (s *site) register(t testing.TB, email, pw string) {
	t.Helper()
	c := s.visitor()
	c.Want(t, c.Call(t, "POST", v1+"/auth/register", running.Credentials(email, pw)), 202)
	token := s.mail(t, email, "verify", 1)[0].Token
	c.Want(t, c.Call(t, "POST", v1+"/auth/verify-email", object{"token": token}), 204)
}

// add makes an account like Alice's by a row of its own, without a hash and a mail.
func (s *site) add(t testing.TB, email string) (id string) {
	t.Helper()
	id = "id-" + strings.NewReplacer("@", "-", ".", "-").Replace(email)
	s.exec(t, `INSERT INTO auth_users (id, email, canonical, verified, disabled, hash, roles, created_at, valid_after, writes)
		SELECT ?, ?, ?, verified, disabled, hash, roles, created_at, valid_after, writes FROM auth_users WHERE canonical = ?`,
		id, email, strings.ToLower(email), alice)
	return id
}

// member adds an account and signs in to it.
func (s *site) member(t testing.TB, email string) *running.Client {
	t.Helper()
	s.add(t, email)
	return s.login(t, email, words)
}

// login signs in from a new address.
func (s *site) login(t testing.TB, email, pw string) *running.Client {
	t.Helper()
	c := s.visitor()
	c.Want(t, try(t, c, email, pw), 200)
	return c
}

// try is a login that may be refused.
func try(t testing.TB, c *running.Client, email, pw string) *running.Answer {
	t.Helper()
	return c.Call(t, "POST", v1+"/auth/login", running.Credentials(email, pw))
}

// exec changes the database behind the back of the server. Parameters are "?".
func (s *site) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), s.bind(query), args...); err != nil {
		t.Fatal(err)
	}
}

// count returns the one number that a query asks for.
func (s *site) count(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	if err := s.db.QueryRowContext(t.Context(), s.bind(query), args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *site) bind(query string) string {
	if s.b.DB.Dialect != sqldb.PostgreSQL {
		return query
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}
