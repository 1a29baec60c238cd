package account

import (
	"context"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// DeleteAccount deletes the user of p and ends all their credentials and tokens. It
// wants a fresh sign-in and, if there is one, the password. Errors are those of
// UpdatePassword, and ErrNotSupported.
//
// Credentials end first, so that a fault leaves an account whose owner signs in and
// tries again, and never a credential of nobody.
func (s *Service) DeleteAccount(ctx context.Context, c Client, p *auth.Principal, current string) error {
	ctx = withAddress(ctx, c.Address)
	deleter, ok := s.store.(Deleter)
	if !ok {
		return problem.Wrap(problem.Internal, ErrNotSupported)
	}
	if err := interactive(p); err != nil {
		return err
	}
	if err := s.fresh(p); err != nil {
		return err
	}
	u, err := s.confirm(ctx, c, p, current)
	if err != nil {
		return err
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	if err := s.revoke(ctx, u.ID, ""); err != nil {
		return err
	}
	if err := s.tokens.Void(ctx, u.ID); err != nil {
		return err
	}
	if err := deleter.Delete(ctx, u.ID); err != nil {
		return unavailable("delete", err)
	}
	// Whatever comes next, there is no account any more, and nobody who could try again.
	defer func() {
		s.emit(ctx, EventDeleted, u.ID, nil)
		s.tell(ctx, MessageAccountDeleted, u)
	}()
	// Those that were made since, as long as there was an account.
	return s.revoke(ctx, u.ID, "")
}
