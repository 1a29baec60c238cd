package scale

import (
	"crypto/rand"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// ended is a credential of which the server has answered that it is over.
type ended struct {
	cookie  string // "session" or "refresh"
	value   string
	how     string
	at      time.Time // of the answer
	durable bool      // the database says so too
}

func (u *user) end(cookie string, c credential, how string, durable bool) {
	u.ended = append(u.ended, ended{cookie, c.value, how, time.Now(), durable})
}

func (e ended) question() question {
	q := question{kind: stranger, method: "GET", path: "/api/v1/profile", cookie: e.cookie + "=" + e.value, refusal: true}
	if e.cookie == "refresh" {
		q.method, q.path = "POST", "/api/v1/auth/token/refresh"
	}
	return q
}

// haunt presents an ended credential to one of the processes (I2).
func (u *user) haunt() {
	if len(u.ended) == 0 {
		return
	}
	e := u.ended[below(len(u.ended))]
	if a, err := u.ask(e.question()); err == nil {
		u.judge(e, a)
	}
}

// hauntAll presents all of them, each from an address of its own.
func (u *user) hauntAll(list ...*running.Server) {
	for _, e := range u.ended {
		var b [2]byte
		_, _ = rand.Read(b[:])
		c := from(100+b[0]/2, b[1])
		for _, srv := range list {
			a, err := e.question().settle(u.s, c, srv)
			if err != nil {
				u.s.broken("I8", "an ended %s: %v", e.cookie, err)
				continue
			}
			u.judge(e, a)
		}
		c.CloseIdleConnections()
	}
}

// judge wants an ended credential to be refused. A fault is no answer, and lets nobody in.
func (u *user) judge(e ended, a *running.Answer) {
	u.s.count("I2", 1)
	switch {
	case a.StatusCode >= 400:
	case !e.durable && u.s.mayBeLost(e.at):
		u.s.documented("I2")
	default:
		u.s.broken("I2", "a %s cookie of %s that was ended by %s %v before: %s", e.cookie, u.email, e.how, time.Since(e.at).Round(time.Millisecond), told(a, nil))
	}
}
