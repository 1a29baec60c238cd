package mfa

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/problem"
)

// Enrol begins to enrol an authenticator app for the user of p: nothing is enabled
// before Confirm, which has to come from the same login and within
// Config.EnrolmentTTL. It replaces an enrolment that waits.
//
// It wants a fresh sign-in or, of a user who has a factor, a fresh proof of that
// (*auth.StepUpError): the app that is confirmed takes the place of the one there
// is. Other errors: auth.ErrForbidden for an API key, auth.ErrNoCredentials for a
// nil p, and faults.
func (m *Manager) Enrol(ctx context.Context, p *auth.Principal) (*Enrolment, error) {
	if err := m.fresh(ctx, p); err != nil {
		return nil, err
	}
	t := newTOTP(m.cfg.Algorithm, m.cfg.Digits)
	e, err := newEnrolment(m.cfg.Issuer, m.cfg.Account(p), t)
	if err != nil {
		return nil, err
	}
	pending := PendingTOTP{ID: secret.Token(secret.MinBytes), Login: loginOf(p)}
	pending.Sealed = m.sealSecret(p.Subject, pending.ID, t)
	if err := m.store.Begin(ctx, p.Subject, pending, m.cfg.EnrolmentTTL); err != nil {
		return nil, unavailable("begin", err)
	}
	m.emit(ctx, auth.Event{Kind: EventEnrolling, Subject: p.Subject})
	return e, nil
}

// Confirm enables the authenticator app that the login of p has enrolled, by its
// first code, and returns new recovery codes, which are shown once. It is a change
// of factors, see Change. The code is used up.
//
// Errors: ErrEnrolment if no enrolment of this login waits; ErrCode; a
// *throttle.LockedError; those of Enrol. After a fault the app may be enabled and
// its codes unseen: IssueCodes makes others.
func (m *Manager) Confirm(ctx context.Context, p *auth.Principal, code string) ([]string, error) {
	return m.confirm(ctx, p, code, func(context.Context) bool { return true })
}

// confirm is Confirm, with note called once the app is enabled: it reports whether the
// credential of p stays.
func (m *Manager) confirm(ctx context.Context, p *auth.Principal, code string, note func(ctx context.Context) bool) ([]string, error) {
	if err := m.fresh(ctx, p); err != nil {
		return nil, err
	}
	var f TOTP
	err := m.attempt(ctx, p.Subject, auth.FactorOTP, func(ctx context.Context) (err error) {
		f, err = m.checkPending(ctx, p, code)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.Call, f.ConfirmedAt = newCall(), m.now()
	codes, hashes := newCodes(p.Subject, m.cfg.RecoveryCodes)
	stays := p.Clone()
	err = m.change(ctx, stays, EventEnabled, func(ctx context.Context) error {
		err := m.store.Activate(ctx, p.Subject, f, hashes)
		switch {
		case errors.Is(err, ErrNoPending):
			return fmt.Errorf("%w: %w", ErrEnrolment, err)
		case err != nil:
			return unavailable("activate", err)
		}
		if !note(ctx) {
			stays.CredentialID = ""
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// checkPending returns the factor that the enrolment of p's login becomes.
func (m *Manager) checkPending(ctx context.Context, p *auth.Principal, code string) (TOTP, error) {
	pending, err := m.store.Pending(ctx, p.Subject)
	switch {
	case errors.Is(err, ErrNoPending):
		return TOTP{}, fmt.Errorf("%w: %w", ErrEnrolment, err)
	case err != nil:
		return TOTP{}, unavailable("find enrolment", err)
	case !secret.Handle(pending.Login).Equal(loginOf(p)):
		return TOTP{}, fmt.Errorf("%w: another login has begun it", ErrEnrolment)
	}
	t, _, err := m.openSecret(p.Subject, pending.ID, pending.Sealed)
	if err != nil {
		return TOTP{}, err
	}
	step := t.match(code, m.cfg.Now())
	if step == 0 {
		return TOTP{}, ErrCode
	}
	return TOTP{ID: pending.ID, Sealed: pending.Sealed, Step: step}, nil
}

// loginOf is a digest of the login that a request of p belongs to. A session that is
// stepped up stays the same login. Another sign-in is another one, and so are the
// tokens of Config.Reissue.
func loginOf(p *auth.Principal) [32]byte {
	at := binary.BigEndian.AppendUint64(nil, uint64(p.AuthenticatedAt.Unix())) //nolint:gosec // all 64 bits
	return secret.HandleOf("mfa login\x00" + p.Method + "\x00" + p.CredentialID + "\x00" + string(at))
}

// Disable removes the authenticator app of the user of p and, unless there is
// another factor that they stand in for, the recovery codes. It is a change of
// factors, see Change. It wants a proof, however fresh p is.
//
// Errors: ErrNotEnrolled; those of Verify; auth.ErrForbidden for an API key,
// auth.ErrNoCredentials for a nil p, and faults.
func (m *Manager) Disable(ctx context.Context, p *auth.Principal, proof Proof) error {
	if err := interactive(p); err != nil {
		return err
	}
	st, kinds, err := m.factors(ctx, p.Subject)
	switch {
	case err != nil:
		return err
	case st.TOTP.ID == "":
		return ErrNotEnrolled
	}
	if err := m.prove(ctx, p.Subject, proof); err != nil {
		return err
	}
	others := false
	for _, kind := range kinds {
		others = others || kind != auth.FactorOTP && kind != auth.FactorRecovery
	}
	return m.change(ctx, p, EventDisabled, func(ctx context.Context) error {
		return unavailable("deactivate", m.store.Deactivate(ctx, p.Subject, st.TOTP.ID, !others))
	})
}

// Remove removes all factors of subject, of all kinds, and all that belongs to
// them: for an administrator who has identified a user that has lost everything,
// for the end of an account, and for account.Config.Claim. All credentials of the
// subject end. It may be called again after it failed.
func (m *Manager) Remove(ctx context.Context, subject string) error {
	p := &auth.Principal{Subject: subject}
	return m.change(ctx, p, EventRemoved, func(ctx context.Context) error {
		var errs []error
		for _, k := range m.kinds {
			errs = append(errs, unavailable("remove "+k.Name(), k.Remove(ctx, subject)))
		}
		errs = append(errs, unavailable("remove", m.store.Remove(ctx, subject)))
		return errors.Join(errs...)
	})
}

// A Proof is a code that a user has typed: one of the two.
type Proof struct {
	Code         string // of the authenticator app
	RecoveryCode string
}

var errProof = problem.Wrap(problem.BodyInvalid, errors.New("mfa: neither a code nor a recovery code, or both"))

// prove verifies a proof.
func (m *Manager) prove(ctx context.Context, subject string, proof Proof) error {
	switch {
	case (proof.Code == "") == (proof.RecoveryCode == ""):
		return errProof
	case proof.Code != "":
		return m.Verify(ctx, subject, proof.Code)
	}
	_, err := m.Recover(ctx, subject, proof.RecoveryCode)
	return err
}
