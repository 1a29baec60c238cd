package scale

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

const (
	limit    = 15 * time.Second       // for one request (I6)
	patience = 30 * time.Second       // for an answer that is none of a fault (I8)
	pause    = 150 * time.Millisecond // before a request is tried again
)

// addresses is how many a user has: the server limits what comes from one.
const addresses = 4

// A user has a browser with a session and a program with tokens. What a user does is in
// one goroutine, so what the server must answer is known.
type user struct {
	s               *stage
	n               int
	email, password string
	clients         [addresses]*http.Client

	session, refresh credential
	token            string
	ended            []ended
}

// A credential is the value of a cookie.
type credential struct {
	value string
	since time.Time // of the sign-in
}

// from returns a client at an address of loopback.
func from(a, b byte) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, a, b/250+1, b%250+1)}}
	return &http.Client{
		Timeout: limit, Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 2},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newUser(s *stage, n int) *user {
	u := &user{s: s, n: n, email: "user" + string(rune('a'+n/26)) + string(rune('a'+n%26)) + "@example.com"}
	for i := range u.clients {
		u.clients[i] = from(byte(10+i), byte(n))
	}
	return u
}

func (u *user) close() {
	for _, c := range u.clients {
		c.CloseIdleConnections()
	}
}

// A question is a request that may be sent again.
type question struct {
	kind, method, path string
	cookie, bearer     string
	body               any
	refusal            bool // it must be answered with 401
}

func (q question) send(s *stage, c *http.Client, srv *running.Server) (*running.Answer, error) {
	h := http.Header{}
	if q.cookie != "" {
		h.Set("Cookie", q.cookie)
	}
	if q.bearer != "" {
		h.Set("Authorization", "Bearer "+q.bearer)
	}
	client := running.Client{HTTP: c, Header: h, Server: srv}
	return client.TryCall(s.t, q.method, q.path, q.body)
}

// settle sends q to one process until there is an answer that is none of a fault.
func (q question) settle(s *stage, c *http.Client, srv *running.Server) (*running.Answer, error) {
	for end := time.Now().Add(patience); ; <-time.After(pause) {
		a, err := q.send(s, c, srv)
		if err == nil && a.StatusCode < 500 && a.StatusCode != http.StatusTooManyRequests {
			return a, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%s %s: no answer for %v: %s", q.method, q.path, patience, told(a, err))
		}
	}
}

// outcome says what came of it.
func (q question) outcome(a *running.Answer, err error) (outcome, code string) {
	switch {
	case refused(err):
		return moved, ""
	case err != nil:
		return cut, ""
	case a.StatusCode >= 500:
		return failed, a.Code()
	case a.StatusCode == http.StatusTooManyRequests:
		return limited, a.Code()
	case a.StatusCode >= 400 && !q.refusal:
		return unexpected, a.Code()
	}
	return answered, ""
}

var errNobody = errors.New("no process listens")

// ask sends q to one of the processes, and to the next one if nobody listens, as a load
// balancer does.
func (u *user) ask(q question) (*running.Answer, error) {
	for _, srv := range u.s.order() {
		start := time.Now()
		a, err := q.send(u.s, u.clients[rand.N(addresses)], srv)
		outcome, code := q.outcome(a, err)
		u.s.note(u.n, q.kind, outcome, code, time.Since(start))
		u.s.count("I6", 1)
		if took := time.Since(start); took > limit {
			u.s.broken("I6", "%s: %v", q.kind, took)
		}
		if outcome != moved {
			return a, err
		}
	}
	return nil, errNobody
}

// insist asks until there is an answer that is none of a fault. It is nil if there is
// none: that has been reported then.
func (u *user) insist(q question) *running.Answer {
	for end := time.Now().Add(patience); ; <-time.After(pause) {
		a, err := u.ask(q)
		if err == nil && a.StatusCode < 500 && a.StatusCode != http.StatusTooManyRequests {
			return a
		}
		if time.Now().After(end) {
			u.s.broken("I8", "%s: no answer for %v: %v", q.kind, patience, told(a, err))
			return nil
		}
	}
}

// told is an answer in short.
func told(a *running.Answer, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case a == nil:
		return "nothing"
	}
	return a.Status + " " + a.Code()
}

func (u *user) credentials() map[string]string { return running.Credentials(u.email, u.password) }

// cookie returns one that an answer sets, and registers it.
func (u *user) cookie(a *running.Answer, name string) (credential, bool) {
	c := a.Cookie(name)
	if c == nil || c.Value == "" {
		return credential{}, false
	}
	u.s.watch("a cookie "+name, c.Value)
	return credential{c.Value, time.Now()}, true
}

// login makes a session.
func (u *user) login() (credential, bool) {
	a := u.insist(question{kind: signIn, method: "POST", path: "/api/v1/auth/login", body: u.credentials()})
	if a == nil {
		return credential{}, false
	}
	c, ok := u.cookie(a, "session")
	if !ok {
		u.s.broken("I4", "sign-in of %s: %s", u.email, told(a, nil))
	}
	return c, ok
}

// signInAgain replaces what the user has lost.
func (u *user) signInAgain() {
	if c, ok := u.login(); ok {
		u.session = c
	}
}

// newTokens signs in for tokens.
func (u *user) newTokens() {
	a := u.insist(question{kind: signIn, method: "POST", path: "/api/v1/auth/token", body: u.credentials()})
	if a == nil {
		return
	}
	c, ok := u.cookie(a, "refresh")
	if !ok {
		u.s.broken("I4", "sign-in of %s for tokens: %s", u.email, told(a, nil))
		return
	}
	u.refresh = c
	u.take(a)
}

// take keeps the access token of an answer.
func (u *user) take(a *running.Answer) {
	if u.token = a.String("access_token"); u.token != "" {
		u.s.watch("an access token", u.token)
	}
}

// gone is called when a credential that nobody has ended is refused. That is an error,
// unless its sign-in may be lost with the Redis master.
func (u *user) gone(what string, c credential, a *running.Answer) {
	if u.s.mayBeLost(c.since) {
		u.s.documented("I4")
		return
	}
	u.s.broken("I4", "%s of %s, which nobody has ended: %s", what, u.email, told(a, nil))
}
