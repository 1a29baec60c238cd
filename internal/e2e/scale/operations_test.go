package scale

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"sync"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// operations are what a user does, by how often in a thousand.
var operations = []struct {
	share int
	do    func(u *user)
}{
	{560, (*user).askBySession},
	{260, (*user).askByToken},
	{45, (*user).refreshOnce},
	{15, (*user).refreshTwice},
	{25, (*user).visit},
	{6, (*user).endOthers},
	{4, (*user).changePassword},
	{45, (*user).haunt},
	{40, (*user).tryGarbage},
}

// pick returns a random operation.
func pick() func(u *user) {
	n := below(1000)
	for _, o := range operations {
		if n -= o.share; n < 0 {
			return o.do
		}
	}
	return operations[0].do
}

func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err)
	}
	return int(i.Int64())
}

func (u *user) askBySession() {
	a := u.insist(question{kind: profile, method: "GET", path: "/api/v1/profile", cookie: "session=" + u.session.value})
	if a == nil {
		return
	}
	u.s.count("I4", 1)
	if a.StatusCode != http.StatusOK || a.String("data", "email") != u.email {
		u.gone("the session", u.session, a)
		u.signInAgain()
	}
}

// askByToken refreshes once if the token is refused: a revocation ends all access tokens
// of the second that it is in.
func (u *user) askByToken() {
	q := question{kind: orders, method: "GET", path: "/api/v1/orders", bearer: u.token, refusal: true}
	a := u.insist(q)
	if a != nil && a.StatusCode == http.StatusUnauthorized {
		u.refreshOnce()
		q.bearer, q.refusal = u.token, false
		a = u.insist(q)
	}
	if a == nil {
		return
	}
	u.s.count("I4", 1)
	if a.StatusCode != http.StatusOK {
		u.gone("the access token", u.refresh, a)
		u.newTokens()
	}
}

func (u *user) refreshing() question {
	return question{kind: refresh, method: "POST", path: "/api/v1/auth/token/refresh", cookie: "refresh=" + u.refresh.value}
}

// refreshOnce repeats with the same token if the answer is lost.
func (u *user) refreshOnce() {
	if a := u.insist(u.refreshing()); a != nil {
		u.successor(a)
	}
}

// successor takes the token that came of a refresh. The family is as old as it was.
func (u *user) successor(a *running.Answer) {
	u.s.count("I4", 1)
	next, ok := u.cookie(a, "refresh")
	if a.StatusCode != http.StatusOK || !ok {
		u.gone("the refresh token", u.refresh, a)
		u.newTokens()
		return
	}
	u.refresh.value = next.value
	u.take(a)
}

// refreshTwice is two tabs: they get the same successor, or an error that is worth
// another try.
func (u *user) refreshTwice() {
	var answers [2]*running.Answer
	var tabs sync.WaitGroup
	for i := range answers {
		tabs.Go(func() { answers[i], _ = u.ask(u.refreshing()) })
	}
	tabs.Wait()
	u.s.count("I3", 1)
	heads := make(map[string]*running.Answer)
	for _, a := range answers {
		switch {
		case a == nil || a.StatusCode >= 500 || a.StatusCode == http.StatusTooManyRequests:
		case a.StatusCode != http.StatusOK:
			u.successor(a)
			return
		default:
			heads[a.Cookie("refresh").Value] = a
		}
	}
	if len(heads) > 1 {
		u.s.broken("I3", "two successors of one token of %s", u.email)
	}
	for _, a := range heads {
		u.successor(a)
		return
	}
	u.refreshOnce()
}

// visit is a sign-in on another device, and its sign-out.
func (u *user) visit() {
	c, ok := u.login()
	if !ok {
		return
	}
	if a := u.insist(question{kind: profile, method: "GET", path: "/api/v1/profile", cookie: "session=" + c.value}); a == nil || a.StatusCode != http.StatusOK {
		u.gone("the new session", c, a)
		return
	}
	a := u.insist(question{kind: ending, method: "POST", path: "/api/v1/auth/logout", cookie: "session=" + c.value})
	if a != nil && a.StatusCode == http.StatusNoContent {
		u.end("session", c, "sign-out", false)
	}
}

// endOthers ends another session and the tokens, from the main session.
func (u *user) endOthers() {
	c, ok := u.login()
	if !ok {
		return
	}
	a := u.insist(question{kind: ending, method: "DELETE", path: "/api/v1/sessions", cookie: "session=" + u.session.value})
	if a == nil {
		return
	}
	if a.StatusCode != http.StatusNoContent {
		u.gone("the session", u.session, a)
		u.signInAgain()
		return
	}
	u.end("session", c, "revocation of all others", false)
	u.end("refresh", u.refresh, "revocation of all others", false)
	u.newTokens()
}

// changePassword ends all that was before, by the database as well. If the answer is
// lost the user finds out which password it is, as users do.
func (u *user) changePassword() {
	old, next := u.password, rand.Text()
	u.s.watch("a password", next)
	a, err := u.ask(question{
		kind: ending, method: "POST", path: "/api/v1/auth/change-password", cookie: "session=" + u.session.value,
		body: map[string]string{"current_password": old, "password": next},
	})
	if err != nil || a.StatusCode != http.StatusNoContent {
		if err == nil && a.StatusCode < 500 && a.StatusCode != http.StatusTooManyRequests {
			u.gone("the session", u.session, a)
		}
		u.findPassword(next)
		return
	}
	u.password = next
	u.end("session", u.session, "change of password", true)
	u.end("refresh", u.refresh, "change of password", true)
	c, ok := u.cookie(a, "session")
	if !ok {
		u.signInAgain()
	} else {
		u.session = c
	}
	u.newTokens()
}

// findPassword tries the new password and then the old one.
func (u *user) findPassword(next string) {
	for range 2 {
		a := u.insist(question{kind: signIn, method: "POST", path: "/api/v1/auth/login", body: running.Credentials(u.email, next), refusal: true})
		if a == nil {
			return
		}
		if c, ok := u.cookie(a, "session"); ok {
			u.password, u.session = next, c
			break
		}
		next = u.password
	}
	u.newTokens()
}

// tryGarbage presents what was never a credential (I1).
func (u *user) tryGarbage() {
	q := question{kind: stranger, method: "GET", path: "/api/v1/profile", refusal: true}
	switch below(4) {
	case 0:
		q.cookie = "session=" + altered(u.session.value)
	case 1:
		q.bearer = altered(u.token)
	case 2:
		q.method, q.path, q.cookie = "POST", "/api/v1/auth/token/refresh", "refresh="+altered(u.refresh.value)
	case 3:
		q.bearer = rand.Text()
	}
	a, err := u.ask(q)
	if err != nil {
		return
	}
	u.s.count("I1", 1)
	if a.StatusCode < 300 {
		u.s.broken("I1", "garbage %s%s: %s", q.cookie, q.bearer, told(a, nil))
	}
}

// altered is a credential with another character in its middle.
func altered(s string) string {
	if s == "" {
		return rand.Text()
	}
	b := []byte(s)
	if i := len(b) / 2; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}
