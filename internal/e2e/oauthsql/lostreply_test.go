package oauthsql_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/sqlstore"
)

// A lossy driver hands statements to another pool. It does what they say and then,
// when its time has come, loses the answer.
type lossy struct {
	pool *sql.DB
	left atomic.Int64 // so many writes are answered; negative: all are
}

func (l *lossy) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := l.pool.Conn(ctx)
	return &lossyConn{l, conn}, err
}
func (l *lossy) Driver() driver.Driver { return l.pool.Driver() }

type lossyConn struct {
	*lossy
	conn *sql.Conn
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
	if err == nil && strings.Contains("INSERT UPDATE DELETE COMMIT", verb) && c.left.Add(-1) == -1 {
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

// Whichever answer of the database is lost, a call does its work once and says so.
func TestF03LostReplies(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		calm := open(t, d)
		l := &lossy{pool: d.Open(t)}
		l.left.Store(-1)
		pool := sql.OpenDB(l)
		t.Cleanup(func() { _ = pool.Close() })
		s, err := sqlstore.New(pool, d.Dialect, sqlstore.Config{Timeout: patient})
		must(t, err)
		ctx := t.Context()
		old, sealed := []byte("old"), []byte("new")
		for doing, c := range map[string]struct {
			call func(a oauth.Link) error
			left int // links of the user, of two
			kept string
		}{
			"Create":            {func(a oauth.Link) error { a.Subject += "-3"; return s.Create(ctx, a, 3) }, 3, "old"},
			"Delete":            {func(a oauth.Link) error { return s.Delete(ctx, a.User, a.Issuer, a.Subject, 1) }, 1, "old"},
			"Delete all":        {func(a oauth.Link) error { return s.DeleteAll(ctx, a.User) }, 0, "old"},
			"Put":               {func(a oauth.Link) error { return s.Tokens().Put(ctx, a.Issuer, a.Subject, sealed) }, 2, "new"},
			"Swap":              {func(a oauth.Link) error { return s.Tokens().Swap(ctx, a.Issuer, a.Subject, old, sealed) }, 2, "new"},
			"Delete of a token": {func(a oauth.Link) error { return s.Tokens().Delete(ctx, a.Issuer, a.Subject) }, 2, ""},
			"Consume": {func(a oauth.Link) error {
				id, expires := sha256.Sum256([]byte(a.Subject)), time.Now().Add(time.Minute)
				if err := s.Consumer().Consume(ctx, id, oauth.CallID{1}, expires); err != nil {
					return err
				}
				if err := calm.Consumer().Consume(ctx, id, oauth.CallID{2}, expires); !errors.Is(err, oauth.ErrConsumed) {
					return errors.New("I3 it is consumed twice")
				}
				return nil
			}, 2, "old"},
		} {
			for k, more := 0, true; more; k++ {
				user := "u-" + rand.Text()
				a, b := link(user, "s-"+rand.Text()), link(user, "s-"+rand.Text())
				must(t, calm.Create(ctx, a, 3))
				must(t, calm.Create(ctx, b, 3))
				must(t, calm.Tokens().Put(ctx, a.Issuer, a.Subject, old))
				l.left.Store(int64(k))
				err := c.call(a)
				more = l.left.Swap(-1) < 0
				if err != nil {
					t.Errorf("%s, answer %d lost: %v", doing, k, err)
				}
				list, err := calm.List(ctx, user)
				if err != nil || len(list) != c.left {
					t.Errorf("%s, answer %d lost: %d links, %v; want %d", doing, k, len(list), err, c.left)
				}
				kept, err := calm.Tokens().Get(ctx, a.Issuer, a.Subject)
				if string(kept) != c.kept || (err != nil) != (c.kept == "") {
					t.Errorf("%s, answer %d lost: %q is kept, %v; want %q", doing, k, kept, err, c.kept)
				}
				if k > 20 {
					t.Fatalf("%s never ends", doing)
				}
			}
		}
	})
}
