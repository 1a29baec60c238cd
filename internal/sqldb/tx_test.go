package sqldb_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
)

var errLost = io.ErrUnexpectedEOF

// failing answers the n-th statement of that beginning, counted from one, with
// err; n = 0 means each.
func failing(beginning string, n int, err error) func(context.Context, string) error {
	seen := 0
	return func(_ context.Context, query string) error {
		if strings.HasPrefix(query, beginning) {
			if seen++; seen == n || n == 0 {
				return err
			}
		}
		return nil
	}
}

func one(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, "UPDATE t")
	return err
}

func TestTxRetries(t *testing.T) {
	conflict, lost := stateError("40001"), errLost
	const pg = "BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE t; "
	tests := []struct {
		name    string
		answer  func(context.Context, string) error
		options sqldb.TxOptions
		want    error
		said    string
	}{
		{"F13 nothing fails", nil, sqldb.TxOptions{}, nil, pg + "COMMIT"},
		{"serializable", nil, sqldb.TxOptions{Serializable: true}, nil, "BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE t; COMMIT"},
		{"F13 a conflict is tried again", failing("UPDATE", 1, conflict), sqldb.TxOptions{}, nil, pg + "ROLLBACK; " + pg + "COMMIT"},
		{"F13 also one at COMMIT", failing("COMMIT", 1, conflict), sqldb.TxOptions{}, nil, pg + "COMMIT; ROLLBACK; " + pg + "COMMIT"},
		{"F13 a lost connection is tried again", failing("UPDATE", 1, lost), sqldb.TxOptions{}, nil, pg + "ROLLBACK; " + pg + "COMMIT"},
		{"F13 a dead connection from the pool too", failing("BEGIN", 1, driver.ErrBadConn), sqldb.TxOptions{}, nil, "BEGIN ISOLATION LEVEL READ COMMITTED; " + pg + "COMMIT"},
		{"F03 a lost answer to COMMIT is not", failing("COMMIT", 1, lost), sqldb.TxOptions{}, sqldb.ErrInDoubt, pg + "COMMIT; ROLLBACK"},
		{"F03 also if the server shut down", failing("COMMIT", 1, stateError("57P01")), sqldb.TxOptions{}, sqldb.ErrInDoubt, pg + "COMMIT; ROLLBACK"},
		{"F03 nor 40003", failing("COMMIT", 1, stateError("40003")), sqldb.TxOptions{}, sqldb.ErrInDoubt, pg + "COMMIT; ROLLBACK"},
		{"F03 nor an error that says nothing", failing("COMMIT", 1, errors.New("odd")), sqldb.TxOptions{}, sqldb.ErrInDoubt, pg + "COMMIT; ROLLBACK"},
		{"F03 unless it is repeatable", failing("COMMIT", 1, lost), sqldb.TxOptions{Repeatable: true}, nil, pg + "COMMIT; ROLLBACK; " + pg + "COMMIT"},
		{"F03 COMMIT that was not sent is no doubt", failing("COMMIT", 1, driver.ErrBadConn), sqldb.TxOptions{}, nil, pg + "COMMIT; " + pg + "COMMIT"},
		{"a duplicate is the caller's", failing("UPDATE", 1, stateError("23505")), sqldb.TxOptions{}, sqldb.ErrDuplicate, pg + "ROLLBACK"},
		{"F13 unavailable is tried three times", failing("UPDATE", 0, lost), sqldb.TxOptions{}, sqldb.ErrUnavailable, strings.Repeat(pg+"ROLLBACK; ", 2) + pg + "ROLLBACK"},
		{"F13 conflicts twenty times", failing("UPDATE", 0, conflict), sqldb.TxOptions{}, sqldb.ErrConflict, strings.Repeat(pg+"ROLLBACK; ", 19) + pg + "ROLLBACK"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{answer: test.answer}
			err := f.db(t, sqldb.PostgreSQL).Tx(t.Context(), test.options, one)
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if !errors.Is(test.want, sqldb.ErrInDoubt) && errors.Is(err, sqldb.ErrInDoubt) {
				t.Errorf("in doubt: %v", err)
			}
			// A connection that is known to be dead is not asked to roll back.
			if said := f.said(); said != test.said {
				t.Errorf("said %s\nwant %s", said, test.said)
			}
		})
	}
}

func TestTxBeginsByDialect(t *testing.T) {
	for d, want := range map[sqldb.Dialect]string{
		sqldb.SQLite: "BEGIN IMMEDIATE; COMMIT",
		sqldb.MySQL:  "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION; COMMIT",
	} {
		f := &fake{}
		if err := f.db(t, d).Tx(t.Context(), sqldb.TxOptions{}, func(context.Context, *sqldb.Tx) error { return nil }); err != nil || f.said() != want {
			t.Errorf("%s: %v, said %s", d, err, f.said())
		}
	}
}

