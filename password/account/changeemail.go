package account

import (
	"context"
	"errors"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
)

// RequestEmail sends a link to the new address of the user of p; ConfirmEmail with
// its token moves the account there. The old address is told now, and when it has
// happened. It wants the password, or of a user without one a fresh sign-in. A link
// to the address that the account has proves that one.
//
// It returns nil also if the new address belongs to somebody else, who is told by
// mail, and beyond the limit. Errors are those of UpdatePassword, and ErrEmail.
func (s *Service) RequestEmail(ctx context.Context, c Client, p *auth.Principal, current, email string) error {
	ctx = withAddress(ctx, c.Address)
	canonical, err := Canonical(email)
	if err != nil {
		return err
	}
	u, err := s.confirm(ctx, c, p, current)
	if err != nil {
		return err
	}
	// By subject as well: or one account could send mail to everybody.
	for _, key := range []string{mailbox(canonical), "subject " + u.ID} {
		if may, err := s.allowMail(ctx, MessageEmailChange, key); !may {
			return err
		}
	}
	s.emit(ctx, EventEmailAsked, u.ID, nil)
	if !s.cfg.Outbox.Enqueue(ctx, func(ctx context.Context) ([]Message, error) { return s.moving(ctx, u, email, canonical) }) {
		return errBusy
	}
	return nil
}

// moving writes the mail for a change of address.
func (s *Service) moving(ctx context.Context, u User, email, canonical string) ([]Message, error) {
	if canonical == u.Canonical {
		return s.verifyMail(ctx, u, email)
	}
	notice := message{kind: MessageEmailChangeRequest, to: u.Email, about: u}
	// Also if nobody gets it: it ends the link before, to another address of the same
	// user, who could tell by that link whether this address is taken.
	token, err := s.tokens.Issue(ctx, u.ID, password.PurposeChangeEmail, moveBinding(u, email))
	if err != nil {
		return nil, err
	}
	other, err := s.findByEmail(ctx, canonical)
	switch {
	case err == nil:
		return s.messages(ctx, notice, message{kind: MessageAlreadyRegistered, to: other.Email, about: other})
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	return s.messages(ctx, notice, message{kind: MessageEmailChange, to: email, about: u, page: s.cfg.Pages.Verify, token: token})
}

func moveBinding(u User, email string) string { return binding(append(state(u), email)...) }

// verifyMail writes the mail that proves the address of an account.
func (s *Service) verifyMail(ctx context.Context, u User, email string) ([]Message, error) {
	token, err := s.tokens.Issue(ctx, u.ID, password.PurposeChangeEmail, moveBinding(u, email))
	if err != nil {
		return nil, err
	}
	return s.messages(ctx, message{kind: MessageVerify, to: email, about: u, page: s.cfg.Pages.Verify, token: token})
}

// askToVerify sends a link to the address of a user who has given the password but
// may not sign in without it.
func (s *Service) askToVerify(ctx context.Context, u User) error {
	may, err := s.allowMail(ctx, MessageVerify, mailbox(u.Canonical))
	if may {
		s.cfg.Outbox.Enqueue(ctx, func(ctx context.Context) ([]Message, error) { return s.verifyMail(ctx, u, u.Email) })
	}
	return err
}

// confirmMove takes the token of a change of address.
func (s *Service) confirmMove(ctx context.Context, token string) error {
	ctx, cancel := detach(ctx)
	defer cancel()
	t, err := s.tokens.Consume(ctx, password.PurposeChangeEmail, token)
	if err != nil {
		return err
	}
	parts, err := unbind(t, 3)
	if err != nil {
		return err
	}
	u, err := s.owner(ctx, t, parts[:2])
	if err != nil {
		return err
	}
	email := parts[2]
	canonical, err := Canonical(email)
	if err != nil {
		return password.ErrToken
	}
	err = s.store.SetEmail(ctx, u.ID, u.Canonical, email, canonical)
	switch {
	case errors.Is(err, ErrExists) || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound):
		return password.ErrToken
	case err != nil:
		return unavailable("set e-mail", err)
	}
	err = s.tokens.Void(ctx, u.ID) // their bindings void them already
	// Whatever became of that, the address has changed.
	if canonical == u.Canonical {
		s.emit(ctx, EventVerified, u.ID, nil)
	} else {
		s.emit(ctx, EventEmailChanged, u.ID, nil)
		s.tell(ctx, MessageEmailChanged, u) // at the old address
	}
	return err
}
