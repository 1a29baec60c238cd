package mfa

import (
	"context"
	"fmt"

	"github.com/go-sallyport/auth"
)

// Verify accepts the code of an authenticator app of subject, once, and returns
// nil, or:
//
//   - ErrCode if it is wrong, malformed or was used, or one of a later time was
//   - ErrNotEnrolled if subject has no app
//   - a *throttle.LockedError if there were too many attempts
//   - an error answered with 503 if it cannot be decided; whether the code is used
//     up is then not known
//
// It writes: the code is used up.
func (m *Manager) Verify(ctx context.Context, subject, code string) error {
	return m.attempt(ctx, subject, auth.FactorOTP, func(ctx context.Context) error { return m.checkCode(ctx, subject, code) })
}

func (m *Manager) checkCode(ctx context.Context, subject, code string) error {
	st, err := m.find(ctx, subject)
	if err != nil {
		return err
	}
	f := st.TOTP
	if f.ID == "" {
		return ErrNotEnrolled
	}
	t, outdated, err := m.openSecret(subject, f.ID, f.Sealed)
	if err != nil {
		return err
	}
	step := t.match(code, m.cfg.Now())
	switch {
	case step == 0:
		return ErrCode
	case step <= f.Step:
		return errReplay
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	ok, err := m.store.Advance(ctx, subject, f.ID, step, newCall())
	switch {
	case err != nil:
		return unavailable("advance", err)
	case !ok: // another request was first
		return errReplay
	}
	if outdated {
		if _, err := m.reseal(ctx, subject, f.ID, f.Sealed, t); err != nil {
			m.emit(ctx, auth.Event{Kind: EventFault, Subject: subject, Err: err})
		}
	}
	return nil
}

var errReplay = fmt.Errorf("%w: a code of its time or a later one was used", ErrCode)

// Reseal seals the secret of subject with the current Key if an old one has sealed
// it, and reports whether it did. Verify does so by itself; to retire a key, call
// Reseal for every user of the service and then remove it from OldKeys. It may run
// beside everything else, and again after it failed.
func (m *Manager) Reseal(ctx context.Context, subject string) (bool, error) {
	st, err := m.find(ctx, subject)
	if err != nil || st.TOTP.ID == "" {
		return false, err
	}
	t, outdated, err := m.openSecret(subject, st.TOTP.ID, st.TOTP.Sealed)
	if err != nil || !outdated {
		return false, err
	}
	return m.reseal(ctx, subject, st.TOTP.ID, st.TOTP.Sealed, t)
}

func (m *Manager) reseal(ctx context.Context, subject, id, sealed string, t totpFactor) (bool, error) {
	ok, err := m.store.Reseal(ctx, subject, id, sealed, m.sealSecret(subject, id, t))
	return ok, unavailable("reseal", err)
}
