package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
)

// This file stands in for a database: three accounts.

type account struct{ Email, Password string }

var demoAccounts = []account{
	{"alice@example.com", "alice has two keys"},
	{"bob@example.com", "bob lost his phone"},
	{"carol@example.com", "carol trusts no one"},
}

func announce(w io.Writer, url string) {
	fmt.Fprintf(w, "Sallyport MFA on %s\n\n", url)
	for _, a := range demoAccounts {
		fmt.Fprintf(w, "  %-18s %s\n", a.Email, a.Password)
	}
	fmt.Fprintln(w)
}

// users finds accounts by address and by id. Nothing changes them here.
type users struct {
	hashes map[string]string          // by address
	ids    map[string]string          // by address
	byID   map[string]*auth.Principal // who they are
}

// newUsers hashes the demo passwords, as a registration would.
func newUsers() (*users, error) {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		return nil, err
	}
	u := &users{hashes: make(map[string]string), ids: make(map[string]string), byID: make(map[string]*auth.Principal)}
	for i, a := range demoAccounts {
		if u.hashes[a.Email], err = hasher.Hash(context.Background(), a.Password); err != nil {
			return nil, err
		}
		id := strconv.Itoa(i + 1) // never changes; an e-mail address can
		u.ids[a.Email] = id
		u.byID[id] = &auth.Principal{Subject: id, Attributes: map[string]string{"email": a.Email}}
	}
	return u, nil
}

// lookup is what a password.Checker asks: the stored hash, and who it is.
func (u *users) lookup(_ context.Context, login string) (string, *auth.Principal, error) {
	email := strings.ToLower(strings.TrimSpace(login))
	id, ok := u.ids[email]
	if !ok {
		return "", nil, password.ErrNoAccount
	}
	return u.hashes[email], u.byID[id], nil
}

// current is asked at every request, and when a sign-in is completed: the user as of
// now, or none. A passkey knows the id and nothing else of its owner.
func (u *users) current(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	stored, ok := u.byID[p.Subject]
	if !ok {
		return nil, auth.ErrInvalidCredentials // blocked, or gone
	}
	now := p.Clone()
	now.Attributes = stored.Clone().Attributes
	return now, nil
}
