package accounts

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// credentials are what a user has who has signed in everywhere.
type credentials struct {
	sessions []*running.Client
	bearer   *running.Client // with an access token
	refresh  *running.Client // with the cookie of a refresh token
}

// credentials adds an account and signs in to it in every way.
func (s *site) credentials(t testing.TB, email string) *credentials {
	t.Helper()
	s.add(t, email)
	c := &credentials{sessions: []*running.Client{s.login(t, email, words), s.login(t, email, words)}, refresh: s.visitor()}
	a := c.refresh.Want(t, c.refresh.Call(t, "POST", v1+"/auth/token", running.Credentials(email, words)), 200)
	c.bearer = s.visitor().With("Authorization", "Bearer "+a.String("access_token"))
	for _, held := range c.sessions {
		held.Want(t, held.Call(t, "GET", v1+"/profile", nil), 200)
	}
	// The token is not used yet: a process that has asked for the epoch of a user asks
	// again after 10 seconds. And a token tells no more than the second of its sign-in,
	// so that one of the second in which the password changes is not too old by that.
	now := time.Now()
	<-time.After(time.Until(now.Truncate(time.Second).Add(time.Second)))
	return c
}

// ended wants none of them to work any more.
func (c *credentials) ended(t testing.TB) {
	t.Helper()
	for i, held := range append(c.sessions, c.bearer) {
		if a := held.Call(t, "GET", v1+"/profile", nil); a.StatusCode != 401 {
			t.Errorf("credential %d lives: %d %s", i, a.StatusCode, a.Text)
		}
	}
	a := c.refresh.Call(t, "POST", v1+"/auth/token/refresh", nil)
	noCredential(t, a)
	if a.StatusCode != 401 {
		t.Errorf("the refresh token lives: %d %s", a.StatusCode, a.Text)
	}
}
