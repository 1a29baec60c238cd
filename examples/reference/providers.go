package main

import (
	"net/http"
	"net/url"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
)

// A provider is a service at which people have an account with which they can sign in
// here.
type provider struct {
	Name, Label string
	flow        *oauth.Flow
}

// newProviders makes those that are configured. None of them is asked for anything
// yet: this service starts while they are down.
func (s *service) newProviders(key []byte, signedIn auth.Authenticator) (err error) {
	s.links, err = oauth.NewLinks(s.stores.links, oauth.LinksConfig{
		Principal: s.federated, Register: s.registerFederated, Discard: s.stores.users.Delete, Wipe: s.claim,
		Revokers: auth.Revokers{s.factors, s.sessions, s.tokens}, OtherMethods: s.hasPassword,
		ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return err
	}
	cfg := s.cfg
	if cfg.GitHubID != "" {
		github, err := oauth.NewGitHub(oauth.GitHubConfig{
			ClientID: cfg.GitHubID, Auth: oauth.ClientSecretPost(cfg.GitHubSecret), URL: cfg.GitHubURL, APIURL: cfg.GitHubAPIURL,
		})
		if err != nil {
			return err
		}
		if err := s.addProvider("GitHub", github, key, signedIn); err != nil {
			return err
		}
	}
	if cfg.OIDCIssuer != "" {
		company, err := oidc.New(oidc.Config{
			Issuer: cfg.OIDCIssuer, ClientID: cfg.OIDCID, Auth: oauth.ClientSecretBasic(cfg.OIDCSecret),
			Accept: s.keepIDToken, OnEvent: s.onEvent,
		})
		if err != nil {
			return err
		}
		if err := s.newLogout(company); err != nil {
			return err
		}
		if err := s.addProvider(host(cfg.OIDCIssuer), company, key, signedIn); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) addProvider(label string, p oauth.Provider, key []byte, signedIn auth.Authenticator) error {
	flow, err := oauth.New(p, oauth.Config{
		RedirectURL: s.cfg.BaseURL + "/api/v1/auth/" + p.Name() + "/callback",
		Key:         key, Consumer: s.stores.attempts, SignedIn: signedIn, ReturnTo: "/account", Linked: "/account",
		InsecureCookie: s.cfg.Dev, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return err
	}
	s.providers = append(s.providers, provider{p.Name(), label, flow})
	return nil
}

// routeProviders are the same for pages and clients: they lead a browser there and
// back.
func (s *service) routeProviders(mux *http.ServeMux, member func(http.Handler) http.Handler) {
	person := auth.Chain(member, s.refuseKeys)
	limited := s.stores.starts.Handler(s.clients.Key)
	for _, p := range s.providers {
		mux.Handle("GET /api/v1/auth/"+p.Name, limited(p.flow.Start()))
		mux.Handle("/api/v1/auth/"+p.Name+"/callback", p.flow.Callback(s.links, s.factors.Gate(s.sessions)))
		mux.Handle("POST /account/links/"+p.Name, person(s.leave(p.flow.StartLink())))
	}
	s.routeLogout(mux)
	mux.Handle("GET /api/v1/links", person(s.links.ListHandler()))
	mux.Handle("DELETE /api/v1/links/{id}", person(s.links.UnlinkHandler()))
	mux.Handle("POST /account/links/{id}/remove", auth.Chain(person, s.fresh)(s.form("/account", "unlinked", func(r *http.Request, p *auth.Principal) error {
		id, except := r.PathValue("id"), p.CredentialID
		if p.Attributes[oauth.AttributeLink] == id {
			except = "" // this session was made through it
		}
		return s.links.Unlink(r.Context(), p.Subject, id, except)
	})))
}

// label is what people call the provider of that name.
func label(all []provider, name string) string {
	for _, p := range all {
		if p.Name == name {
			return p.Label
		}
	}
	return name // one that is not configured any more
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
