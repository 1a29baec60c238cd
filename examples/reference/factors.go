package main

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/account"
)

// factorPage asks for the second factor of a sign-in that waits in this browser, or of
// somebody who has signed in and is asked for more.
func (s *service) factorPage(w http.ResponseWriter, r *http.Request) {
	pending, err := s.factors.Pending(r)
	switch {
	case errors.Is(err, mfa.ErrNoChallenge):
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	case err != nil:
		s.onError(w, r, err)
	default:
		s.show(w, r, http.StatusOK, "factor", view{Title: "One more step", Return: auth.ReturnPath(r, ""), Data: pending})
	}
}

// factorForm answers the forms of factors: what is shown once, and what was refused.
func (s *service) factorForm(w http.ResponseWriter, r *http.Request, f mfa.FormState) {
	switch {
	case f.Err == nil && f.Enrolment != nil:
		s.showEnrolment(w, r, http.StatusOK, f.Enrolment)
	case f.Err == nil:
		s.show(w, r, http.StatusOK, "codes", view{Title: "Your recovery codes", Data: f.RecoveryCodes})
	case f.Flow == mfa.FlowChallenge && f.Problem.Status < http.StatusInternalServerError && !errors.Is(f.Err, mfa.ErrNoChallenge):
		s.show(w, r, f.Problem.Status, "factor", view{Title: "One more step", Error: sayWhy(f.Err), Field: "code"})
	case f.Flow == mfa.FlowVerify || f.Flow == mfa.FlowDisable || f.Flow == mfa.FlowRecoveryCodes:
		s.showAccount(w, r, f.Problem.Status, view{Error: sayWhy(f.Err)})
	default:
		s.onError(w, r, f.Err)
	}
}

func (s *service) showEnrolment(w http.ResponseWriter, r *http.Request, status int, e *mfa.Enrolment) {
	qr, err := e.QR()
	if err != nil {
		s.onError(w, r, err)
		return
	}
	s.show(w, r, status, "enrol", view{Title: "Set up an authenticator app", Data: struct {
		QR     template.URL
		Secret string
	}{template.URL(qr), e.Secret}})
}

// factorChanged tells a user by mail what has become of their factors.
func (s *service) factorChanged(ctx context.Context, n mfa.Notice) {
	kind := account.MessageFactorChanged
	if n.Kind == mfa.EventCodeUsed {
		kind = account.MessageRecoveryUsed
	}
	if err := s.accounts.Notify(ctx, n.Subject, kind); err != nil {
		s.audit.record(ctx, auth.Event{Kind: "reference.unsent", Subject: n.Subject, Err: err})
	}
}

// claim takes from an account what was added before anybody had proved its address.
func (s *service) claim(ctx context.Context, subject string) error {
	return errors.Join(s.factors.Remove(ctx, subject), s.keys.RevokeSubject(ctx, subject, ""), s.links.DeleteUser(ctx, subject))
}
