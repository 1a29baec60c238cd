package main

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/password/account"
)

// Where a browser comes back from the provider after a sign-out, and where the provider
// itself says that a user has signed out there. Both are registered with it.
const (
	signedOutPath   = "/logout/oidc/done"
	backchannelPath = "/api/v1/auth/oidc/backchannel"
)

// idToken is the value of a session with the ID token of its sign-in: a provider that
// sees it again asks no question at the sign-out.
const idToken = "id_token"

// keepIDToken is asked about every ID token that is good. The session that it is put
// into may be that of a visitor: session.Config.Keep has it outlast the sign-in.
func (s *service) keepIDToken(ctx context.Context, _ *oauth.Identity, raw string) error {
	s.sessions.SCS().Put(ctx, idToken, raw)
	return nil
}

// newLogout wires the sign-outs of a provider, in both directions.
func (s *service) newLogout(p *oidc.Provider) (err error) {
	s.logout, err = p.Logout(oidc.LogoutConfig{
		SignOut:   func(_ http.ResponseWriter, r *http.Request) error { return s.signOut(r.Context()) },
		IDToken:   func(r *http.Request) (string, error) { return s.sessions.SCS().GetString(r.Context(), idToken), nil },
		ReturnURL: s.cfg.BaseURL + signedOutPath, Page: "/login?" + account.NoticeParam + "=" + string(account.FlowLogout),
		InsecureCookie: s.cfg.Dev, ClientIP: s.clients.Address, ErrorHandler: s.onError,
	})
	if err != nil {
		return err
	}
	s.backchannel, err = p.Backchannel(oidc.BackchannelConfig{
		Links: s.links, Revoker: auth.Revokers{s.sessions, s.tokens}, ClientIP: s.clients.Address, ErrorHandler: s.onError,
	})
	return err
}

// routeLogout is there if there is an OpenID Connect provider.
func (s *service) routeLogout(mux *http.ServeMux) {
	if s.logout == nil {
		return
	}
	mux.Handle("POST /logout/oidc", s.leave(s.logout.Start()))
	mux.Handle("GET "+signedOutPath, s.logout.Return())
	mux.Handle("POST "+backchannelPath, s.backchannel)
}

// atProvider is the host of the provider, if this browser has been there in this session
// and may be signed in there.
func (s *service) atProvider(ctx context.Context) string {
	if s.logout == nil || !s.sessions.SCS().Exists(ctx, idToken) {
		return ""
	}
	return host(s.cfg.OIDCIssuer)
}
