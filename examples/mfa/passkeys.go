package main

import (
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa/passkey"
)

// newPasskeys makes passkeys for localhost. It makes them a second factor too: mfa asks
// whoever has one.
func (s *site) newPasskeys() (*passkey.Manager, error) {
	return passkey.New(nil, s.factors, passkey.Config{
		RPID:    "localhost", // your domain; never change it
		Origins: []string{s.origin},
		Name:    "Sallyport MFA",
		Key:     newKey(),
		Current: s.users.current, // who it is that signs in with a passkey alone
		Elevate: s.sessions.Elevate,

		InsecureCookie: true,
		ErrorHandler:   s.onError, OnEvent: s.onEvent, Now: s.now,
	})
}

// routePasskeys are what passkey.js talks to from the pages.
func (s *site) routePasskeys(mux *http.ServeMux, member func(http.Handler) http.Handler, door auth.SignIn) {
	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
	mux.Handle("GET /passkeys", member(s.passkeys.ListHandler()))
	mux.Handle("POST /passkeys/register/begin", member(s.passkeys.RegisterBeginHandler()))
	mux.Handle("POST /passkeys/register/finish", member(s.passkeys.RegisterFinishHandler()))
	mux.Handle("PATCH /passkeys/{id}", member(s.passkeys.RenameHandler()))
	mux.Handle("DELETE /passkeys/{id}", member(s.passkeys.RemoveHandler()))
	mux.Handle("POST /passkeys/factor/begin", s.passkeys.FactorBeginHandler()) // beside a password, or a step-up
	mux.Handle("POST /passkeys/factor/finish", s.passkeys.FactorFinishHandler())
	mux.Handle("POST /passkeys/login/begin", s.passkeys.LoginBeginHandler()) // alone
	mux.Handle("POST /passkeys/login/finish", s.passkeys.LoginHandler(door))
}