// What the work makes of a conflict does not count, for it is based on nothing.
func TestTxWorkThatMisreadsAConflict(t *testing.T) {
	f := &fake{answer: failing("UPDATE", 1, stateError("40P01"))}
	tries := 0
	err := f.db(t, sqldb.PostgreSQL).Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
		tries++
		if one(ctx, tx) != nil {
			return errors.New("not found")
		}
		return nil
	})
	if err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// A connection with an open transaction in the pool would be the next user's.
func TestTxThatCannotRollBackLosesItsConnection(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.PostgreSQL, sqldb.MySQL} {
		f := &fake{answer: failing("ROLLBACK", 0, codeError(1))}
		own := errors.New("own")
		if err := f.db(t, d).Tx(t.Context(), sqldb.TxOptions{}, func(context.Context, *sqldb.Tx) error { return own }); !errors.Is(err, own) {
			t.Errorf("%s: %v", d, err)
		}
		if f.closed != 1 {
			t.Errorf("%s: the connection went back into the pool", d)
		}
		f = &fake{}
		_ = f.db(t, d).Tx(t.Context(), sqldb.TxOptions{}, func(context.Context, *sqldb.Tx) error { return own })
		if f.closed != 0 {
			t.Errorf("%s: a good connection was closed", d)
		}
	}
	f := &fake{answer: failing("ROLLBACK", 0, sqliteError("cannot rollback - no transaction is active"))}
	_ = f.db(t, sqldb.SQLite).Tx(t.Context(), sqldb.TxOptions{}, func(context.Context, *sqldb.Tx) error { return errLost })
	if f.closed != 0 {
		t.Error("SQLite had rolled back, and the connection was closed: that may be all of an in-memory database")
	}
}

// The pool must lead to the server that is the primary now.
func TestF13ConnectionsToAReplacedServerAreClosed(t *testing.T) {
	f := &fake{answer: failing("UPDATE", 1, stateError("25006"))}
	db := f.db(t, sqldb.PostgreSQL)
	if _, err := db.Exec(t.Context(), "UPDATE t"); err != nil {
		t.Error(err)
	}
	if f.closed != 1 || f.opened != 2 {
		t.Errorf("%d closed, %d opened", f.closed, f.opened)
	}
}

func TestExecRetries(t *testing.T) {
	tests := []struct {
		name       string
		fail       error
		repeatable bool
		want       error
		times      int
	}{
		{"F13 a conflict", stateError("40001"), false, nil, 2},
		{"F03 a lost answer", errLost, false, sqldb.ErrInDoubt, 1},
		{"F03 a lost answer to what may run twice", errLost, true, nil, 2},
		{"not sent", driver.ErrBadConn, false, nil, 2},
		{"an error", stateError("42601"), false, stateError("42601"), 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{answer: failing("UPDATE", 1, test.fail)}
			db := f.db(t, sqldb.PostgreSQL)
			exec := db.Exec
			if test.repeatable {
				exec = db.ExecRepeatable
			}
			_, err := exec(t.Context(), "UPDATE t")
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || len(f.log) != test.times {
				t.Errorf("got %v after %d times", err, len(f.log))
			}
		})
	}
}

