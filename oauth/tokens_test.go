package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// withTokens is a rig that keeps tokens, after a sign-in.
func withTokens(t *testing.T) (r *rig, tokens *oauth.Tokens, store *oauth.MemoryTokenStore, link oauth.Link) {
	t.Helper()
	store = oauth.NewMemoryTokenStore(0)
	var p oauth.Provider
	r = newRig(t, setup{
		idp: oauthtest.Config{},
		provider: func(r *rig) oauth.Provider {
			p = r.generic("test", func(c *oauth.GenericConfig) { c.Scopes = []string{"openid"} })
			return p
		},
		flow: func(c *oauth.Config) {
			var err error
			tokens, err = oauth.NewTokens(store, oauth.TokensConfig{Key: key, Providers: []oauth.Provider{p}, Now: c.Now, HTTP: oauth.HTTPConfig{Timeout: 2 * time.Second}})
			if err != nil {
				t.Fatal(err)
			}
			c.Tokens = tokens
		},
	})
	r.want(r.signIn(r.b), http.StatusSeeOther, "")
	link, err := r.links.Find(t.Context(), r.idp.URL, "alice-7")
	if err != nil {
		t.Fatal(err)
	}
	return r, tokens, store, link
}

func TestTokens(t *testing.T) {
	t.Run("OAU-12 tokens are dropped unless asked for, and never reach the browser", func(t *testing.T) {
		r := newRig(t, setup{})
		var access string
		r.idp.Script(hostileidp.Token, hostileidp.Change(func(o map[string]any) { access, _ = o["access_token"].(string) }))
		resp := r.signIn(r.b)
		for name, values := range resp.Header {
			for _, v := range values {
				if bytes.Contains([]byte(v), []byte(access)) {
					t.Errorf("%s shows the access token", name)
				}
			}
		}
	})
	t.Run("OAU-12 what is kept is sealed, and good", func(t *testing.T) {
		r, tokens, store, link := withTokens(t)
		token, err := tokens.Source(t.Context(), link).Token()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := store.Get(t.Context(), link.Issuer, link.Subject)
		if err != nil || bytes.Contains(sealed, []byte(token.AccessToken)) {
			t.Errorf("the store holds %q, %v", sealed, err)
		}
		if token.RefreshToken != "" {
			t.Error("the refresh token is handed out")
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, r.idp.URL+"/userinfo", http.NoBody)
		token.SetAuthHeader(req)
		if _, err := oauth.Fetch(newClient(t, 0), req); err != nil {
			t.Error(err)
		}
		if hint, err := tokens.IDToken(t.Context(), link); err != nil || hint == "" {
			t.Errorf("ID token %q, %v", hint, err)
		}
	})
	t.Run("OAU-12 what is kept for one identity does not open for another", func(t *testing.T) {
		_, tokens, store, link := withTokens(t)
		sealed, err := store.Get(t.Context(), link.Issuer, link.Subject)
		if err != nil {
			t.Fatal(err)
		}
		other := link
		other.Subject = "bob-8"
		if err := store.Put(t.Context(), other.Issuer, other.Subject, sealed); err != nil {
			t.Fatal(err)
		}
		if token, err := tokens.Source(t.Context(), other).Token(); err == nil {
			t.Errorf("%v", token)
		}
	})
	t.Run("a token that has expired is refreshed once for 50 callers", func(t *testing.T) {
		r, tokens, _, link := withTokens(t)
		first, err := tokens.Source(t.Context(), link).Token()
		if err != nil {
			t.Fatal(err)
		}
		before := r.idp.Count(hostileidp.Token)
		r.clock.Advance(time.Hour - 20*time.Second)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 50 {
			wg.Go(func() {
				<-start
				token, err := tokens.Source(context.Background(), link).Token()
				if err != nil || token.AccessToken == first.AccessToken {
					t.Errorf("%v, %v", token, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if n := r.idp.Count(hostileidp.Token) - before; n != 1 {
			t.Errorf("%d requests", n)
		}
		r.clock.Advance(time.Hour) // the next refresh token is the rotated one
		if _, err := tokens.Source(t.Context(), link).Token(); err != nil {
			t.Error(err)
		}
	})
	t.Run("another process has refreshed a moment ago", func(t *testing.T) {
		r, tokens, store, link := withTokens(t)
		second, err := oauth.NewTokens(store, oauth.TokensConfig{Key: key, Providers: []oauth.Provider{r.generic("test", nil)}, Now: r.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(time.Hour)
		held := make(chan struct{})
		var once sync.Once
		r.idp.Script(hostileidp.Token, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			first := false
			once.Do(func() { first = true })
			if first { // the other one is faster
				if _, err := second.Source(context.Background(), link).Token(); err != nil {
					t.Error(err)
				}
				close(held)
			}
			next.ServeHTTP(w, req)
		})
		token, err := tokens.Source(t.Context(), link).Token()
		<-held
		theirs, _ := second.Source(t.Context(), link).Token()
		if err != nil || token.AccessToken != theirs.AccessToken {
			t.Errorf("%v, %v", token, err)
		}
	})
	t.Run("a grant that the provider has ended is ErrNoToken", func(t *testing.T) {
		r, tokens, _, link := withTokens(t)
		r.clock.Advance(2 * time.Hour)
		r.idp.Script(hostileidp.Token, hostileidp.Answer(400, "application/json", `{"error":"invalid_grant"}`))
		if _, err := tokens.Source(t.Context(), link).Token(); !errors.Is(err, oauth.ErrNoToken) {
			t.Error(err)
		}
	})
	t.Run("a provider that is down is not the end of the grant", func(t *testing.T) {
		r, tokens, _, link := withTokens(t)
		r.clock.Advance(2 * time.Hour)
		r.idp.Script(hostileidp.Token, hostileidp.Answer(500, "text/plain", "down"))
		if _, err := tokens.Source(t.Context(), link).Token(); !errors.Is(err, oauth.ErrProvider) || errors.Is(err, oauth.ErrNoToken) {
			t.Error(err)
		}
		r.idp.Script(hostileidp.Token, nil)
		if _, err := tokens.Source(t.Context(), link).Token(); err != nil {
			t.Error(err)
		}
	})
	t.Run("LNK-05 tokens go with their link, also while one is refreshed", func(t *testing.T) {
		r, tokens, _, link := withTokens(t)
		r.clock.Advance(2 * time.Hour)
		r.idp.Script(hostileidp.Token, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if err := tokens.Forget(context.Background(), link); err != nil {
				t.Error(err)
			}
			next.ServeHTTP(w, req)
		})
		for range 2 {
			if _, err := tokens.Source(t.Context(), link).Token(); !errors.Is(err, oauth.ErrNoToken) {
				t.Error(err)
			}
		}
		if _, err := tokens.IDToken(t.Context(), link); !errors.Is(err, oauth.ErrNoToken) {
			t.Error(err)
		}
	})
	t.Run("LNK-05 Unlink and DeleteUser forget them", func(t *testing.T) {
		for name, do := range map[string]func(l *oauth.Links, link oauth.Link) error{
			"Unlink":     func(l *oauth.Links, link oauth.Link) error { return l.Unlink(t.Context(), link.User, link.ID(), "") },
			"DeleteUser": func(l *oauth.Links, link oauth.Link) error { return l.DeleteUser(t.Context(), link.User) },
		} {
			r, tokens, _, link := withTokens(t)
			r.users.byID[link.User].password = true
			links, err := oauth.NewLinks(r.store, oauth.LinksConfig{Principal: r.users.Principal, OtherMethods: r.users.OtherMethods, Tokens: tokens})
			if err != nil {
				t.Fatal(err)
			}
			if err := do(links, link); err != nil {
				t.Fatal(name, err)
			}
			if _, err := tokens.Source(t.Context(), link).Token(); !errors.Is(err, oauth.ErrNoToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("configuration", func(t *testing.T) {
		r := newRig(t, setup{})
		p := r.generic("test", nil)
		for name, c := range map[string]oauth.TokensConfig{
			"no key": {Providers: []oauth.Provider{p}}, "a nil provider": {Key: key, Providers: []oauth.Provider{nil}},
			"two of one name": {Key: key, Providers: []oauth.Provider{p, p}},
		} {
			if _, err := oauth.NewTokens(nil, c); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		tokens, err := oauth.NewTokens(nil, oauth.TokensConfig{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		cfg := r.config()
		cfg.Tokens = tokens
		if _, err := oauth.New(p, cfg); err == nil {
			t.Error("a Flow whose tokens could not be refreshed is no error")
		}
		if tokens, err = oauth.NewTokens(nil, oauth.TokensConfig{Key: key, Providers: []oauth.Provider{p}}); err != nil {
			t.Fatal(err)
		}
		cfg.Tokens = tokens
		if _, err := oauth.New(p, cfg); err != nil {
			t.Error(err)
		}
		// Its refresh tokens would be sent to p.
		if _, err := oauth.New(r.generic("test", nil), cfg); err == nil {
			t.Error("OAU-12 two providers of one name are no error")
		}
	})
}
