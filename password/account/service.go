package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/seal"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// A Service is everything around a password: registration, login, a forgotten
// password, changes, the end. Handlers answer forms and JSON; the methods with a
// context below them decide, and work without HTTP.
//
// It protects accounts from strangers who want to know whether they exist, from
// guesses, from who owns an address no longer or not yet, and from faults of the
// service itself half-way through a change. The package comment says how.
//
// It does not protect from who can read the user's mail; that needs a second
// factor, which a reset leaves as it is. Mount Service.Current in the Gate of every
// route, or a change of password that was cut off by a crash may leave old
// credentials good, and a Disabled user signed in.
//
// It is safe for concurrent use. It has no goroutine; Close its Outbox.
type Service struct {
	store   Store
	cfg     Config
	base    *url.URL
	checker *password.Checker
	hasher  password.Hasher
	policy  *password.Policy
	tokens  *password.Tokens
	passes  *seal.Sealer
	clients *throttle.Limiter
	mails   *throttle.Limiter
}

// writeTimeout bounds what has to be finished after the client has gone.
const writeTimeout = 15 * time.Second

// New returns a Service over store. A nil store is a MemoryStore.
func New(store Store, cfg Config) (*Service, error) {
	cfg, base, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Service{store: store, cfg: cfg, base: base, hasher: cfg.Hasher, policy: cfg.Policy, tokens: cfg.Tokens, clients: cfg.ClientLimit, mails: cfg.MailLimit}
	if s.passes, err = seal.New("known device", cfg.Key, cfg.OldKeys...); err != nil {
		return nil, fmt.Errorf("account: Key seals cookies and must be 32 random bytes, such as of \"openssl rand -base64 32\": %w", err)
	}
	if s.store == nil {
		if s.store, err = NewMemoryStore(0); err != nil {
			return nil, err
		}
	}
	if s.hasher == nil {
		if s.hasher, err = password.NewArgon2id(password.Argon2idConfig{}); err != nil {
			return nil, err
		}
	}
	if s.policy == nil {
		if s.policy, err = password.NewPolicy(password.PolicyConfig{Words: []string{cfg.Name}}); err != nil {
			return nil, err
		}
	}
	if s.tokens == nil {
		if s.tokens, err = password.NewTokens(nil, password.TokensConfig{OnEvent: cfg.OnEvent, Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	if s.clients == nil {
		if s.clients, err = throttle.New(nil, throttle.Config{Name: "account client", Max: 60, Window: time.Hour, OnEvent: cfg.OnEvent, Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	if s.mails == nil {
		if s.mails, err = throttle.New(nil, throttle.Config{Name: "account mail", Max: 5, Window: time.Hour, OnEvent: cfg.OnEvent, Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	if cfg.Guard == nil {
		if cfg.Guard, err = throttle.NewGuard(nil, throttle.GuardConfig{OnEvent: cfg.OnEvent, Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	s.checker, err = password.NewChecker(lookup, password.CheckerConfig{
		Hasher: s.hasher,
		Guard:  cfg.Guard,
		// Those of one address are folded before, by Canonical. All others are
		// nobody's, and must not be counted with those of somebody.
		Canonical: func(login string) string { return login },
		Rehash:    s.rehash,
		OnEvent:   cfg.OnEvent,
		Now:       cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// now is the time as stores keep it.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// find returns a user who may act now, or ErrNotFound.
func (s *Service) find(ctx context.Context, id string) (User, error) {
	u, err := s.store.Find(ctx, id)
	switch {
	case err != nil:
		return User{}, unavailable("find", err)
	case u.ID != id || u.Disabled:
		return User{}, ErrNotFound
	}
	return u, nil
}

// findByEmail returns a user, disabled or not, or ErrNotFound. A Store that
// answers with another address than it was asked for, as one whose collation folds
// letters does, has not found it.
func (s *Service) findByEmail(ctx context.Context, canonical string) (User, error) {
	u, err := s.store.FindByEmail(ctx, canonical)
	switch {
	case err != nil:
		return User{}, unavailable("find", err)
	case u.Canonical != canonical:
		return User{}, ErrNotFound
	}
	return u, nil
}

// rehash is what the Checker calls after a login with an outdated hash. That
// somebody has changed the password meanwhile is no fault.
func (s *Service) rehash(ctx context.Context, subject, oldHash, newHash string) error {
	err := s.store.SetPassword(ctx, subject, oldHash, newHash, time.Time{})
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// unavailable gives an error of a Store its public face: 503. Its answers pass.
func unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("account: %s: %w", doing, err)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) || errors.Is(err, ErrConflict) {
		return err
	}
	return problem.Wrap(problem.Unavailable, err)
}

// detach is for writes that must not stop because the client has gone.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
}

// revoke ends the credentials of a user. Whatever an implementation says, what it
// could not end is a fault of the service.
func (s *Service) revoke(ctx context.Context, subject, except string) error {
	if err := s.cfg.Revokers.RevokeSubject(ctx, subject, except); err != nil {
		return problem.Wrap(problem.Unavailable, fmt.Errorf("account: revoke: %w", err))
	}
	return nil
}

// claim hands an account that nobody has proved to be theirs to whoever does.
func (s *Service) claim(ctx context.Context, u User) error {
	if u.Verified {
		return nil
	}
	if s.cfg.Claim != nil {
		if err := s.cfg.Claim(ctx, u.ID); err != nil {
			return problem.Wrap(problem.Unavailable, fmt.Errorf("account: Claim: %w", err))
		}
	}
	s.emit(ctx, EventClaimed, u.ID, nil)
	return nil
}

// emit tells of a decision. The address comes from the context of a handler.
func (s *Service) emit(ctx context.Context, kind auth.EventKind, subject string, err error) {
	s.cfg.OnEvent.Emit(ctx, auth.Event{Kind: kind, Time: s.cfg.Now(), Subject: subject, Address: addressOf(ctx), Err: err})
}
