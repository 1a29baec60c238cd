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

// Run runs f as a subtest for each server, on a new database. Where there is no
// server the subtest is skipped.
//
// With the race detector it is one server, PostgreSQL if it is there: what the detector
// sees is our own code, which is the same on all of them, while SQLite is so much code
// in this process that it takes most of the time.
func Run(t *testing.T, f func(t *testing.T, d *Database)) {
	t.Helper()
	for _, s := range chosen() {
		t.Run(s.name(), func(t *testing.T) {
			if problem := s.missing(); problem != "" {
				testkit.Skip(t, problem)
			}
			f(t, fresh(t, s))
		})
	}
}

// chosen are the servers of Run.
func chosen() []server {
	all := servers()
	if !testkit.RaceDetector {
		return all
	}
	for _, s := range all {
		if s.dialect() == sqldb.PostgreSQL && s.missing() == "" {
			return []server{s}
		}
	}
	return all[:1] // SQLite is everywhere
}

// One returns a new database on the server of that name, or skips the test for the
// lack of it.
func One(t testing.TB, name string) *Database {
	t.Helper()
	for _, s := range servers() {
		if s.name() != name {
			continue
		}
		if problem := s.missing(); problem != "" {
			testkit.Skip(t, problem)
		}
		return fresh(t, s)
	}
	t.Fatalf("sqltest: there is no server %q", name)
	return nil
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

// URL is the address of the database as a program takes it: the file of SQLite,
// postgres://… or mysql://….
func (d *Database) URL() string { return d.server.address(d.dsn) }

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
