package passkey

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/mfa"
)

// FactorBeginHandler answers POST with what a browser needs to prove a passkey of the
// user whose sign-in waits in it, or who steps up, as RegisterBeginHandler does. The
// body is not read. If nothing waits, the answer is 401 MFA_CHALLENGE_INVALID; if the
// user has no passkey, 409 MFA_NOT_ENROLLED.
func (m *Manager) FactorBeginHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request) error {
		pending, err := m.factors.Pending(r)
		if err != nil {
			return err
		}
		list, err := m.List(r.Context(), pending.Subject)
		switch {
		case err != nil:
			return err
		case len(list) == 0 || !slices.Contains(pending.Kinds, auth.FactorHardware):
			return mfa.ErrNotEnrolled
		}
		u := &user{handle: list[0].UserHandle, credentials: records(list)}
		assertion, session, err := m.web.BeginLogin(u, webauthn.WithUserVerification(m.verification()))
		if err != nil {
			return fmt.Errorf("passkey: begin: %w", err)
		}
		c, err := newCeremony(session)
		if err != nil {
			return err
		}
		c.Subject, c.Binding = []byte(pending.Subject), pending.ID
		state, err := m.begin(w, r, forFactor, c)
		if err != nil {
			return err
		}
		return m.show(w, assertion.Response, state)
	})
}

// FactorFinishHandler answers POST of the browser that has come from
// FactorBeginHandler as mfa.Manager.ChallengeHandler does: with what the sign-in that
// waits writes, or 204 for a step-up of a session, or new tokens.
//
//	{"state": "…", "id": "…", "client_data_json": "…", "authenticator_data": "…",
//	 "signature": "…", "user_handle": "…"}
//
// All but state are base64url without padding. User_handle may be left out. There may
// be return_to, a path on this origin, which auth.ReturnPath of the SignIn returns.
// Attempts are counted with those of all other factors.
//
// Refusals: ErrChallenge, ErrUnknown, ErrInvalid, and those of mfa.Manager.Complete.
func (m *Manager) FactorFinishHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request) error {
		var in assertion
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		c, err := m.open(r, forFactor, in.State)
		if err != nil {
			return err
		}
		return m.factors.Complete(w, returning(r, in.ReturnTo), auth.FactorHardware, func(ctx context.Context, p *mfa.Pending) error {
			if string(c.Subject) != p.Subject || c.Binding != p.ID {
				return fmt.Errorf("%w: another sign-in has begun it", ErrChallenge)
			}
			_, err := m.prove(ctx, c, p.Subject, in)
			return err
		})
	})
}
