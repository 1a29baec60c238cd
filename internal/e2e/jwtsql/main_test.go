// Package jwtsql holds jwtauth/sqlstore to its promises on real servers.
package jwtsql_test

import (
	"crypto/rand"
	"database/sql"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/sqlstore"
)

// on returns a Store on pool, with the table in place.
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

// usual are limits that no test runs into.
var usual = jwtauth.Limits{Lifetime: 30 * time.Hour, Idle: 7 * time.Hour, PerSubject: 1000}

func newID(subject string) jwtauth.FamilyID {
	var id jwtauth.FamilyID
	_, _ = rand.Read(id[:])
	b := jwtauth.BucketOf(subject)
	copy(id[:], b[:])
	return id
}

func spend(counter uint64, grace time.Duration) jwtauth.Rotation {
	r := jwtauth.Rotation{Counter: counter, Grace: grace, Idle: usual.Idle}
	_, _ = rand.Read(r.Call[:])
	return r
}
