package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

const words = "correct horse battery staple"

// A visit is the reference server on one kind of backend, a browser in which each
// person has cookies of their own, and a provider at which Carol and Dave have accounts.
type visit struct {
	srv     *running.Server
	redis   *redistest.Server // or nil
	idp     *oauthtest.Server
	browser context.Context
}

// tokenUsable is how long an access token is used: it lives for ten seconds here, of which
// auth.js leaves the last five unused.
const tokenUsable = 5 * time.Second

func newVisit(t *testing.T, b *running.Backend) *visit {
	t.Helper()
	idp := oauthtest.New(t, oauthtest.Config{Users: []oauthtest.User{
		{Subject: "carol-7", Name: "Carol", Username: "carol", Email: "carol@example.com", EmailVerified: true},
		{Subject: "dave-8", Name: "Dave", Username: "dave", Email: "dave@example.com", EmailVerified: true},
	}})
	srv := b.Start(t, running.Options{
		Args: []string{"-access", "10s"},
		Env:  []string{"OIDC_ISSUER=" + idp.URL, "OIDC_CLIENT_ID=" + oauthtest.ClientID, "OIDC_CLIENT_SECRET=" + oauthtest.ClientSecret},
	})
	v := &visit{srv: srv, redis: b.Redis, idp: idp, browser: chromium(t)}
	do(t, v.browser, chromedp.Navigate("about:blank"))
	return v
}

// person comes with a browser profile of their own.
func (v *visit) person(t *testing.T) *person {
	t.Helper()
	tab, cancel := chromedp.NewContext(v.browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	do(t, tab, chromedp.Navigate("about:blank")) // the profile is there before a second tab of it is
	return &person{t, tab, v.srv.Base, true}
}

// member has an account and is on its page.
func (v *visit) member(t *testing.T, email string) *person {
	t.Helper()
	v.srv.Register(t, email, words)
	p := v.person(t)
	p.signIn(email, words)
	return p
}

func (v *visit) administrator(t *testing.T) *person {
	t.Helper()
	p := v.person(t)
	p.signIn(running.AdminEmail, v.srv.Admin)
	return p
}

func (p *person) signIn(email, password string) {
	p.t.Helper()
	p.open("/login", "Sign in")
	p.fill("Sign in", "Your account", "email", email, "password", password)
}

func (p *person) signOut() {
	p.t.Helper()
	p.press("Sign out", "Sign in")
}

// TestReference uses every page of the reference server in a browser, on what it runs on
// alone and on what several processes of it share.
func TestReference(t *testing.T) {
	for _, backend := range []struct {
		name, database string
		redis          bool
	}{
		{"SQLite", "SQLite", false},
		{"PostgreSQL and Redis", "PostgreSQL", true},
	} {
		t.Run(backend.name, func(t *testing.T) {
			var redis *redistest.Server
			if backend.redis {
				redis = redistest.Start(t)
			}
			v := newVisit(t, running.On(t, backend.database, redis))
			for _, walk := range []struct {
				name string
				do   func(t *testing.T, v *visit)
			}{
				{"account", walkAccount},
				{"factors", walkFactors},
				{"passkeys", walkPasskeys},
				{"sessions", walkSessions},
				{"keys", walkKeys},
				{"roles", walkRoles},
				{"forgery", walkForgery},
				{"tokens", walkTokens},
				{"elsewhere", walkElsewhere},
				{"trouble", walkTrouble},
			} {
				t.Run(walk.name, func(t *testing.T) { walk.do(t, v) })
			}
		})
	}
}
