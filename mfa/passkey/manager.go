package passkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/seal"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
)

// A Manager registers passkeys and verifies them, as a second factor in the Gates of
// an mfa.Manager and as a login of their own. The package comment says what it
// protects from.
//
// It is safe for concurrent use and has no goroutine. The zero Manager is not usable;
// see New.
type Manager struct {
	store   Store
	factors *mfa.Manager
	cfg     Config
	web     *webauthn.WebAuthn
	sealer  *seal.Sealer
}

// writeTimeout bounds what has to be finished after the client has gone.
const writeTimeout = 10 * time.Second

var errFactors = errors.New("passkey: New wants the mfa.Manager whose Gates ask for passkeys")

// New returns a Manager over store, and registers it with factors as the kind
// auth.FactorHardware: from then on a Gate of factors asks whoever has a passkey. Call
// it before the first request. It panics if factors has such a kind already. A nil
// store is a MemoryStore, with which a restart forgets all passkeys: it is for tests
// and development.
func New(store Store, factors *mfa.Manager, cfg Config) (*Manager, error) {
	cfg, err := cfg.complete()
	if factors == nil {
		err = errors.Join(errFactors, err)
	}
	if err != nil {
		return nil, err
	}
	m := &Manager{store: store, factors: factors, cfg: cfg}
	if m.sealer, err = seal.New("passkey challenge", cfg.Key, cfg.OldKeys...); err != nil {
		return nil, fmt.Errorf("passkey: Key seals challenges and must be 32 random bytes, such as of \"openssl rand -base64 32\": %w", err)
	}
	wait := webauthn.TimeoutConfig{Timeout: cfg.ChallengeTTL, TimeoutUVD: cfg.ChallengeTTL} // told to browsers; ours is in the challenge
	m.web, err = webauthn.New(&webauthn.Config{
		RPID:                  cfg.RPID,
		RPDisplayName:         cfg.Name,
		RPOrigins:             cfg.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts:              webauthn.TimeoutsConfig{Login: wait, Registration: wait},
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	if m.store == nil {
		if m.store, err = NewMemoryStore(MemoryConfig{Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	factors.Register(kind{m})
	return m, nil
}

// A kind is a Manager as the mfa.Kind that its Gates ask for.
type kind struct{ m *Manager }

var _ mfa.Kind = kind{}

// Name implements mfa.Kind.
func (kind) Name() string { return auth.FactorHardware }

// Enrolled implements mfa.Kind.
func (k kind) Enrolled(ctx context.Context, subject string) (bool, error) {
	list, err := k.m.store.List(ctx, subject)
	return len(list) > 0, err
}

// Remove implements mfa.Kind.
func (k kind) Remove(ctx context.Context, subject string) error {
	return k.m.store.RemoveAll(ctx, subject)
}

// List returns the passkeys of subject, the oldest first. Its error is a 503.
func (m *Manager) List(ctx context.Context, subject string) ([]Credential, error) {
	if subject == "" || len(subject) > MaxSubject {
		return nil, errSubject
	}
	list, err := m.store.List(ctx, subject)
	return list, unavailable("list", err)
}

// Rename sets the name of a passkey of the user of p: text of at most MaxName bytes.
//
// Errors: ErrName; ErrNotFound; auth.ErrForbidden for an API key,
// auth.ErrNoCredentials for a nil p, and faults.
func (m *Manager) Rename(ctx context.Context, p *auth.Principal, id ID, name string) error {
	if err := interactive(p); err != nil {
		return err
	}
	if !isText(name, MaxName) {
		return ErrName
	}
	err := m.store.Rename(ctx, p.Subject, id, name)
	if errors.Is(err, ErrNoCredential) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return unavailable("rename", err)
}

// Remove removes a passkey of the user of p. It is a change of factors, see
// mfa.Manager.Change: it wants a fresh proof, ends all other credentials of the user,
// trusted devices and waiting challenges, and the user is told (EventRemoved). The
// last passkey may go; a service whose users have no other way to sign in asks them
// before. If the user has no such passkey that is no error, and nobody is told; other
// credentials end all the same, as they may have outlived a Remove that failed
// half-way.
//
// Errors: those of mfa.Manager.Change.
func (m *Manager) Remove(ctx context.Context, p *auth.Principal, id ID) error {
	if err := interactive(p); err != nil {
		return err
	}
	found, err := m.store.Find(ctx, id)
	gone := errors.Is(err, ErrNoCredential) || err == nil && found.Subject != p.Subject
	if err != nil && !gone {
		return unavailable("find", err)
	}
	err = m.factors.Change(ctx, p, EventRemoved, func(ctx context.Context) error {
		if gone { // the same to who may not, and all that a Change ends has ended
			return errGone
		}
		return unavailable("remove", m.store.Remove(ctx, p.Subject, id))
	})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

var errGone = errors.New("passkey: there is nothing to remove")

// fresh refuses a p that may not register a passkey now, before the user is asked to
// touch anything. mfa.Manager.Change decides in the end.
func (m *Manager) fresh(ctx context.Context, p *auth.Principal) error {
	if err := interactive(p); err != nil {
		return err
	}
	st, err := m.factors.Status(ctx, p.Subject)
	if err != nil {
		return err
	}
	step := auth.StepUp{MaxAge: m.cfg.FreshFor, Now: m.cfg.Now}
	if st.Enabled() {
		// The last recovery code is gone once it was used, and is a proof all the same.
		step.Factors = append(st.Kinds, auth.FactorRecovery)
	}
	return step.Check(p)
}

var errSubject = fmt.Errorf("passkey: a subject has 1 to %d bytes", MaxSubject)

// interactive refuses credentials that are not a person's.
func interactive(p *auth.Principal) error {
	switch {
	case p == nil:
		return auth.ErrNoCredentials
	case p.Method == auth.MethodAPIKey || p.AuthenticatedAt.IsZero():
		return auth.ErrForbidden
	case p.Subject == "" || len(p.Subject) > MaxSubject:
		return errSubject
	}
	return nil
}

// now is the time as stores keep it.
func (m *Manager) now() time.Time { return m.cfg.Now().UTC().Truncate(time.Millisecond) }

// detach is for writes that must not stop because the client has gone.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// unavailable gives an error of a store its public face: 503.
func unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("passkey: %s: %w", doing, err))
}
