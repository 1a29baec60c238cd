package main

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// newFactors makes the second step. Who has accounts with passwords that change (package
// password/account) gives them Revokers{factors, sessions}, in that order: what waits
// ends before it can become a session.
func (s *site) newFactors(signedIn auth.Authenticator) (*mfa.Manager, error) {
	return mfa.New(nil, mfa.Config{
		Issuer:       "Sallyport MFA",
		Key:          newKey(),
		TrustDevices: 30 * 24 * time.Hour,
		Revokers:     auth.Revokers{s.sessions}, // a change of factors ends all other sessions
		Elevate:      s.sessions.Elevate,        // a step-up is noted in the session
		Current:      s.users.current,           // who was blocked while the second step waited is refused
		SignedIn:     signedIn,
		Remember:     session.Remember,
		Pages:        mfa.Pages{Challenge: "/login/factor", Account: "/account"},
		Form:         s.factorForm,
		Notify:       s.notify,

		InsecureCookie: true,
		ErrorHandler:   s.onError, OnEvent: s.onEvent, Now: s.now,
	})
}

// routeFactors are forms of pages and, for those who post JSON, an API.
func (s *site) routeFactors(mux *http.ServeMux, member, visitor func(http.Handler) http.Handler) {
	mux.Handle("GET /login/factor", visitor(http.HandlerFunc(s.factorPage)))
	mux.Handle("POST /login/factor", visitor(s.factors.ChallengeHandler())) // completes a sign-in, or steps up
	mux.Handle("POST /account/app/enable", member(s.factors.EnableHandler()))
	mux.Handle("POST /account/app/verify", member(s.factors.VerifyHandler()))
	mux.Handle("POST /account/app/disable", member(s.factors.DisableHandler()))
	mux.Handle("POST /account/codes", member(s.factors.RecoveryCodesHandler()))
	mux.Handle("POST /account/devices/forget", member(s.factors.RevokeDeviceHandler()))
}

// factorPage asks for the second step of a sign-in that waits in this browser, or of
// somebody who has signed in and is asked for more.
func (s *site) factorPage(w http.ResponseWriter, r *http.Request) {
	s.showFactors(w, r, http.StatusOK, view{Return: auth.ReturnPath(r, "")})
}

func (s *site) showFactors(w http.ResponseWriter, r *http.Request, status int, v view) {
	pending, err := s.factors.Pending(r)
	switch {
	case errors.Is(err, mfa.ErrChallenge), err == nil && len(pending.Kinds) == 0:
		toPage(w, r, "/login", v.Return) // nothing waits, or there is nothing to prove but the password
	case err != nil:
		s.onError(w, r, err)
	default:
		v.Title, v.Data = "One more step", pending
		if pending.StepUp {
			v.Title = "Is it still you?"
		}
		s.render(w, r, status, "factor", v)
	}
}

// factorForm answers the forms of factors: what is shown once, and what was refused.
func (s *site) factorForm(w http.ResponseWriter, r *http.Request, f mfa.FormState) {
	switch {
	case f.Err == nil && f.Enrolment != nil:
		s.showEnrolment(w, r, f.Enrolment)
	case f.Err == nil:
		s.render(w, r, http.StatusOK, "codes", view{Title: "Your recovery codes", Data: f.RecoveryCodes})
	case f.Problem.Status >= http.StatusInternalServerError:
		s.onError(w, r, f.Err)
	case errors.Is(f.Err, auth.ErrStepUp):
		toPage(w, r, "/login/factor", "/account")
	case f.Flow == mfa.FlowChallenge:
		s.showFactors(w, r, f.Problem.Status, view{Error: sayWhy(f.Err), Return: f.ReturnTo})
	default:
		s.showAccount(w, r, f.Problem.Status, view{Error: sayWhy(f.Err)})
	}
}

func (s *site) showEnrolment(w http.ResponseWriter, r *http.Request, e *mfa.Enrolment) {
	qr, err := e.QR()
	if err != nil {
		s.onError(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "enrol", view{Title: "Set up an authenticator app", Data: struct {
		QR     template.URL // a data URL that this process has made
		Secret string
	}{template.URL(qr), e.Secret}})
}

// notify is where a service sends a mail: a change of factors that its owner has not
// made is seen by nobody else.
func (s *site) notify(ctx context.Context, n mfa.Notice) {
	s.log.InfoContext(ctx, "mail to the user", "about", n.Kind, "subject", n.Subject)
}

func sayWhy(err error) string {
	d := problem.From(err)
	if d.Detail != "" {
		return d.Detail
	}
	return d.Title + "."
}