func TestQueryRetries(t *testing.T) {
	t.Run("F13 a SELECT is repeated when its connection is lost", func(t *testing.T) {
		f := &fake{answer: failing("SELECT", 1, errLost), rows: []driver.Value{int64(7)}}
		var n int
		if err := f.db(t, sqldb.PostgreSQL).Query(t.Context(), "SELECT n").Scan(&n); err != nil || n != 7 || len(f.log) != 2 {
			t.Errorf("%v, %d, %s", err, n, f.said())
		}
	})
	t.Run("F03 an UPDATE … RETURNING is not", func(t *testing.T) {
		f := &fake{answer: failing("UPDATE", 1, errLost), rows: []driver.Value{int64(7)}}
		var n int
		if err := f.db(t, sqldb.PostgreSQL).Query(t.Context(), "UPDATE t RETURNING n").Scan(&n); !errors.Is(err, sqldb.ErrInDoubt) || len(f.log) != 1 {
			t.Errorf("%v, %s", err, f.said())
		}
	})
	t.Run("an error after the row is an error", func(t *testing.T) {
		f := &fake{rows: []driver.Value{int64(7)}, rowsErr: errLost}
		var n int
		if err := f.db(t, sqldb.PostgreSQL).Query(t.Context(), "UPDATE t RETURNING n").Scan(&n); !errors.Is(err, sqldb.ErrInDoubt) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no row is delivered twice", func(t *testing.T) {
		f := &fake{rows: []driver.Value{int64(7), int64(8)}, rowsErr: errLost}
		calls := 0
		err := f.db(t, sqldb.PostgreSQL).Query(t.Context(), "SELECT n").Each(func(func(...any) error) error {
			calls++
			return nil
		})
		if !errors.Is(err, sqldb.ErrUnavailable) || errors.Is(err, sqldb.ErrInDoubt) || calls != 2 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
	t.Run("the caller's own error comes back as it is", func(t *testing.T) {
		f := &fake{rows: []driver.Value{int64(7), int64(8)}}
		own := errors.New("own")
		err := f.db(t, sqldb.PostgreSQL).Query(t.Context(), "SELECT n").Each(func(func(...any) error) error { return own })
		if err != own { //nolint:errorlint // as it is
			t.Errorf("got %v", err)
		}
	})
}

// stall is a server that accepts and says nothing.
func stall(beginning string) func(context.Context, string) error {
	return func(ctx context.Context, query string) error {
		if strings.HasPrefix(query, beginning) {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
}

func TestI6EveryCallEnds(t *testing.T) {
	for _, where := range []string{"connect", "BEGIN", "UPDATE", "COMMIT", "ROLLBACK"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: stall(where)}
				pool := f.pool(t)
				defer pool.Close()
				db, err := sqldb.New(pool, sqldb.PostgreSQL, sqldb.Config{Timeout: 3 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				err = db.Tx(context.Background(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
					if err := one(ctx, tx); err != nil {
						return err
					}
					if where == "ROLLBACK" {
						return context.DeadlineExceeded
					}
					return nil
				})
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sqldb.ErrInDoubt) != (where == "COMMIT") {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took > 4*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// The answer to COMMIT is waited for although the client has gone.
func TestF15CommitIsNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		f := &fake{answer: func(ctx context.Context, query string) error {
			if query == "COMMIT" {
				cancel()
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(900 * time.Millisecond):
				}
			}
			return nil
		}}
		pool := f.pool(t)
		defer pool.Close()
		db, err := sqldb.New(pool, sqldb.PostgreSQL, sqldb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Tx(ctx, sqldb.TxOptions{}, one); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// To break a statement off costs a connection, and may leave locks at the server:
// a client that hangs up does neither.
func TestF15StatementsAreNotBrokenOff(t *testing.T) {
	calls := map[string]func(ctx context.Context, db *sqldb.DB) error{
		"UPDATE t": func(ctx context.Context, db *sqldb.DB) error {
			_, err := db.Exec(ctx, "UPDATE t")
			return err
		},
		"SELECT n": func(ctx context.Context, db *sqldb.DB) error {
			var n int
			return db.Query(ctx, "SELECT n").Scan(&n)
		},
		"INSERT t": func(ctx context.Context, db *sqldb.DB) error {
			err := db.Tx(ctx, sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
				if _, err := tx.Exec(ctx, "INSERT t"); err != nil {
					return err
				}
				if err := one(ctx, tx); !errors.Is(err, context.Canceled) {
					return errors.New("a statement was sent after the end of the context")
				}
				return ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				return errors.Join(errors.New("committed"), err)
			}
			return nil
		},
	}
	for statement, call := range calls {
		t.Run(statement, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			f := &fake{rows: []driver.Value{int64(1)}}
			f.answer = func(inner context.Context, query string) error {
				if strings.HasPrefix(query, statement) {
					cancel()
					return inner.Err()
				}
				return nil
			}
			if err := call(ctx, f.db(t, sqldb.PostgreSQL)); err != nil || f.closed != 0 {
				t.Errorf("%v, %d connections closed, said %s", err, f.closed, f.said())
			}
			if err := call(ctx, f.db(t, sqldb.PostgreSQL)); statement != "INSERT t" && !errors.Is(err, context.Canceled) {
				t.Errorf("after the end of the context: %v", err)
			}
		})
	}
}

// A COMMIT that is sent at the last moment still gets a second for its answer.
func TestCommitAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(ctx context.Context, query string) error {
			switch query {
			case "UPDATE t":
				<-time.After(2900 * time.Millisecond)
			case "COMMIT":
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(900 * time.Millisecond):
				}
			}
			return nil
		}}
		pool := f.pool(t)
		defer pool.Close()
		db, err := sqldb.New(pool, sqldb.PostgreSQL, sqldb.Config{Timeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Tx(context.Background(), sqldb.TxOptions{}, one); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestDeadlineOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: stall("UPDATE")}
		pool := f.pool(t)
		defer pool.Close()
		db, err := sqldb.New(pool, sqldb.PostgreSQL, sqldb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if _, err := db.Exec(ctx, "UPDATE t"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, sqldb.ErrInDoubt) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "v"), time.Millisecond)
		cancel()
		detached, release := sqldb.Detach(ctx, 0)
		defer release()
		if detached.Err() != nil || detached.Value(key{}) != "v" {
			t.Error("it has the end of its parent, or not its values")
		}
		if at, ok := detached.Deadline(); !ok || time.Until(at) != sqldb.DefaultTimeout {
			t.Errorf("it ends at %v", at)
		}
		shorter, release := sqldb.Detach(ctx, time.Second)
		defer release()
		if at, _ := shorter.Deadline(); time.Until(at) != time.Second {
			t.Errorf("it ends at %v", at)
		}
	})
}
