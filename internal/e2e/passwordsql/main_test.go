// Package passwordsql holds password/sqlstore to its promises on real servers.
package passwordsql_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/sqlstore"
)

func TestMain(m *testing.M) {
	sqltest.Main(m, map[string]sqltest.Role{"consume": consumeAll, "reset": resetAll})
}

// on returns a Store on pool, with the tables in place.
func on(t testing.TB, d *sqltest.Database, pool *sql.DB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = sqltest.Patient
	}
	s, err := sqlstore.New(pool, d.Dialect, cfg)
	must(t, err)
	must(t, s.Migrate(t.Context()))
	return s
}

// open returns a Store on a pool of its own.
func open(t testing.TB, d *sqltest.Database) *sqlstore.Store {
	t.Helper()
	return on(t, d, d.Open(t), sqlstore.Config{})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, doing string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", doing, err, target)
	}
}

// newUser has an address of its own.
func newUser() account.User {
	name := "alice-" + strings.ToLower(rand.Text())
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	return account.User{
		ID: rand.Text(), Email: name + "@Example.com", Canonical: name + "@example.com", Verified: true,
		Hash: "hash " + rand.Text(), Roles: []string{"customer"}, CreatedAt: now, ValidAfter: now,
	}
}

func create(t testing.TB, s *sqlstore.Store, u account.User) account.User {
	t.Helper()
	id, err := s.Create(t.Context(), u)
	must(t, err)
	if id != u.ID {
		t.Fatalf("Create returned %q, want %q", id, u.ID)
	}
	return u
}

// same holds the store to this user.
func same(t testing.TB, s *sqlstore.Store, want account.User) {
	t.Helper()
	got, err := s.Find(context.Background(), want.ID)
	if err != nil || !equal(got, want) {
		t.Errorf("found %+v, %v; want %+v", got, err, want)
	}
}

func equal(a, b account.User) bool {
	roles := slices.Equal(a.Roles, b.Roles)
	a.Roles, b.Roles = nil, nil
	return roles && fmt.Sprint(a) == fmt.Sprint(b)
}

func newTokens(t testing.TB, s *sqlstore.Store) *password.Tokens {
	t.Helper()
	tokens, err := password.NewTokens(s.Tokens(), password.TokensConfig{})
	must(t, err)
	return tokens
}

// child opens the database of the parent.
func child(c *sqltest.Child) (*sqlstore.Store, *password.Tokens, error) {
	pool, err := c.Pool()
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlstore.New(pool, c.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
	if err != nil {
		return nil, nil, err
	}
	tokens, err := password.NewTokens(s.Tokens(), password.TokensConfig{})
	return s, tokens, err
}
