package mfa

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/seal"
	"github.com/go-sallyport/auth/problem"
)

// A Manager enrols, verifies and ends second factors, and its Gates keep sign-ins
// back until one is proved. The package comment says what it protects from.
//
// Its methods with a context decide and write to the store, and work without HTTP;
// the handlers are built on them. It is safe for concurrent use once all kinds are
// registered and all Gates are made. It has no goroutine. The zero Manager is not
// usable; see New.
type Manager struct {
	store    Store
	cfg      Config
	secrets  *seal.Sealer
	waitings *seal.Sealer
	budget   *budget
	kinds    []Kind

	mu    sync.Mutex
	gates []*gate
}

// writeTimeout bounds what has to be finished after the client has gone.
const writeTimeout = 10 * time.Second

// New returns a Manager over store. A nil store is a MemoryStore, with which a
// restart turns all second factors off: it is for tests and development.
func New(store Store, cfg Config) (*Manager, error) {
	budget, failed := newBudget(cfg)
	cfg, err := cfg.complete()
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	if s, ok := store.(Split); ok && (s.FactorStore == nil || s.ChallengeStore == nil || s.DeviceStore == nil) {
		return nil, errSplit
	}
	m := &Manager{store: store, cfg: cfg, budget: budget}
	if m.secrets, err = seal.New("mfa totp secret", cfg.Key, cfg.OldKeys...); err != nil {
		return nil, fmt.Errorf("mfa: Key seals secrets and must be 32 random bytes, such as of \"openssl rand -base64 32\": %w", err)
	}
	if m.waitings, err = seal.New("mfa challenge", cfg.Key, cfg.OldKeys...); err != nil {
		return nil, fmt.Errorf("mfa: Key: %w", err)
	}
	if m.store == nil {
		if m.store, err = NewMemoryStore(MemoryConfig{Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// A Status is what a subject has, for a page of account settings.
type Status struct {
	// Kinds are the kinds of factors that a Gate would take, as they stand in
	// auth.Factor. Empty: the Gate asks for none.
	Kinds []string
	// TOTPSince is when the authenticator app was confirmed; zero: there is none.
	TOTPSince time.Time
	// CodesLeft is how many recovery codes are not used.
	CodesLeft int
}

// Enabled reports whether a Gate asks for a factor.
func (s Status) Enabled() bool { return len(s.Kinds) > 0 }

// Status returns what subject has. Its error is a 503.
func (m *Manager) Status(ctx context.Context, subject string) (Status, error) {
	st, kinds, err := m.factors(ctx, subject)
	if err != nil {
		return Status{}, err
	}
	return Status{Kinds: kinds, TOTPSince: st.TOTP.ConfirmedAt, CodesLeft: st.CodesLeft}, nil
}

// factors returns what the store has of subject, and the kinds of factors that it
// can prove now. Recovery codes alone are no second factor, they stand in for one.
func (m *Manager) factors(ctx context.Context, subject string) (State, []string, error) {
	st, err := m.find(ctx, subject)
	if err != nil {
		return State{}, nil, err
	}
	var kinds []string
	if st.TOTP.ID != "" {
		kinds = append(kinds, auth.FactorOTP)
	}
	for _, k := range m.kinds {
		ok, err := k.Enrolled(ctx, subject)
		if err != nil {
			return State{}, nil, unavailable("look up "+k.Name(), err)
		}
		if ok {
			kinds = append(kinds, k.Name())
		}
	}
	if len(kinds) > 0 && st.CodesLeft > 0 {
		kinds = append(kinds, auth.FactorRecovery)
	}
	return st, kinds, nil
}

func (m *Manager) find(ctx context.Context, subject string) (State, error) {
	if subject == "" || len(subject) > MaxSubject {
		return State{}, errNoPrincipal
	}
	st, err := m.store.Find(ctx, subject)
	if err != nil {
		return State{}, unavailable("find", err)
	}
	return st, nil
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
	return problem.Wrap(problem.Unavailable, fmt.Errorf("mfa: %s: %w", doing, err))
}
