package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/account"
)

// A testCase is one demand on a store.
type testCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s account.Store)
}

// Run holds the stores that newStore returns to the contract of account.Store.
// Every case gets a store of its own, which may share its database with others:
// addresses are random. A store may make ids of its own.
func Run(t *testing.T, newStore func(t *testing.T) account.Store) {
	for _, group := range [][]testCase{userCases, passwordCases, emailCases, deleteCases, raceCases, contextCases} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("why it matters: " + c.why)
					}
				})
				c.run(t, newStore(t))
			})
		}
	}
}

// newUser is a user with everything in it, whose address no other has.
func newUser() account.User {
	name := "Alice." + rand.Text()
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	return account.User{
		ID:         rand.Text(),
		Email:      name + "+Tag@Example.com",
		Canonical:  strings.ToLower(name) + "+tag@example.com",
		Verified:   true,
		Hash:       newHash(),
		Roles:      []string{"customer", "manager"},
		CreatedAt:  now.Add(-time.Hour),
		ValidAfter: now.Add(-time.Minute),
	}
}

// newHash is unlike any other and has what a PHC string has.
func newHash() string { return "$argon2id$v=19$m=19456,t=2,p=1$" + rand.Text() + "$Ab+/" + rand.Text() }

// create keeps u and returns it with the id that it got.
func create(t *testing.T, s account.Store, u account.User) account.User {
	t.Helper()
	id, err := s.Create(t.Context(), u)
	ok(t, "Create", err)
	if id == "" {
		t.Fatal("Create: the id is empty")
	}
	u.ID = id
	return u
}

func wantUser(t *testing.T, s account.Store, want account.User) {
	t.Helper()
	got, err := s.Find(t.Context(), want.ID)
	ok(t, "Find", err)
	if !equal(got, want) {
		t.Fatalf("Find returned\n%+v\nwant\n%+v", got, want)
	}
	got, err = s.FindByEmail(t.Context(), want.Canonical)
	ok(t, "FindByEmail", err)
	if !equal(got, want) {
		t.Fatalf("FindByEmail returned\n%+v\nwant\n%+v", got, want)
	}
}

func equal(a, b account.User) bool {
	return a.ID == b.ID && a.Email == b.Email && a.Canonical == b.Canonical && a.Verified == b.Verified && a.Hash == b.Hash &&
		slices.Equal(a.Roles, b.Roles) && a.Disabled == b.Disabled && a.CreatedAt.Equal(b.CreatedAt) &&
		a.ValidAfter.Equal(b.ValidAfter) && a.ValidAfter.IsZero() == b.ValidAfter.IsZero()
}

func wantNone(t *testing.T, s account.Store, u account.User) {
	t.Helper()
	_, err := s.Find(t.Context(), u.ID)
	wantErr(t, "Find", err, account.ErrNotFound)
	_, err = s.FindByEmail(t.Context(), u.Canonical)
	wantErr(t, "FindByEmail", err, account.ErrNotFound)
}

func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", doing, err, want)
	}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
