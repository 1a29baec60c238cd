// Package apikeysql holds apikey/sqlstore to its promises on real servers.
package apikeysql_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
)

// many is a limit that no test runs into.
const many = 1000

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

// now is the time as a Manager gives it to a store.
func now() time.Time { return time.UnixMicro(time.Now().UnixMicro()).UTC() }

// newKey is one as a Manager issues it, for an hour.
func newKey(subject string) *apikey.Key {
	k := &apikey.Key{
		ID: apikey.ShardOf(subject) + rand.Text()[:16], Subject: subject, Prefix: "sk_live", Environment: "live",
		Scopes: []string{"orders:read"}, CreatedAt: now(), ExpiresAt: now().Add(time.Hour),
	}
	_, _ = rand.Read(k.Hash[:])
	return k
}

func create(t testing.TB, s apikey.Store, subject string) *apikey.Key {
	t.Helper()
	k := newKey(subject)
	must(t, s.Create(t.Context(), k, many))
	return k
}

// rotation is one of k that happens now and leaves it another minute.
func rotation(k *apikey.Key) apikey.Rotation {
	next := newKey(k.Subject)
	next.Predecessor = k.ID
	return apikey.Rotation{Next: next, Ends: next.CreatedAt.Add(time.Minute), Limit: many}
}

func find(t testing.TB, s apikey.Store, id string) *apikey.Key {
	t.Helper()
	k, err := s.Find(t.Context(), id)
	must(t, err)
	return k
}

// storeFailed holds an error to that of a store, which says nothing of a key.
func storeFailed(t testing.TB, doing string, err error) {
	t.Helper()
	if err == nil || saysSomething(err) {
		t.Errorf("%s: %v, want the store's failure", doing, err)
	}
}

// saysSomething reports whether an error is one of those of the contract.
func saysSomething(err error) bool {
	for _, own := range []error{apikey.ErrNotFound, apikey.ErrExists, apikey.ErrTooMany, apikey.ErrRevoked, apikey.ErrExpired, apikey.ErrRotated} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}
