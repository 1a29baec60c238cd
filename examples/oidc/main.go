// Oidc is a site whose users sign in with an OpenID Connect provider: with links of
// several accounts, sessions, and a sign-out that ends the session at the provider too.
// Without a provider of yours it starts one that knows Alice and Bob.
//
//	go run ./oidc
//	OIDC_ISSUER=https://login.example.com OIDC_CLIENT_ID=… OIDC_CLIENT_SECRET=… go run ./oidc
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; plain HTTP and passwords of a demo, so keep it on loopback")
	flag.Parse()

	base := "http://" + *addr
	s := settings{base: base, issuer: os.Getenv("OIDC_ISSUER"), clientID: os.Getenv("OIDC_CLIENT_ID"), secret: os.Getenv("OIDC_CLIENT_SECRET")}
	if s.issuer == "" {
		demo, err := demoProvider(base)
		if err != nil {
			fatal(err)
		}
		defer demo.Close()
		s.issuer, s.clientID, s.secret = demo.URL, oauthtest.ClientID, oauthtest.ClientSecret
	}
	site, err := newSite(s, slog.Default())
	if err != nil {
		fatal(err)
	}
	fmt.Printf("Open %s\n\nProvider: %s\nRegister with it:\n  redirect URI             %s\n  post-logout redirect URI %s\n  back-channel logout URI  %s\n\n",
		base, s.issuer, base+callbackPath, base+signedOutPath, base+backchannelPath)
	server := &http.Server{Addr: *addr, Handler: site, ReadHeaderTimeout: 5 * time.Second}
	fatal(server.ListenAndServe())
}

const (
	callbackPath    = "/auth/oidc/callback"
	backchannelPath = "/auth/oidc/backchannel"
	signedOutPath   = "/signed-out"
)

type settings struct{ base, issuer, clientID, secret string }

// newSite wires the flow: the provider proves an identity, the links say whose that is
// here, and the session is the credential that comes out.
func newSite(s settings, log *slog.Logger) (http.Handler, error) {
	site := &site{users: newUsers()}
	onError := problem.Log(log, site.showProblem) // 5xx go to the log, browsers get a page, others the problem
	onEvent := auth.LogEvents(log)
	sessions, err := session.New(nil, session.Config{ // nil: in memory
		InsecureCookie: true, // this is plain HTTP on loopback; delete the line behind TLS
		Keep:           []string{idToken},
		Landing:        "/account",
		ErrorHandler:   onError,
		OnEvent:        onEvent,
	})
	if err != nil {
		return nil, err
	}
	var proof oauth.ClientAuth // nil: a public client
	if s.secret != "" {
		proof = oauth.ClientSecretBasic(s.secret)
	}
	site.provider, err = oidc.New(oidc.Config{
		Issuer:   s.issuer,
		ClientID: s.clientID,
		Auth:     proof,
		OnEvent:  onEvent,
		// The provider asks no question at the sign-out if it sees its ID token again.
		Accept: func(ctx context.Context, _ *oauth.Identity, raw string) error {
			sessions.SCS().Put(ctx, idToken, raw)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	site.links, err = oauth.NewLinks(nil, oauth.LinksConfig{ // nil: in memory; oauth/sqlstore keeps them
		Principal: site.users.principal,
		Register:  site.users.register,
		Discard:   site.users.discard,
		Revokers:  auth.Revokers{sessions},
		OnEvent:   onEvent,
	})
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // in production one key for all processes, from where you keep secrets
	flow, err := oauth.New(site.provider, oauth.Config{
		RedirectURL:    s.base + callbackPath,
		Key:            key,
		SignedIn:       sessions,
		ReturnTo:       "/account",
		Linked:         "/account",
		InsecureCookie: true, // as above
		ErrorHandler:   onError,
		OnEvent:        onEvent,
	})
	if err != nil {
		return nil, err
	}
	logout, err := site.provider.Logout(oidc.LogoutConfig{
		SignOut:        func(_ http.ResponseWriter, r *http.Request) error { return sessions.SignOut(r.Context()) },
		IDToken:        func(r *http.Request) (string, error) { return sessions.SCS().GetString(r.Context(), idToken), nil },
		ReturnURL:      s.base + signedOutPath,
		InsecureCookie: true, // as above
		ErrorHandler:   onError,
	})
	if err != nil {
		return nil, err
	}
	backchannel, err := site.provider.Backchannel(oidc.BackchannelConfig{Links: site.links, Revoker: sessions})
	if err != nil {
		return nil, err
	}

	visitor := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, Optional: true, ErrorHandler: onError}).Handler
	member := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, ErrorHandler: signInFirst(onError)}).Handler

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", visitor(site.page("home", "Welcome")))
	mux.Handle("GET /style.css", stylesheet)
	mux.Handle("GET /auth/oidc", flow.Start())
	mux.Handle("GET "+callbackPath, flow.Callback(site.links, sessions))
	mux.Handle("POST "+backchannelPath, backchannel)
	mux.Handle("GET /account", member(http.HandlerFunc(site.account)))
	mux.Handle("POST /account/link", member(flow.StartLink()))
	mux.Handle("POST /account/links/{id}/remove", member(site.unlink(onError)))
	mux.Handle("POST /sign-out", logout.Start())
	mux.Handle("GET "+signedOutPath, logout.Return())
	return auth.Chain(harden, problem.Recover(onError), sessions.Handler)(mux), nil
}

// idToken is the value of a session with the ID token of its sign-in.
const idToken = "id_token"

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "oidc:", err)
	os.Exit(1)
}
