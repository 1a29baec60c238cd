package sqltest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/internal/testkit"
)

// maxConns is how many connections a pool has: enough for a queue, few enough
// for many tests at once on a server that allows a hundred.
const maxConns = 8

// A Database is empty at first and belongs to one test.
type Database struct {
	Name    string // of the server: "SQLite", "PostgreSQL", "MariaDB"
	Dialect sqldb.Dialect

	server server
	id     string
	dsn    string
}

// Databases returns a new database on each server that is there, and reports
// those that are not.
func Databases(t testing.TB) []*Database {
	t.Helper()
	var list []*Database
	for _, s := range servers() {
		if problem := s.missing(); problem != "" {
			testkit.Unavailable(t, problem)
			continue
		}
		list = append(list, fresh(t, s))
	}
	return list
}

// Run runs f as a subtest for each server, on a new database. Where there is no
// server the subtest is skipped.
func Run(t *testing.T, f func(t *testing.T, d *Database)) {
	t.Helper()
	for _, s := range servers() {
		t.Run(s.name(), func(t *testing.T) {
			if problem := s.missing(); problem != "" {
				testkit.Skip(t, problem)
			}
			f(t, fresh(t, s))
		})
	}
}

func fresh(t testing.TB, s server) *Database {
	t.Helper()
	d := &Database{Name: s.name(), Dialect: s.dialect(), server: s, id: randomName()}
	d.dsn = s.create(t, d.id)
	return d
}

// Fresh returns another empty database on the same server.
func (d *Database) Fresh(t testing.TB) *Database {
	t.Helper()
	return fresh(t, d.server)
}

// Schema is the name of the schema of PostgreSQL or the database of MariaDB.
func (d *Database) Schema() string { return d.id }

// Open returns a pool of its own, which is closed when the test ends.
func (d *Database) Open(t testing.TB) *sql.DB {
	t.Helper()
	return d.OpenWith(t, nil)
}

// OpenWith is Open with settings of the connections: pragmas of SQLite, settings
// of a session of PostgreSQL, variables of one of MariaDB, where clientFoundRows
// and interpolateParams are those of the driver.
func (d *Database) OpenWith(t testing.TB, settings map[string]string) *sql.DB {
	t.Helper()
	pool, err := d.server.open(d.dsn, settings)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Logf("close: %v", err) // as after Kill
		}
	})
	return pool
}

// OpenReadOnly returns a pool whose writes the server refuses, as one that was
// replaced by another does.
func (d *Database) OpenReadOnly(t testing.TB) *sql.DB {
	t.Helper()
	switch d.Dialect {
	case sqldb.PostgreSQL:
		return d.OpenWith(t, map[string]string{"default_transaction_read_only": "on"})
	case sqldb.MySQL:
		return d.OpenWith(t, map[string]string{"tx_read_only": "1"})
	}
	return d.OpenWith(t, map[string]string{"query_only": "1"})
}

// ids runs a query that returns one column of numbers.
func ids(ctx context.Context, pool *sql.DB, query string, args ...any) ([]int64, error) {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}
