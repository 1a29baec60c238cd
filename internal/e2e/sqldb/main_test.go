// Package sqldb holds internal/sqldb to its promises on real servers.
package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestMain(m *testing.M) {
	sqltest.Main(m, map[string]sqltest.Role{"increment": increment, "migrate": migrate, "hold": hold})
}

// tables has every kind of column.
var tables = fstest.MapFS{"migrations/0001_counters.sql": {Data: []byte(`
-- A comment; with a semicolon, and a ? and a 'quote.
CREATE TABLE {counters} (
	id         {TEXT 64} NOT NULL PRIMARY KEY,
	n          {INT} NOT NULL DEFAULT 0,
	hash       {BYTES 32},
	note       {TEXT},
	data       {BYTES},
	active     {BOOL},
	expires_at {TIME} NOT NULL DEFAULT 0
) {OPTIONS};
CREATE UNIQUE INDEX {INDEX counters_hash} ON {counters} (hash);
CREATE INDEX {INDEX counters_expiry} ON {counters} (expires_at);
`)}}

// patient is for tests in which many wait for one row on a slow machine.
var patient = sqldb.Config{Timeout: 20 * time.Second}

// open returns a DB on a pool of its own, with the tables in place.
func open(t testing.TB, d *sqltest.Database) *sqldb.DB {
	t.Helper()
	db, err := sqldb.New(d.Open(t), d.Dialect, patient)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), "test", tables); err != nil {
		t.Fatal(err)
	}
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// counter makes a row with n = 0.
func counter(t testing.TB, db *sqldb.DB, id string) {
	t.Helper()
	_, err := db.Exec(t.Context(), "INSERT INTO {counters} (id) VALUES (?)", id)
	must(t, err)
}

func value(t testing.TB, db sqldb.Querier, id string) (n int) {
	t.Helper()
	must(t, db.Query(context.Background(), "SELECT n FROM {counters} WHERE id = ?", id).Scan(&n))
	return n
}

// add increments a counter the long way: reading, computing and writing in a
// transaction. It loses increments if the rows are not locked or the conflicts
// not seen.
func add(ctx context.Context, db *sqldb.DB, opts sqldb.TxOptions, id string) error {
	return db.Tx(ctx, opts, func(ctx context.Context, tx *sqldb.Tx) error {
		query := "SELECT n FROM {counters} WHERE id = ? {FOR UPDATE}"
		if opts.Serializable {
			query = "SELECT n FROM {counters} WHERE id = ?"
		}
		var n int
		if err := tx.Query(ctx, query, id).Scan(&n); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE {counters} SET n = ? WHERE id = ?", n+1, id)
		return err
	})
}

// together calls f from n goroutines at once and returns the errors.
func together(n int, f func(i int) error) error {
	var all sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errors.Join(errs...)
}

// increment is the role of a second process: n increments of the counter "x".
func increment(c *sqltest.Child) error {
	n, err := strconv.Atoi(c.Args[0])
	if err != nil {
		return err
	}
	db, err := c.Open()
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	return together(n, func(int) error { return add(context.Background(), db, sqldb.TxOptions{}, "x") })
}

func migrate(c *sqltest.Child) error {
	db, err := c.Open()
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	return together(8, func(int) error { return db.Migrate(context.Background(), "many", many(12)) })
}

// hold increments in a transaction and waits to be killed in it.
func hold(c *sqltest.Child) error {
	db, err := c.Open()
	if err != nil {
		return err
	}
	return db.Tx(context.Background(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE {counters} SET n = n + 1 WHERE id = 'x'"); err != nil {
			return err
		}
		return c.Ready()
	})
}

// many is a set of n steps, each of which fails if it is applied twice.
func many(n int) fstest.MapFS {
	files := make(fstest.MapFS)
	for i := range n {
		files[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"CREATE TABLE {many%d} (id {INT} PRIMARY KEY) {OPTIONS};\nINSERT INTO {many%d} (id) VALUES (1);\n", i, i)}
	}
	return files
}
