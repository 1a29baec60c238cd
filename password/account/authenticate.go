package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// AttributeEmail is the attribute of a principal with the address of the user.
const AttributeEmail = "email"

// Authenticate returns the principal of the user with that address if password is
// theirs, ready for an auth.SignIn. Its errors are those of a password.Checker:
// password.ErrMismatch for whatever is wrong, also for an unknown, disabled or
// passwordless account, at the same cost; a *throttle.LockedError; and faults. Only
// who has the right password may get ErrUnverified, with a new link to the address.
//
// AuthenticatedAt is when the call began, so that Current refuses a sign-in whose
// password was changed while it was checked.
func (s *Service) Authenticate(ctx context.Context, c Client, email, pw string) (*auth.Principal, error) {
	p, _, err := s.authenticate(ctx, c, email, pw)
	return p, err
}

func (s *Service) authenticate(ctx context.Context, c Client, email, pw string) (*auth.Principal, User, error) {
	ctx = withAddress(ctx, c.Address)
	at := s.now()
	u, err := s.prove(ctx, c, email, pw)
	if err != nil {
		return nil, User{}, err
	}
	if !u.Verified && !s.cfg.SkipVerification {
		s.emit(ctx, EventUnverified, u.ID, ErrUnverified)
		return nil, User{}, errors.Join(ErrUnverified, s.askToVerify(ctx, u))
	}
	if u.ValidAfter.After(at) {
		// Another machine, whose clock is ahead, has set this very password.
		at = u.ValidAfter
	}
	p := principal(u)
	p.AuthenticatedAt = at
	p.Factors = []auth.Factor{{Kind: auth.FactorPassword, At: at}}
	return p, u, nil
}

// prove checks a password and returns its user as they are after that: who may
// act, and whose Hash is of this password.
func (s *Service) prove(ctx context.Context, c Client, email, pw string) (User, error) {
	found := &finding{err: ErrNotFound}
	if canonical, err := Canonical(email); err == nil {
		email = canonical
		found.user, found.err = s.findByEmail(ctx, canonical)
	}
	from := throttle.Source{Address: c.Address, Device: s.device(c, found.user)}
	p, err := s.checker.CheckFrom(context.WithValue(ctx, findingKey{}, found), from, email, pw)
	if err != nil {
		return User{}, err
	}
	u, err := s.find(ctx, p.Subject)
	if errors.Is(err, ErrNotFound) {
		return User{}, password.ErrMismatch
	}
	if err != nil {
		return User{}, err
	}
	return u, s.stillFits(ctx, u, found.user.Hash, pw)
}

// stillFits makes sure that the hash of u is of a password that has matched proven.
// It may be another one by now: a rehash of it, or a change.
func (s *Service) stillFits(ctx context.Context, u User, proven, pw string) error {
	if u.Hash == proven {
		return nil
	}
	if u.Hash == "" {
		return password.ErrMismatch
	}
	ok, _, err := s.hasher.Verify(ctx, u.Hash, pw)
	switch {
	case errors.Is(err, password.ErrBusy) || ctx.Err() != nil:
		return err
	case err != nil:
		return problem.Wrap(problem.Internal, fmt.Errorf("account: verify: %w", err))
	case !ok:
		return password.ErrMismatch
	}
	return nil
}

// A finding is what a look-up has found, on its way through the Checker: the
// device of the client can only be told with the user at hand.
type finding struct {
	user User
	err  error
}

type findingKey struct{}

// lookup is the password.Lookup of a Service.
func lookup(ctx context.Context, _ string) (hash string, p *auth.Principal, err error) {
	found, ok := ctx.Value(findingKey{}).(*finding)
	switch {
	case !ok || errors.Is(found.err, ErrNotFound):
		return "", nil, password.ErrNoAccount
	case found.err != nil:
		return "", nil, found.err
	case found.user.Disabled:
		return "", principal(found.user), password.ErrNoAccount
	}
	return found.user.Hash, principal(found.user), nil
}

// principal is who u is.
func principal(u User) *auth.Principal {
	return &auth.Principal{Subject: u.ID, Roles: u.Roles, Attributes: map[string]string{AttributeEmail: u.Email}}
}

// Current tells how a principal stands now: it is an auth.Current, for Gate.Current.
// It refuses whose account is gone or disabled, and a sign-in from before the
// password was reset or changed, also if a crash has kept the Revokers from ending
// it. Roles and AttributeEmail are those of today.
//
// A principal that never signed in interactively, such as that of an API key, has
// no such time; Revokers end it if it is to end.
func (s *Service) Current(ctx context.Context, p *auth.Principal) (*auth.Principal, error) {
	u, err := s.find(ctx, p.Subject)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", auth.ErrInvalidCredentials, err)
	}
	if err != nil {
		return nil, err
	}
	if proved := provedAt(p); !proved.IsZero() && proved.Before(limit(u.ValidAfter, proved)) {
		return nil, fmt.Errorf("%w: the sign-in is from before the password was changed", auth.ErrInvalidCredentials)
	}
	now := p.Clone()
	now.Roles = u.Roles
	if now.Attributes == nil {
		now.Attributes = make(map[string]string, 1)
	}
	now.Attributes[AttributeEmail] = u.Email
	return now, nil
}

// provedAt is when p has last proved the password, or signed in.
func provedAt(p *auth.Principal) time.Time {
	at := p.AuthenticatedAt
	if pwd := p.FactorAt(auth.FactorPassword); !at.IsZero() && pwd.After(at) {
		at = pwd
	}
	return at
}

// limit is validAfter in the units of proved. A session keeps milliseconds, a
// token whole seconds (RFC 7519 NumericDate), cut off; a sign-in in the second of
// the change must not count as one before it.
func limit(validAfter, proved time.Time) time.Time {
	if proved.Nanosecond() == 0 {
		return validAfter.Truncate(time.Second)
	}
	return validAfter.Truncate(time.Millisecond)
}
