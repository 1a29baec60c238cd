package main

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// This file stands in for a provider and for a database.

// demoProvider starts a provider on loopback. Its page asks who you are.
func demoProvider(base string) (*oauthtest.Server, error) {
	return oauthtest.NewServer(oauthtest.Config{
		RedirectURLs: []string{base + callbackPath},
		LogoutURLs:   []string{base + signedOutPath},
		Users: []oauthtest.User{
			{Subject: "alice-7", Name: "Alice", Username: "alice", Email: "alice@example.com", EmailVerified: true},
			{Subject: "bob-8", Name: "Bob", Username: "bob", Email: "bob@example.com", EmailVerified: true},
		},
	})
}

type user struct{ Name, Email string }

type users struct {
	mu   sync.Mutex
	byID map[string]user
}

func newUsers() *users { return &users{byID: make(map[string]user)} }

// register makes an account for an identity that is nobody's yet. An address counts only
// if the provider has verified it: with any other a stranger could keep its owner out, or
// learn who is here. One that an account has proves nothing all the same: its owner signs
// in there and links the identity.
func (u *users) register(_ context.Context, id *oauth.Identity) (oauth.Registered, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	email := ""
	if id.EmailVerified {
		email = strings.ToLower(id.Email)
	}
	for _, other := range u.byID {
		if email != "" && other.Email == email {
			return oauth.Registered{}, oauth.ErrLinkRequired
		}
	}
	name := id.Name
	if name == "" {
		name = "Somebody"
	}
	key := rand.Text()
	u.byID[key] = user{Name: name, Email: email}
	return oauth.Registered{User: key}, nil
}

// discard takes back an account that was made twice at the same moment.
func (u *users) discard(_ context.Context, id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byID, id)
	return nil
}

// principal says who a user is and what they may do.
func (u *users) principal(_ context.Context, id string, _ *oauth.Identity) (*auth.Principal, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	found, ok := u.byID[id]
	if !ok {
		return nil, auth.ErrInvalidCredentials
	}
	return &auth.Principal{Subject: id, Roles: []string{"customer"}, Attributes: map[string]string{"name": found.Name, "email": found.Email}}, nil
}
