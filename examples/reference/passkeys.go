package main

import (
	"net"
	"net/http"
	"net/url"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa/passkey"
)

// newPasskeys makes passkeys for the domain of this service. An IP address is none: in
// development they are for localhost, under which this machine finds the service too.
func (s *service) newPasskeys(key []byte, current auth.Current) error {
	base, err := url.Parse(s.cfg.BaseURL)
	if err != nil {
		return err
	}
	domain, origin := base.Hostname(), s.cfg.BaseURL
	if s.cfg.Dev && net.ParseIP(domain) != nil {
		domain = "localhost"
		if origin = "http://localhost"; base.Port() != "" && base.Port() != "80" {
			origin += ":" + base.Port()
		}
	}
	s.passkeys, err = passkey.New(s.stores.passkeys, s.factors, passkey.Config{
		RPID: domain, Origins: []string{origin}, Name: "Sallyport Reference", Key: key, Current: current,
		Elevate: s.sessions.Elevate, InsecureCookie: s.cfg.Dev, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	s.passkeyOrigin = origin
	return err
}

// routePasskeys are for passkey.js, which talks to them from the pages.
func (s *service) routePasskeys(mux *http.ServeMux, member func(http.Handler) http.Handler) {
	const base = "/api/v1/passkeys"
	person := auth.Chain(member, s.refuseKeys)
	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
	mux.Handle("POST "+base+"/register/begin", person(s.passkeys.RegisterBeginHandler()))
	mux.Handle("POST "+base+"/register/finish", person(s.passkeys.RegisterFinishHandler()))
	mux.Handle("GET "+base, person(s.passkeys.ListHandler()))
	mux.Handle("PATCH "+base+"/{id}", person(s.passkeys.RenameHandler()))
	mux.Handle("DELETE "+base+"/{id}", person(s.passkeys.RemoveHandler()))
	mux.Handle("POST "+base+"/factor/begin", s.passkeys.FactorBeginHandler())
	mux.Handle("POST "+base+"/factor/finish", s.passkeys.FactorFinishHandler())
	mux.Handle("POST "+base+"/login/begin", s.passkeys.LoginBeginHandler())
	mux.Handle("POST "+base+"/login/finish", s.passkeys.LoginHandler(s.factors.Gate(s.sessions)))
	mux.Handle("GET /passkeys-page.js", file("passkeys-page.js"))
}
