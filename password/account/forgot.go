package account

import (
	"context"
	"errors"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
)

// RequestReset sends a link that sets a new password, if there is an account with
// that address, it is not disabled and it has a password. One that signs in some
// other way is told so by mail: whoever can read the mail of its owner must not get
// around the provider that they have chosen; a password is added by UpdatePassword.
//
// It returns nil whether there is an account or not, for every address and also
// beyond the limits, and does nothing before it returns that depends on it. An error
// is a fault of the limits' store.
func (s *Service) RequestReset(ctx context.Context, c Client, email string) error {
	ctx = withAddress(ctx, c.Address)
	err := s.allowClient(ctx, c, FlowForgot)
	if errors.Is(err, throttle.ErrLocked) {
		s.emit(ctx, EventLimited, "", err)
		return nil
	}
	if err != nil {
		return err
	}
	canonical, err := Canonical(email)
	if err != nil {
		return nil //nolint:nilerr // nobody has such an address
	}
	if may, err := s.allowMail(ctx, MessageReset, canonical); !may {
		return err
	}
	s.cfg.Outbox.Enqueue(ctx, func(ctx context.Context) ([]Message, error) { return s.forgotten(ctx, canonical) })
	return nil
}

// forgotten writes the mail for somebody who has forgotten a password.
func (s *Service) forgotten(ctx context.Context, canonical string) ([]Message, error) {
	u, err := s.findByEmail(ctx, canonical)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && u.Disabled:
		s.emit(ctx, EventForgot, u.ID, password.ErrNoAccount)
		return nil, nil
	case err != nil:
		return nil, err
	case u.Hash == "":
		s.emit(ctx, EventForgot, u.ID, password.ErrNoAccount)
		return s.messages(ctx, message{kind: MessageResetNoPassword, to: u.Email, about: u})
	}
	token, err := s.tokens.Issue(ctx, u.ID, password.PurposeReset, binding(state(u)...))
	if err != nil {
		return nil, err
	}
	s.emit(ctx, EventForgot, u.ID, nil)
	return s.messages(ctx, message{kind: MessageReset, to: u.Email, about: u, page: s.cfg.Pages.Reset, token: token})
}

// ResetPassword sets the password of whose token this is, and ends all their
// credentials, all their tokens and the lock of their account. It signs nobody in,
// and leaves second factors as they are. A lock that cannot be ended, as the store of
// the limits fails, ends by its time; the password is set, and OnEvent is told.
//
// password.ErrToken is for a token that is not good any more, a *password.PolicyError
// for a password that is not acceptable; that does not spend the token. After any
// other error the token may be spent and the password may have changed, and old
// credentials are refused if it has: the user asks for another link.
func (s *Service) ResetPassword(ctx context.Context, c Client, token, pw string) error {
	ctx = withAddress(ctx, c.Address)
	if err := s.allowClient(ctx, c, FlowReset); err != nil {
		return err
	}
	t, err := s.tokens.Check(ctx, password.PurposeReset, token)
	if err != nil {
		return err
	}
	parts, err := unbind(t, 2)
	if err != nil {
		return err
	}
	u, err := s.owner(ctx, t, parts)
	if err != nil {
		return err
	}
	hash, err := s.accept(ctx, pw, u.Email)
	if err != nil {
		return err
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	if err := s.claim(ctx, u); err != nil {
		return err
	}
	// Of any number of requests with one token, one gets past this.
	if _, err := s.tokens.Consume(ctx, password.PurposeReset, token); err != nil {
		return err
	}
	return s.reset(ctx, u, parts, hash)
}

// reset does what the holder of a token, which is spent, may do.
func (s *Service) reset(ctx context.Context, u User, parts []string, hash string) error {
	err := s.setPassword(ctx, u, hash, change{since: s.sinceNow, gone: password.ErrToken, tell: EventReset, fits: func(now User) error {
		if !stands(now, parts) {
			return password.ErrToken
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if !u.Verified {
		// The link was read at the address.
		if err := s.claim(ctx, u); err != nil {
			return err
		}
		if err := s.proved(ctx, u, u.Email); err != nil {
			return err
		}
	}
	if err := s.checker.Unlock(ctx, u.ID); err != nil {
		s.emit(ctx, EventFault, u.ID, err)
	}
	return nil
}

// interactive refuses principals that do not stand for a person who has signed in,
// such as an API key: they may not change an account.
func interactive(p *auth.Principal) error {
	switch {
	case p == nil:
		return auth.ErrNoCredentials
	case p.Method == auth.MethodAPIKey || p.AuthenticatedAt.IsZero():
		return auth.ErrForbidden
	}
	return nil
}
