package sqldb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// A fake is a server that does what a test says and remembers what it was asked.
type fake struct {
	// answer is asked about every statement; an error fails it.
	answer func(ctx context.Context, query string) error
	// rows are returned by every query, as one column.
	rows []driver.Value
	// rowsErr comes after them.
	rowsErr error

	mu     sync.Mutex
	log    []string
	opened int
	closed int
}

func (f *fake) pool(t testing.TB) *sql.DB {
	t.Helper()
	pool := sql.OpenDB(f)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// db returns a DB on the fake.
func (f *fake) db(t testing.TB, d sqldb.Dialect) *sqldb.DB {
	t.Helper()
	db, err := sqldb.New(f.pool(t), d, sqldb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (f *fake) Connect(ctx context.Context) (driver.Conn, error) {
	f.mu.Lock()
	f.opened++
	f.mu.Unlock()
	if err := f.ask(ctx, "connect"); err != nil {
		return nil, err
	}
	return &fakeConn{f}, nil
}

func (f *fake) Driver() driver.Driver { return nil }

func (f *fake) ask(ctx context.Context, query string) error {
	f.mu.Lock()
	if query != "connect" {
		f.log = append(f.log, query)
	}
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, query)
}

// said is what the server was asked, as one line.
func (f *fake) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, "; ")
}

type fakeConn struct{ *fake }

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not prepared") }
func (c *fakeConn) Begin() (driver.Tx, error)           { return nil, errors.New("no Begin") }
func (c *fakeConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	return nil
}

func (c *fakeConn) ExecContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.ask(ctx, query)
}

func (c *fakeConn) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.ask(ctx, query); err != nil {
		return nil, err
	}
	return &fakeRows{values: c.rows, err: c.rowsErr}, nil
}

type fakeRows struct {
	values []driver.Value
	err    error
}

func (r *fakeRows) Columns() []string { return []string{"c"} }
func (r *fakeRows) Close() error      { return r.err }
func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		if r.err != nil {
			return r.err
		}
		return io.EOF
	}
	dest[0] = r.values[0]
	r.values = r.values[1:]
	return nil
}

// Errors as the drivers make them.

type stateError string // pgx, lib/pq

func (e stateError) Error() string    { return "ERROR: something (SQLSTATE " + string(e) + ")" }
func (e stateError) SQLState() string { return string(e) }

type codeError int // modernc.org/sqlite

func (e codeError) Error() string { return "something" }
func (e codeError) Code() int     { return int(e) }

type sqliteError string // mattn/go-sqlite3, ncruces/go-sqlite3

func (e sqliteError) Error() string { return string(e) }

type MySQLError string //nolint:errname // the name is what it is recognised by

func (e MySQLError) Error() string { return string(e) }
