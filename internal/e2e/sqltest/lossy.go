package sqltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
)

// Lossy is a pool that hands statements to another one. It does what they say and
// then, when its time has come, loses the answer.
type Lossy struct {
	*sql.DB
	pool *sql.DB
	left atomic.Int64 // so many writes are answered; negative: all are
}

// OpenLossy returns one that loses nothing yet.
func (d *Database) OpenLossy(t testing.TB) *Lossy {
	t.Helper()
	l := &Lossy{pool: d.Open(t)}
	l.left.Store(-1)
	l.DB = sql.OpenDB(connector{l})
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Losing does a call with the answer to its k-th write lost, the first being 0, and
// reports whether there was one. INSERT, UPDATE, DELETE and COMMIT are writes.
func (l *Lossy) Losing(k int, call func() error) (lost bool, err error) {
	l.left.Store(int64(k))
	err = call()
	return l.left.Swap(-1) < 0, err
}

type connector struct{ *Lossy }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.pool.Conn(ctx)
	return &lossyConn{c.Lossy, conn}, err
}
func (c connector) Driver() driver.Driver { return c.pool.Driver() }

type lossyConn struct {
	lossy *Lossy
	conn  *sql.Conn
}

var errUnused = errors.New("sqldb does without")

func (c *lossyConn) Prepare(string) (driver.Stmt, error)        { return nil, errUnused }
func (c *lossyConn) Begin() (driver.Tx, error)                  { return nil, errUnused }
func (c *lossyConn) Close() error                               { return c.conn.Close() }
func (c *lossyConn) CheckNamedValue(_ *driver.NamedValue) error { return nil }
func (c *lossyConn) args(list []driver.NamedValue) (values []any) {
	for _, v := range list {
		values = append(values, v.Value)
	}
	return values
}

func (c *lossyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.conn.ExecContext(ctx, query, c.args(args)...)
	verb, _, _ := strings.Cut(query, " ")
	if err == nil && strings.Contains("INSERT UPDATE DELETE COMMIT", verb) && c.lossy.left.Add(-1) == -1 {
		return nil, io.ErrUnexpectedEOF
	}
	return result, err
}

func (c *lossyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.conn.QueryContext(ctx, query, c.args(args)...)
	return lossyRows{rows}, err
}

type lossyRows struct{ *sql.Rows }

func (r lossyRows) Columns() []string {
	names, _ := r.Rows.Columns()
	return names
}

func (r lossyRows) Next(dest []driver.Value) error {
	if !r.Rows.Next() {
		if err := r.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	values := make([]any, len(dest))
	for i := range dest {
		values[i] = &dest[i]
	}
	return r.Scan(values...)
}
