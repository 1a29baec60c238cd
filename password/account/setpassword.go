package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// accept returns the hash of a new password for the user of an address, if it is
// acceptable.
func (s *Service) accept(ctx context.Context, pw, email string) (hash string, err error) {
	if err := s.policy.Check(ctx, pw, email); err != nil {
		return "", err
	}
	return s.hasher.Hash(ctx, pw)
}

// A change is what setPassword does besides.
type change struct {
	except string // the CredentialID that stays until since is called, or none
	// since is called once, right before the hash is replaced: credentials from
	// before that time end, and all but the one with that CredentialID.
	since func(ctx context.Context) (validAfter time.Time, except string)
	fits  func(now User) error // nil if the change still holds for the user as they are now
	gone  error                // if there is no such user any more
	tell  auth.EventKind       // what OnEvent and the user are told of; empty: the caller tells
}

// setPassword replaces the hash of u and ends what was good with the old one, in an
// order in which it can be cut off anywhere:
//
//  1. Credentials end. If that fails nothing has changed.
//  2. The hash and ValidAfter change, in one step. From here on Current refuses
//     every credential from before, whatever comes next, and no token of the user
//     fits its binding any more. The time is that of this step and not of an
//     earlier one: who signs in with the old password during step 1, which may take
//     long, has a credential from before.
//  3. Tokens end, which says the same to whoever looks at their table.
//  4. Credentials end that were made with the old password between 1 and 2.
//
// An error after step 2 means that the password has changed and that something is
// left to do: the caller must not report success. The user is told of the change all
// the same, for it may not have been theirs.
func (s *Service) setPassword(ctx context.Context, u User, hash string, c change) error {
	if err := s.revoke(ctx, u.ID, c.except); err != nil {
		return err
	}
	validAfter, except := c.since(ctx)
	if err := s.replaceHash(ctx, u, hash, validAfter, c); err != nil {
		return err
	}
	if c.tell != "" {
		defer func() {
			s.emit(ctx, c.tell, u.ID, nil)
			s.tell(ctx, MessagePasswordChanged, u)
		}()
	}
	if err := s.tokens.Void(ctx, u.ID); err != nil {
		return err
	}
	return s.revoke(ctx, u.ID, except)
}

// maxConflicts is how often another write to the same account may come first.
const maxConflicts = 5

// replaceHash is step 2. A login that has renewed the hash meanwhile, which is the
// common conflict, changes nothing that matters.
func (s *Service) replaceHash(ctx context.Context, u User, hash string, validAfter time.Time, c change) error {
	var err error
	for range maxConflicts {
		err = s.store.SetPassword(ctx, u.ID, u.Hash, hash, validAfter)
		switch {
		case errors.Is(err, ErrNotFound):
			return c.gone
		case !errors.Is(err, ErrConflict):
			return unavailable("set password", err)
		}
		if u, err = s.find(ctx, u.ID); errors.Is(err, ErrNotFound) {
			return c.gone
		}
		if err != nil {
			return err
		}
		if err = c.fits(u); err != nil {
			return err
		}
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("account: set password: %w", ErrConflict))
}

// sinceNow ends all credentials there are.
func (s *Service) sinceNow(context.Context) (time.Time, string) { return s.now(), "" }
