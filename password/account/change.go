package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
)

// UpdatePassword gives the user of p a new password and ends all their other
// credentials, and all their tokens. It wants the current password, which is
// counted like a login; of a user without one, a fresh sign-in.
//
// Other credentials end by Revokers, and those from before the change by Current as
// well, if p is a session and Config.Elevate is set. If Elevate fails then p ends
// with them: a copy of its cookie may be why the password is changed. With any other
// p, which could not outlive that, Current refuses what is older than the sign-in of
// p, and a token that is younger and that no Revoker reaches is good until it expires.
//
// Errors are those of Authenticate; a *password.PolicyError; an *auth.StepUpError;
// auth.ErrForbidden for an API key; faults, after which the password may have
// changed: if it is known to have, the user is told.
func (s *Service) UpdatePassword(ctx context.Context, c Client, p *auth.Principal, current, pw string) error {
	ctx = withAddress(ctx, c.Address)
	u, err := s.confirm(ctx, c, p, current)
	if err != nil {
		return err
	}
	hash, err := s.accept(ctx, pw, u.Email)
	if err != nil {
		return err
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	return s.setPassword(ctx, u, hash, change{
		except: p.CredentialID,
		since:  func(ctx context.Context) (time.Time, string) { return s.elevate(ctx, p) },
		fits:   func(now User) error { return s.stillFits(ctx, now, u.Hash, current) },
		gone:   auth.ErrInvalidCredentials,
		tell:   EventPasswordChanged,
	})
}

// confirm makes sure that p acts for its user now: by the password or, where there
// is none, by a fresh sign-in.
func (s *Service) confirm(ctx context.Context, c Client, p *auth.Principal, current string) (User, error) {
	u, err := s.ofPrincipal(ctx, p)
	if err != nil {
		return User{}, err
	}
	if u.Hash == "" {
		return u, s.fresh(p)
	}
	proved, err := s.prove(ctx, c, u.Canonical, current)
	if err == nil && proved.ID != u.ID {
		err = password.ErrMismatch // the address has moved on meanwhile
	}
	return proved, err
}

// ofPrincipal returns the user of somebody who has signed in.
func (s *Service) ofPrincipal(ctx context.Context, p *auth.Principal) (User, error) {
	if err := interactive(p); err != nil {
		return User{}, err
	}
	u, err := s.find(ctx, p.Subject)
	if errors.Is(err, ErrNotFound) {
		return User{}, fmt.Errorf("%w: %w", auth.ErrInvalidCredentials, err)
	}
	return u, err
}

// fresh refuses a sign-in that is not recent.
func (s *Service) fresh(p *auth.Principal) error {
	return (&auth.StepUp{MaxAge: s.cfg.FreshFor, Now: s.cfg.Now}).Check(p)
}

// elevate renews the credential of the request and returns from when on credentials
// stay good, and the id of the one that does so whenever it is from. If p has been
// renewed they are those from now on and p; if that has failed, those from now on. A
// p that is not renewed at all would end itself: then they are those from its own
// sign-in on.
//
// Only a session is renewed: with any other credential, the session that the
// request may have as well can be that of somebody else.
func (s *Service) elevate(ctx context.Context, p *auth.Principal) (validAfter time.Time, except string) {
	if s.cfg.Elevate == nil || p.Method != auth.MethodSession {
		return provedAt(p), p.CredentialID
	}
	at := s.now()
	if err := s.cfg.Elevate(ctx, auth.Factor{Kind: auth.FactorPassword, At: at}); err != nil {
		s.emit(ctx, EventFault, p.Subject, err)
		return at, ""
	}
	return at, p.CredentialID
}
