package account

import (
	"context"
	"errors"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/password"
)

// ConfirmEmail takes the token of a link that proves an address, of a registration
// or of a change of address: password.ErrToken if it is not good any more.
//
// A registration becomes an account by it. If the account exists and nobody has
// proved its address so far, it goes to whoever holds the token, with the password
// of the token: the password before, whoever chose it, and all credentials end.
func (s *Service) ConfirmEmail(ctx context.Context, c Client, token string) error {
	ctx = withAddress(ctx, c.Address)
	if err := s.allowClient(ctx, c, FlowVerifyEmail); err != nil {
		return err
	}
	t, err := s.tokens.Check(ctx, password.PurposeVerifyEmail, token)
	if errors.Is(err, password.ErrToken) {
		return s.confirmMove(ctx, token)
	}
	if err != nil {
		return err
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	if err := s.verify(ctx, t); err != nil {
		return err
	}
	// Last: until here a crash leaves a token that finishes the work, and that
	// does nothing once it is done.
	if _, err := s.tokens.Consume(ctx, password.PurposeVerifyEmail, token); err != nil && !errors.Is(err, password.ErrToken) {
		return err
	}
	return nil
}

// verify makes an account of a registration, or gives it one that is not proved.
func (s *Service) verify(ctx context.Context, t password.Token) error {
	parts, err := unbind(t, 2)
	if err != nil {
		return err
	}
	email, hash := parts[0], parts[1]
	canonical, err := Canonical(email)
	if err != nil {
		return password.ErrToken
	}
	u, err := s.findByEmail(ctx, canonical)
	if errors.Is(err, ErrNotFound) {
		u = User{ID: secret.Token(secret.MinBytes), Email: email, Canonical: canonical, Verified: true, Hash: hash, Roles: s.cfg.Roles}
		id, err := s.create(ctx, u)
		if errors.Is(err, ErrExists) {
			return password.ErrToken // somebody else was faster
		}
		if err == nil {
			s.emit(ctx, EventVerified, id, nil)
		}
		return err
	}
	switch {
	case err != nil:
		return err
	case u.Disabled:
		return password.ErrToken
	case u.Verified && secret.Equal(u.Hash, hash):
		return nil // by this token, in a try before
	case u.Verified:
		return password.ErrToken
	}
	return s.takeOver(ctx, u, email, hash)
}

// takeOver gives an account that nobody has proved a new password and marks it as
// proved. Each step is harmless twice. What others have added to the account is
// taken away once their credentials have ended.
func (s *Service) takeOver(ctx context.Context, u User, email, hash string) error {
	err := s.setPassword(ctx, u, hash, change{since: s.sinceNow, gone: password.ErrToken, fits: func(now User) error {
		if now.Verified {
			return password.ErrToken
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if err := s.claim(ctx, u); err != nil {
		return err
	}
	if err := s.proved(ctx, u, email); err != nil {
		return err
	}
	s.emit(ctx, EventVerified, u.ID, nil)
	return nil
}

// proved notes that mail to the address of u, written like email, is read by
// whoever has the password.
func (s *Service) proved(ctx context.Context, u User, email string) error {
	err := unavailable("verify", s.store.SetEmail(ctx, u.ID, u.Canonical, email, u.Canonical))
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound) {
		return password.ErrToken
	}
	return err
}
