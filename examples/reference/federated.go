package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/password/account"
)

// federated is who a linked identity is here. A link to an account that is gone was left
// when the database failed in the midst of a deletion (accountChanged). It goes now, so
// that whoever it belongs to can register with the next try.
func (s *service) federated(ctx context.Context, user string, _ *oauth.Identity) (*auth.Principal, error) {
	p, err := s.accounts.Current(ctx, &auth.Principal{Subject: user})
	if errors.Is(err, account.ErrNotFound) {
		err = errors.Join(err, s.links.DeleteUser(ctx, user))
	}
	return p, err
}

// registerFederated makes an account for an identity that is new. It has no password,
// and the address that the provider has verified. An address that has an account is
// not proof enough to get it: its owner signs in and links the identity.
func (s *service) registerFederated(ctx context.Context, id *oauth.Identity) (oauth.Registered, error) {
	canonical, err := account.Canonical(id.Email)
	if err != nil || !id.EmailVerified {
		return oauth.Registered{}, oauth.ErrLinkRequired
	}
	user, err := s.stores.users.Create(ctx, account.User{
		ID: rand.Text(), Email: id.Email, Canonical: canonical, Verified: true, Roles: []string{"customer"},
		CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
	})
	if errors.Is(err, account.ErrExists) {
		return s.orphan(ctx, canonical)
	}
	return oauth.Registered{User: user}, err
}

// orphanAfter is when an account without a link is no longer one whose link is about to be
// written: Links brings a registration to its end within 30 seconds.
const orphanAfter = time.Minute

// orphan answers for an address that has an account. One to which there is no way to sign
// in was made for an identity whose link was never written, as a process or the database
// went in between. Nobody has ever used it, and who proves the address gets it.
func (s *service) orphan(ctx context.Context, canonical string) (oauth.Registered, error) {
	u, err := s.stores.users.FindByEmail(ctx, canonical)
	if err != nil {
		return oauth.Registered{}, fmt.Errorf("the account of the address: %w", err)
	}
	links, err := s.links.List(ctx, u.ID)
	if err != nil {
		return oauth.Registered{}, err
	}
	passkeys, err := s.passkeys.List(ctx, u.ID)
	if err != nil {
		return oauth.Registered{}, err
	}
	if u.Hash != "" || u.Disabled || len(links)+len(passkeys) > 0 || time.Since(u.CreatedAt) < orphanAfter {
		return oauth.Registered{}, oauth.ErrLinkRequired
	}
	return oauth.Registered{User: u.ID, TakeOver: true}, nil
}

// hasPassword reports whether a user can sign in without any provider.
func (s *service) hasPassword(ctx context.Context, user string) (bool, error) {
	u, err := s.stores.users.Find(ctx, user)
	return u.Hash != "", err
}
