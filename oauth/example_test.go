package oauth_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/session"
)

// "Sign in with GitHub", here with a stand-in for it on loopback.
func Example() {
	idp, err := oauthtest.NewServer(oauthtest.Config{SkipConsent: true})
	if err != nil {
		panic(err)
	}
	defer idp.Close()
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	accounts := newUsers()

	github, err := oauth.NewGitHub(oauth.GitHubConfig{
		ClientID: oauthtest.ClientID,
		Auth:     oauth.ClientSecretPost(oauthtest.ClientSecret),
		URL:      idp.URL, // empty for github.com
	})
	if err != nil {
		panic(err)
	}
	links, err := oauth.NewLinks(nil, oauth.LinksConfig{Principal: accounts.Principal, Register: accounts.Register})
	if err != nil {
		panic(err)
	}
	flow, err := oauth.New(github, oauth.Config{
		RedirectURL: "https://app.example.com/auth/github/callback",
		Key:         bytes.Repeat([]byte{1}, 32), // 32 random bytes of your own
		SignedIn:    sessions,
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /auth/github", flow.Start())
	mux.Handle("GET /auth/github/callback", flow.Callback(links, sessions))
	mux.Handle("POST /account/links/github", auth.Require(sessions)(flow.StartLink()))
	mux.Handle("GET /profile", auth.Require(sessions)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprint(w, "you are ", p.Subject)
	})))

	server := httptest.NewTLSServer(mux)
	defer server.Close()
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://app.example.com/auth/github?return_to=/profile", http.NoBody)
	r.Header.Set("Accept", "text/html")
	res, err := browser.Do(r)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(string(body))
	// Output: you are user-1
}

// Register says what becomes of an identity that belongs to nobody.
func ExampleLinksConfig() {
	type account struct {
		id       string
		verified bool
	}
	byEmail := map[string]account{"bob@example.com": {"17", true}, "eve@example.com": {"18", false}}
	register := func(_ context.Context, id *oauth.Identity) (oauth.Registered, error) {
		a, there := byEmail[id.Email] // by the canonical form of the accounts
		switch {
		case !there:
			return oauth.Registered{User: "19"}, nil // a new account
		case !a.verified && id.EmailVerified:
			return oauth.Registered{User: a.id, TakeOver: true}, nil // nobody's yet: emptied first
		}
		return oauth.Registered{}, oauth.ErrLinkRequired // somebody's: they sign in and link
	}
	links, err := oauth.NewLinks(nil, oauth.LinksConfig{
		Principal: func(_ context.Context, user string, _ *oauth.Identity) (*auth.Principal, error) {
			return &auth.Principal{Subject: user}, nil
		},
		Register: register,
		Wipe:     func(context.Context, string) error { return nil }, // password, factors, keys
	})
	if err != nil {
		panic(err)
	}
	for i, email := range []string{"alice@example.com", "bob@example.com", "eve@example.com"} {
		id := &oauth.Identity{Provider: "github", Issuer: "https://github.com", Subject: fmt.Sprint(i + 1), Email: email, EmailVerified: true}
		p, outcome, err := links.Resolve(context.Background(), id, oauth.Visit{})
		if err != nil {
			fmt.Println(email, err)
			continue
		}
		fmt.Println(email, "is", p.Subject, outcome)
	}
	// Output:
	// alice@example.com is 19 new
	// bob@example.com oauth: sign in to the existing account and link the identity there
	// eve@example.com is 18 take-over
}
