package mfa

import (
	"context"
	"errors"

	"github.com/go-sallyport/auth"
)

// Change is how a Kind changes the factors of the user of p. It wants a fresh
// sign-in or, of a user who has a factor, a fresh proof of that, and calls do. All
// other credentials of the user end (Config.Revokers), all trusted devices and all
// waiting challenges. The user is told, and so is OnEvent. Recovery codes of factors
// that are all gone are void before do: they are not those of the next one.
//
// Revokers are asked before do, so that nothing has changed if they cannot work,
// and again after it, for what was issued meanwhile. If that fails the error is a
// 503 and the factors have changed. Do is called once, with a context that goes on
// when the client has gone. A do that takes the CredentialID from p, which is a
// Clone then, ends the credential of the request with the others.
//
// Errors: a *auth.StepUpError; auth.ErrForbidden for an API key,
// auth.ErrNoCredentials for a nil p; that of do; faults.
func (m *Manager) Change(ctx context.Context, p *auth.Principal, event auth.EventKind, do func(ctx context.Context) error) error {
	if err := interactive(p); err != nil {
		return err
	}
	st, kinds, err := m.factors(ctx, p.Subject)
	if err != nil {
		return err
	}
	if err := m.freshFactor(p, kinds); err != nil {
		return err
	}
	return m.change(ctx, p, event, func(ctx context.Context) error {
		if len(kinds) == 0 && st.Codes > 0 {
			if err := m.store.ReplaceCodes(ctx, p.Subject, nil); err != nil {
				return unavailable("void codes", err)
			}
		}
		return do(ctx)
	})
}

func (m *Manager) change(ctx context.Context, p *auth.Principal, event auth.EventKind, do func(ctx context.Context) error) error {
	ctx, cancel := detach(ctx)
	defer cancel()
	by := p.CredentialID
	if err := m.revoke(ctx, p); err != nil {
		return err
	}
	if err := do(ctx); err != nil {
		return err
	}
	// Whatever comes next, the factors have changed.
	m.emit(ctx, auth.Event{Kind: event, Subject: p.Subject, CredentialID: by})
	m.notify(ctx, Notice{Kind: event, Subject: p.Subject})
	return m.revoke(ctx, p)
}

// revoke ends all credentials of the subject of p but p itself. What waits ends
// first, or it could become a credential behind the back of the Revokers.
func (m *Manager) revoke(ctx context.Context, p *auth.Principal) error {
	return errors.Join(
		m.RevokeSubject(ctx, p.Subject, ""),
		unavailable("revoke", m.cfg.Revokers.RevokeSubject(ctx, p.Subject, p.CredentialID)),
	)
}

// RevokeSubject ends the trusted devices and the waiting challenges of subject, all
// of them: whatever its id, a device is no credential of a request. It makes a
// Manager an auth.Revoker for a change of password. It ends no factor.
func (m *Manager) RevokeSubject(ctx context.Context, subject, _ string) error {
	return errors.Join(
		unavailable("end challenges", m.store.EndChallenges(ctx, BucketOf(subject))),
		unavailable("drop devices", m.store.DropDevices(ctx, subject)),
	)
}

var _ auth.Revoker = (*Manager)(nil)

// fresh refuses a p that may not change factors now.
func (m *Manager) fresh(ctx context.Context, p *auth.Principal) error {
	if err := interactive(p); err != nil {
		return err
	}
	_, kinds, err := m.factors(ctx, p.Subject)
	if err != nil {
		return err
	}
	return m.freshFactor(p, kinds)
}

// freshFactor wants a recent proof of one of these kinds. A recovery code is one
// also if it was the last: who has lost the app must be able to enrol another.
func (m *Manager) freshFactor(p *auth.Principal, kinds []string) error {
	step := auth.StepUp{MaxAge: m.cfg.FreshFor, Factors: kinds, Now: m.cfg.Now}
	if len(kinds) > 0 && kinds[len(kinds)-1] != auth.FactorRecovery {
		step.Factors = append(kinds[:len(kinds):len(kinds)], auth.FactorRecovery)
	}
	return step.Check(p)
}

// mayChange wants a proof or a fresh factor, of a user who has one.
func (m *Manager) mayChange(ctx context.Context, p *auth.Principal, proof Proof) error {
	if err := interactive(p); err != nil {
		return err
	}
	_, kinds, err := m.factors(ctx, p.Subject)
	switch {
	case err != nil:
		return err
	case len(kinds) == 0:
		return ErrNotEnrolled
	case proof == (Proof{}):
		return m.freshFactor(p, kinds)
	}
	return m.prove(ctx, p.Subject, proof)
}

// interactive refuses credentials that are not a person's: a key that somebody has
// made must not be able to lock its owner out.
func interactive(p *auth.Principal) error {
	switch {
	case p == nil:
		return auth.ErrNoCredentials
	case p.Method == auth.MethodAPIKey || p.AuthenticatedAt.IsZero():
		return auth.ErrForbidden
	}
	return nil
}
