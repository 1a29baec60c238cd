package account

import (
	"context"
	"errors"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

// errBusy is told to whoever registers, whether they have an account or not.
var errBusy = problem.Sentinel(problem.Unavailable, "account: the outbox takes no more mail")

// SignUp takes a registration: ErrEmail or a *password.PolicyError if it is not
// acceptable, else nil, whether the address has an account or not. What happens
// then is told by mail alone: a link to somebody new, and to whoever has an account
// that they have one.
//
// Nothing is stored but the token of the link, which has the address and the hash
// beside it; the account is made when the link is used. So nobody has an account in
// the name of another, and a process that dies loses no more than a mail. With
// Config.SkipVerification the account is made when the mail is written.
func (s *Service) SignUp(ctx context.Context, c Client, email, pw string) error {
	ctx = withAddress(ctx, c.Address)
	if err := s.allowClient(ctx, c, FlowRegister); err != nil {
		return err
	}
	canonical, err := Canonical(email)
	if err != nil {
		return err
	}
	hash, err := s.accept(ctx, pw, email)
	if err != nil {
		return err
	}
	if may, err := s.allowMail(ctx, MessageVerify, mailbox(canonical)); !may {
		return err
	}
	s.emit(ctx, EventRegister, "", nil)
	// A subject of its own for each registration: the next one, by whomever, does
	// not void the link of this one.
	pending := User{ID: secret.Token(secret.MinBytes), Email: email, Canonical: canonical, Hash: hash, Roles: s.cfg.Roles}
	if !s.cfg.Outbox.Enqueue(ctx, func(ctx context.Context) ([]Message, error) { return s.registered(ctx, pending) }) {
		return errBusy
	}
	return nil
}

// registered writes the mail for a registration.
func (s *Service) registered(ctx context.Context, pending User) ([]Message, error) {
	u, err := s.findByEmail(ctx, pending.Canonical)
	switch {
	case errors.Is(err, ErrNotFound):
		u = pending
		if s.cfg.SkipVerification {
			if _, err := s.create(ctx, pending); err != nil {
				return nil, err
			}
		}
	case err != nil:
		return nil, err
	case u.Disabled:
		return nil, nil
	case u.Verified:
		return s.messages(ctx, message{kind: MessageAlreadyRegistered, to: u.Email, about: u})
	}
	token, err := s.tokens.Issue(ctx, "pending "+pending.ID, password.PurposeVerifyEmail, binding(pending.Email, pending.Hash))
	if err != nil {
		return nil, err
	}
	return s.messages(ctx, message{kind: MessageVerify, to: u.Email, page: s.cfg.Pages.Verify, token: token})
}

// create makes an account and returns its id, which the Store may have chosen. One
// that is there already with the hash, which has a random salt, was made by an
// earlier try, or by one at the same time.
func (s *Service) create(ctx context.Context, u User) (id string, err error) {
	u.CreatedAt = s.now()
	id, err = s.store.Create(ctx, u)
	if !errors.Is(err, ErrExists) {
		return id, unavailable("create", err)
	}
	other, err := s.findByEmail(ctx, u.Canonical)
	if err == nil && !secret.Equal(other.Hash, u.Hash) {
		return "", ErrExists
	}
	return other.ID, err
}
