package oidc_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/session"
)

// A service whose users sign in with an OpenID Connect provider. The provider need not
// be there when it starts.
func Example() {
	provider, err := oidc.New(oidc.Config{
		Issuer:   "https://login.example.com",
		ClientID: "client",
		Auth:     oauth.ClientSecretBasic("secret"),
		OnEvent:  auth.LogEvents(slog.Default()),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	store := oauth.NewMemoryLinkStore(0) // in production oauth/sqlstore
	links, err := oauth.NewLinks(store, oauth.LinksConfig{
		Principal: func(_ context.Context, user string, _ *oauth.Identity) (*auth.Principal, error) {
			return &auth.Principal{Subject: user}, nil // with the roles of today
		},
		Register: func(_ context.Context, id *oauth.Identity) (oauth.Registered, error) {
			return oauth.Registered{User: "u-" + rand.Text()}, nil
		},
		Revokers: auth.Revokers{sessions},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // in production the same on every machine
	flow, err := oauth.New(provider, oauth.Config{RedirectURL: "https://app.example.com/auth/oidc/callback", Key: key, SignedIn: sessions})
	if err != nil {
		fmt.Println(err)
		return
	}
	logout, err := provider.Logout(oidc.LogoutConfig{
		SignOut:   func(_ http.ResponseWriter, r *http.Request) error { return sessions.SignOut(r.Context()) },
		ReturnURL: "https://app.example.com/signed-out",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	backchannel, err := provider.Backchannel(oidc.BackchannelConfig{Links: store, Revoker: sessions})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /auth/oidc", flow.Start())
	mux.Handle("GET /auth/oidc/callback", flow.Callback(links, sessions))
	mux.Handle("POST /sign-out", logout.Start())
	mux.Handle("GET /signed-out", logout.Return())
	mux.Handle("POST /auth/oidc/backchannel", backchannel)
	_ = sessions.Handler(mux) // goes to http.Server
	fmt.Println("ready for", provider.Name())
	// Output: ready for oidc
}

// Only accounts of one Google Workspace domain, and a refresh token.
func ExampleNewGoogle() {
	google, err := oidc.NewGoogle(oidc.GoogleConfig{
		Config:  oidc.Config{ClientID: "client", Auth: oauth.ClientSecretPost("secret")},
		Domains: []string{"example.com"},
		Offline: true,
	})
	fmt.Println(google.Name(), err)
	// Output: google <nil>
}

// Every organization with Microsoft Entra ID, but no personal accounts.
func ExampleNewMicrosoft() {
	microsoft, err := oidc.NewMicrosoft(oidc.MicrosoftConfig{
		Config: oidc.Config{ClientID: "client", Auth: oauth.ClientSecretPost("secret")},
		Tenant: oidc.MicrosoftOrganizations,
	})
	fmt.Println(microsoft.Name(), err)
	_, err = oidc.NewMicrosoft(oidc.MicrosoftConfig{Config: oidc.Config{ClientID: "client"}, Tenant: "example.com"})
	fmt.Println(err)
	// Output:
	// microsoft <nil>
	// oidc: Tenant "example.com": use the id of a tenant, 36 characters in lower case, or one of organizations, consumers and common
}
