package passwordsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/sqlstore"
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

// Whichever answer of the database is lost, a call says what is so.
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
		// losing does a call with the answer to its k-th write lost, and reports
		// whether there was one.
		losing := func(k int, call func() error) (lost bool, err error) {
			l.left.Store(int64(k))
			err = call()
			return l.left.Swap(-1) < 0, err
		}
		for doing, c := range map[string]struct {
			call func(u account.User) error
			want func(u *account.User)
		}{
			"SetPassword": {
				func(u account.User) error { return s.SetPassword(ctx, u.ID, u.Hash, "new", time.Time{}) },
				func(u *account.User) { u.Hash = "new" },
			},
			"SetEmail": {
				func(u account.User) error { return s.SetEmail(ctx, u.ID, u.Canonical, "X"+u.Email, "x"+u.Canonical) },
				func(u *account.User) { u.Email, u.Canonical = "X"+u.Email, "x"+u.Canonical },
			},
			"SetRoles":    {func(u account.User) error { return s.SetRoles(ctx, u.ID, nil) }, func(u *account.User) { u.Roles = nil }},
			"SetDisabled": {func(u account.User) error { return s.SetDisabled(ctx, u.ID, false) }, func(*account.User) {}},
			"Void":        {func(u account.User) error { return s.Tokens().Void(ctx, u.ID) }, func(*account.User) {}},
			"Void of one": {func(u account.User) error { return s.Tokens().Void(ctx, u.ID, password.PurposeReset) }, func(*account.User) {}},
			"Delete":      {func(u account.User) error { return s.Delete(ctx, u.ID) }, nil},
		} {
			for k, more := 0, true; more; k++ {
				u := create(t, calm, newUser())
				token, err := newTokens(t, calm).Issue(ctx, u.ID, password.PurposeReset, "")
				must(t, err)
				more, err = losing(k, func() error { return c.call(u) })
				if err != nil {
					t.Errorf("%s, answer %d lost: %v", doing, k, err)
				}
				if c.want == nil {
					_, err := calm.Find(ctx, u.ID)
					want(t, doing, err, account.ErrNotFound)
				} else {
					c.want(&u)
					same(t, calm, u)
				}
				if strings.HasPrefix(doing, "Void") || doing == "Delete" {
					_, err := newTokens(t, calm).Consume(ctx, password.PurposeReset, token)
					want(t, doing, err, password.ErrToken)
				}
				if k == 0 && !more || k > 9 {
					t.Fatalf("%s has %d writes", doing, k)
				}
			}
		}
		t.Run("Create finds its own user, and no other", func(t *testing.T) {
			u := newUser()
			if lost, err := losing(0, func() error { _, err := s.Create(ctx, u); return err }); !lost || err != nil {
				t.Errorf("%v, %v", lost, err)
			}
			same(t, calm, u)
			other := newUser()
			other.Canonical = u.Canonical
			_, err := losing(0, func() error { _, err := s.Create(ctx, other); return err })
			if err == nil {
				t.Error("an address was given twice")
			}
			_, err = calm.Find(ctx, other.ID)
			want(t, "the other", err, account.ErrNotFound)
		})
		t.Run("I3 Put is repeated; Consume is not, and nobody has the token", func(t *testing.T) {
			tokens := newTokens(t, s)
			var token string
			lost, err := losing(0, func() (err error) {
				token, err = tokens.Issue(ctx, "u", password.PurposeReset, "")
				return err
			})
			if !lost || err != nil {
				t.Fatalf("%v, %v", lost, err)
			}
			lost, err = losing(0, func() error { _, err := tokens.Consume(ctx, password.PurposeReset, token); return err })
			if !lost || err == nil || errors.Is(err, password.ErrToken) {
				t.Errorf("%v, %v; want the store's failure", lost, err)
			}
			_, err = newTokens(t, calm).Consume(ctx, password.PurposeReset, token)
			want(t, "Consume again", err, password.ErrToken)
		})
	})
}
