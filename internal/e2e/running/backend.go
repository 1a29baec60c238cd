package running

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// A Backend is where the servers of one service keep everything.
type Backend struct {
	Name  string // of the subtest: "SQLite", "PostgreSQL+Redis", "MariaDB+Redis"
	DB    *sqltest.Database
	Redis *redistest.Server // nil: sessions and tokens are in the database, limits in memory

	secrets string
	baseURL string // of the first server
	admin   string // the password that it announced
}

// Long reports whether there is time for longer histories, more rounds and a third
// database: SALLYPORT_LONG=1, which make attack, make faults and make scale say.
func Long() bool { return os.Getenv("SALLYPORT_LONG") != "" }

// Each runs f as a subtest on each kind of backend, skipping those whose servers
// are not there: on SQLite, on PostgreSQL with Redis, and if it is Long on MariaDB with
// Redis, whose stores have tests of their own.
func Each(t *testing.T, f func(t *testing.T, b *Backend)) {
	t.Helper()
	kinds := []string{"SQLite", "PostgreSQL"}
	if Long() {
		kinds = append(kinds, "MariaDB")
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			b := &Backend{Name: kind, DB: sqltest.One(t, kind)}
			if kind != "SQLite" {
				b.Name += "+Redis"
				b.Redis = redistest.Start(t)
			}
			f(t, b.begin(t))
		})
	}
}

// On returns an empty backend on a kind of database, "SQLite", "PostgreSQL" or
// "MariaDB". Redis is one that was started, or nil.
func On(t testing.TB, database string, redis *redistest.Server) *Backend {
	t.Helper()
	return (&Backend{Name: database, DB: sqltest.One(t, database), Redis: redis}).begin(t)
}

// SecretsFile is the file with the keys of the service, for what only somebody who
// has them could do. It is made at the first start.
func (b *Backend) SecretsFile() string { return b.secrets }

func (b *Backend) begin(t testing.TB) *Backend {
	b.secrets = filepath.Join(t.TempDir(), "secrets.json")
	return b
}
