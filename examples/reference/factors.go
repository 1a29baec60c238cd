package main

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"slices"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/account"
)

// factorPage asks for the second factor of a sign-in that waits in this browser, or of
// somebody who has signed in and is asked for more.
func (s *service) factorPage(w http.ResponseWriter, r *http.Request) {
	s.showFactor(w, r, http.StatusOK, view{Return: auth.ReturnPath(r, "")})
}

func (s *service) showFactor(w http.ResponseWriter, r *http.Request, status int, v view) {
	pending, err := s.factors.Pending(r)
	switch {
	case errors.Is(err, mfa.ErrChallenge):
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	case err != nil:
		s.onError(w, r, err)
		return
	}
	v.Title = "One more step"
	if pending.StepUp {
		v.Title = "Is it still you?"
	}
	v.Data = struct{ App, Codes, Passkey, Trust bool }{
		slices.Contains(pending.Kinds, auth.FactorOTP),
		slices.Contains(pending.Kinds, auth.FactorRecovery),
		slices.Contains(pending.Kinds, auth.FactorHardware),
		!pending.StepUp, // a step-up is asked everywhere
	}
	s.show(w, r, status, "factor", v)
}

// factorForm answers the forms of factors: what is shown once, and what was refused.
func (s *service) factorForm(w http.ResponseWriter, r *http.Request, f mfa.FormState) {
	switch {
	case f.Err == nil && f.Enrolment != nil:
		s.showEnrolment(w, r, http.StatusOK, f.Enrolment)
	case f.Err == nil:
		s.show(w, r, http.StatusOK, "codes", view{Title: "Your recovery codes", Data: f.RecoveryCodes})
	case unmended(f.Problem):
		s.onError(w, r, f.Err)
	case errors.Is(f.Err, mfa.ErrChallenge): // it took too long: begin again
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	case errors.Is(f.Err, auth.ErrStepUp):
		s.proveAgain(w, r)
	case f.Flow == mfa.FlowChallenge:
		v := view{Error: sayWhy(f.Err), Field: "code", Return: f.ReturnTo}
		if r.URL.Query().Has("recovery") { // which of the two forms it was
			v.Field = "recovery_code"
		}
		s.showFactor(w, r, f.Problem.Status, v)
	case f.Flow == mfa.FlowVerify: // the app has it already
		s.show(w, r, f.Problem.Status, "enrol", view{Title: "Set up an authenticator app", Error: sayWhy(f.Err), Field: "code", Data: enrolment{}})
	case f.Flow == mfa.FlowDisable:
		s.showAccount(w, r, f.Problem.Status, view{Error: sayWhy(f.Err), Field: "disable_code"})
	default:
		s.onError(w, r, f.Err)
	}
}

// signInAgain leads somebody who has signed in too long ago to where they do it again.
func (s *service) signInAgain(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, auth.ErrStepUp) || !auth.WantsHTML(r) {
		s.onError(w, r, err)
		return
	}
	http.Redirect(w, r, "/login?"+auth.ReturnParam+"=/account&"+account.NoticeParam+"=again", http.StatusSeeOther)
}

// proveAgain leads somebody who wants to change factors, and whose proof is too old for
// it, to where they give another one.
func (s *service) proveAgain(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	has, err := s.factors.Status(r.Context(), p.Subject)
	page := "/login"
	switch {
	case err != nil:
		s.onError(w, r, err)
		return
	case has.Enabled():
		page = "/login/factor"
	}
	http.Redirect(w, r, page+"?"+auth.ReturnParam+"=/account", http.StatusSeeOther)
}

// An enrolment is what the page shows once.
type enrolment struct {
	QR, URI template.URL // of this process, and nothing that a client has sent
	Secret  string
}

func (s *service) showEnrolment(w http.ResponseWriter, r *http.Request, status int, e *mfa.Enrolment) {
	qr, err := e.QR()
	if err != nil {
		s.onError(w, r, err)
		return
	}
	s.show(w, r, status, "enrol", view{Title: "Set up an authenticator app", Data: enrolment{template.URL(qr), template.URL(e.URL), e.Secret}})
}

// factorChanged tells a user by mail what has become of their factors.
func (s *service) factorChanged(ctx context.Context, n mfa.Notice) {
	kind := account.MessageFactorChanged
	if n.Kind == mfa.EventCodeUsed {
		kind = account.MessageRecoveryUsed
	}
	if err := s.accounts.Notify(ctx, n.Subject, kind); err != nil {
		s.onEvent.Emit(ctx, auth.Event{Kind: "reference.unsent", Subject: n.Subject, Err: err})
	}
}

// accountChanged takes away what a deleted account has left in other stores.
func (s *service) accountChanged(ctx context.Context, kind account.MessageKind, u account.User) {
	if kind != account.MessageAccountDeleted {
		return
	}
	if err := s.claim(ctx, u.ID); err != nil {
		s.onEvent.Emit(ctx, auth.Event{Kind: "reference.leftover", Subject: u.ID, Err: err})
	}
}

// claim takes from an account what was added to it: before anybody had proved its
// address, or before it ended.
func (s *service) claim(ctx context.Context, subject string) error {
	return errors.Join(s.factors.Remove(ctx, subject), s.keys.RevokeSubject(ctx, subject, ""), s.links.DeleteUser(ctx, subject))
}
