package passkey

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
)

// LoginBeginHandler answers POST of anybody with what a browser needs to offer the
// passkeys that it has for this site, as RegisterBeginHandler does. The body is not
// read, and nothing is stored.
func (m *Manager) LoginBeginHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request) error {
		assertion, session, err := m.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
		if err != nil {
			return fmt.Errorf("passkey: begin login: %w", err)
		}
		c, err := newCeremony(session)
		if err != nil {
			return err
		}
		state, err := m.begin(w, r, forLogin, c)
		if err != nil {
			return err
		}
		return m.show(w, assertion.Response, state)
	})
}

// LoginHandler answers POST of the browser that has come from LoginBeginHandler with
// what next writes for the owner of the passkey: a session for example, or tokens. The
// body is that of FactorFinishHandler, and user_handle must be there.
//
// Give it the Gate that all other logins get. The passkey has verified its user, so it
// is two factors at once, and a Gate of the mfa.Manager asks for no other
// (mfa.Manager.WithProof). The principal has one auth.Factor, auth.FactorHardware:
// auth.RequireFresh with that kind is content, one that wants auth.FactorOTP is not.
// Every other SignIn in between decides as for a password.
//
// It panics on a nil next, and without Config.Current: that is a mistake of wiring.
//
// Refusals: ErrChallenge, ErrUnknown, ErrInvalid, and those of Config.Current and of
// next.
func (m *Manager) LoginHandler(next auth.SignIn) http.Handler {
	if next == nil || m.cfg.Current == nil {
		panic("passkey: LoginHandler wants a SignIn, and Config.Current, which tells who the subject is")
	}
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request) error {
		var in assertion
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		c, err := m.open(r, forLogin, in.State)
		if err != nil {
			return err
		}
		at := m.now()
		found, err := m.prove(r.Context(), c, "", in)
		if err != nil {
			return err
		}
		f := auth.Factor{Kind: auth.FactorHardware, At: at}
		p, err := m.cfg.Current(r.Context(), &auth.Principal{Subject: found.Subject, AuthenticatedAt: at, Factors: []auth.Factor{f}})
		if err == nil && (p == nil || p.Subject != found.Subject) {
			err = errCurrent
		}
		if err != nil {
			m.emit(r.Context(), auth.Event{Kind: auth.EventSignInFail, Subject: found.Subject, Err: err})
			return err
		}
		// Whatever Current has made of them: this is what was proved, and when.
		p = p.Clone()
		p.AuthenticatedAt, p.Factors = at, []auth.Factor{f}
		r = r.WithContext(m.factors.WithProof(r.Context(), found.Subject, f))
		return next.SignIn(w, returning(r, in.ReturnTo), p)
	})
}

var errCurrent = errors.New("passkey: Config.Current has returned nobody, or somebody else")

// returning returns r with the path to return to where auth.ReturnPath looks, if it is
// one.
func returning(r *http.Request, path string) *http.Request {
	r = r.WithContext(r.Context()) // a copy
	if path, ok := auth.LocalPath(path); ok {
		r.PostForm = url.Values{auth.ReturnParam: {path}}
	}
	return r
}
