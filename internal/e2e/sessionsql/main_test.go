// Package sessionsql holds session/sqlstore to its promises on real servers.
package sessionsql_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/sqlstore"
)

func TestMain(m *testing.M) { sqltest.Main(m, map[string]sqltest.Role{"site": site}) }

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

// start is what scripted clocks begin with.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func soon() time.Time { return time.Now().Add(time.Hour) }

func record(subject string) *session.Record {
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	id := rand.Text()
	return &session.Record{
		ID:        id,
		Principal: &auth.Principal{Subject: subject, Method: auth.MethodSession, CredentialID: id, AuthenticatedAt: now},
		Created:   now, Seen: now, Deadline: now.Add(24 * time.Hour), Values: []byte{0, 0xff},
	}
}

func newID(subject string) session.ID {
	var id session.ID
	_, _ = rand.Read(id[:])
	b := session.BucketOf(subject)
	copy(id[:], b[:])
	return id
}
