package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestCounting(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		// Two instances, whose queues know nothing of each other.
		dbs := []*sqldb.DB{open(t, d), open(t, d)}
		count := func(t *testing.T, id string, n int, add func(db *sqldb.DB) error) {
			t.Helper()
			counter(t, dbs[0], id)
			if err := together(n, func(i int) error { return add(dbs[i%2]) }); err != nil {
				t.Error(err)
			}
			if got := value(t, dbs[0], id); got != n {
				t.Errorf("counted %d of %d", got, n)
			}
		}
		t.Run("F13 read and write under lock", func(t *testing.T) {
			count(t, "locked", 300, func(db *sqldb.DB) error { return add(t.Context(), db, sqldb.TxOptions{}, "locked") })
		})
		t.Run("F13 serializable, without locks", func(t *testing.T) {
			count(t, "serializable", 48, func(db *sqldb.DB) error {
				for {
					// More than the retries can bear is an error, and not an increment.
					err := add(t.Context(), db, sqldb.TxOptions{Serializable: true}, "serializable")
					if !errors.Is(err, sqldb.ErrConflict) {
						return err
					}
				}
			})
		})
		t.Run("F13 one statement", func(t *testing.T) {
			count(t, "one", 300, func(db *sqldb.DB) error {
				n, err := db.Exec(t.Context(), "UPDATE {counters} SET n = n + 1 WHERE id = ?", "one")
				if err == nil && n != 1 {
					err = fmt.Errorf("%d rows", n)
				}
				return err
			})
		})
	})
}

func TestCountingInTwoProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		counter(t, db, "x")
		const n = 60
		a, b := d.Start(t, "increment", fmt.Sprint(n)), d.Start(t, "increment", fmt.Sprint(n))
		a.AwaitReady()
		b.AwaitReady()
		a.Go()
		b.Go()
		if err := together(n, func(int) error { return add(t.Context(), db, sqldb.TxOptions{}, "x") }); err != nil {
			t.Error(err)
		}
		a.Wait()
		b.Wait()
		if got := value(t, db, "x"); got != 3*n {
			t.Errorf("counted %d of %d", got, 3*n)
		}
	})
}

func TestF14ProcessKilledInATransaction(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		counter(t, db, "x")
		p := d.Start(t, "hold")
		p.AwaitReady()
		p.Kill()
		must(t, add(t.Context(), db, sqldb.TxOptions{}, "x"))
		if got := value(t, db, "x"); got != 1 {
			t.Errorf("the counter is %d, want 1: that of the killed process counts", got)
		}
	})
}

func TestF13Deadlock(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		counter(t, db, "a")
		counter(t, db, "b")
		n := 40
		if d.Dialect == sqldb.PostgreSQL {
			n = 6 // it looks for deadlocks once a second only
		}
		tries := make([]int, n)
		var both sync.WaitGroup // the first two meet half-way
		both.Add(2)
		meet := make(chan struct{})
		err := together(n, func(i int) error {
			if i < 2 {
				defer func() {
					if i == 0 {
						close(meet)
					}
				}()
			} else {
				<-meet
			}
			first, second := "a", "b"
			if i%2 == 1 {
				first, second = second, first
			}
			return db.Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
				tries[i]++
				for k, id := range []string{first, second} {
					if k == 1 && i < 2 && tries[i] == 1 && d.Dialect != sqldb.SQLite {
						both.Done()
						both.Wait()
					}
					if _, err := tx.Exec(ctx, "UPDATE {counters} SET n = n + 1 WHERE id = ?", id); err != nil {
						return err
					}
				}
				return nil
			})
		})
		must(t, err)
		if a, b := value(t, db, "a"), value(t, db, "b"); a != n || b != n {
			t.Errorf("counted %d and %d of %d", a, b, n)
		}
		total := 0
		for _, m := range tries {
			total += m
		}
		t.Logf("%d transactions took %d tries", n, total)
		if d.Dialect != sqldb.SQLite && total == n {
			t.Error("no deadlock happened, so nothing was tested")
		}
	})
}

func TestSQLiteWithoutBusyTimeout(t *testing.T) {
	d := sqltest.One(t, "SQLite")
	setup := open(t, d)
	counter(t, setup, "x")
	impatient := map[string]string{"busy_timeout": "0"}
	var dbs []*sqldb.DB
	for range 4 {
		db, err := sqldb.New(d.OpenWith(t, impatient), d.Dialect, patient)
		must(t, err)
		dbs = append(dbs, db)
	}
	const n = 200
	must(t, together(n, func(i int) error { return add(t.Context(), dbs[i%4], sqldb.TxOptions{}, "x") }))
	if got := value(t, setup, "x"); got != n {
		t.Errorf("counted %d of %d", got, n)
	}
}

func TestTx(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		counter(t, db, "x")
		bump := func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE {counters} SET n = n + 1 WHERE id = 'x'")
			return err
		}
		unchanged := func(t *testing.T) {
			t.Helper()
			if n := value(t, db, "x"); n != 0 {
				t.Errorf("n = %d after a roll-back", n)
			}
			// No connection may have been left inside a transaction.
			must(t, together(16, func(int) error {
				return db.Tx(context.Background(), sqldb.TxOptions{}, func(context.Context, *sqldb.Tx) error { return nil })
			}))
		}
		t.Run("an error rolls back and is returned as it is", func(t *testing.T) {
			own := errors.New("own")
			err := db.Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
				must(t, bump(ctx, tx))
				return own
			})
			if err != own { //nolint:errorlint // as it is
				t.Errorf("got %v", err)
			}
			unchanged(t)
		})
		t.Run("F16 a panic rolls back and goes on", func(t *testing.T) {
			func() {
				defer func() {
					if recover() != "ouch" {
						t.Error("the panic did not come through")
					}
				}()
				_ = db.Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
					must(t, bump(ctx, tx))
					panic("ouch")
				})
			}()
			unchanged(t)
		})
		t.Run("a failed statement cannot be ignored", func(t *testing.T) {
			var first, second error
			err := db.Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
				must(t, bump(ctx, tx))
				_, first = tx.Exec(ctx, "INSERT INTO {counters} (id) VALUES ('x')")
				second = bump(ctx, tx)
				return nil
			})
			if !errors.Is(first, sqldb.ErrDuplicate) || second != first || err != first { //nolint:errorlint // the same
				t.Errorf("got %v, %v, %v", first, second, err)
			}
			unchanged(t)
		})
		t.Run("a row that cannot be scanned cannot be ignored", func(t *testing.T) {
			err := db.Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
				must(t, bump(ctx, tx))
				var n int
				_ = tx.Query(ctx, "SELECT id FROM {counters}").Scan(&n)
				return nil
			})
			if err == nil {
				t.Error("committed")
			}
			unchanged(t)
		})
		t.Run("Insert of a taken key goes on", func(t *testing.T) {
			err := db.Tx(t.Context(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
				if created, err := tx.Insert(ctx, "INSERT INTO {counters} (id) VALUES (?)", "x"); created || err != nil {
					t.Errorf("got %v, %v", created, err)
				}
				if created, err := tx.Insert(ctx, "INSERT INTO {counters} (id) VALUES (?)", "y"); !created || err != nil {
					t.Errorf("got %v, %v", created, err)
				}
				return nil
			})
			must(t, err)
			if n := value(t, db, "y"); n != 0 {
				t.Errorf("n = %d", n)
			}
			unchanged(t)
		})
		t.Run("a Tx that is kept is of no use", func(t *testing.T) {
			var kept *sqldb.Tx
			must(t, db.Tx(t.Context(), sqldb.TxOptions{}, func(_ context.Context, tx *sqldb.Tx) error {
				kept = tx
				return nil
			}))
			if err := bump(t.Context(), kept); err == nil {
				t.Error("it still works")
			}
			unchanged(t)
		})
		t.Run("I6 a lock that somebody keeps", func(t *testing.T) {
			held, release := make(chan struct{}), make(chan struct{})
			done := make(chan error, 1)
			go func() {
				done <- open(t, d).Tx(context.Background(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
					if err := bump(ctx, tx); err != nil {
						return err
					}
					close(held)
					<-release
					return errors.New("never mind")
				})
			}()
			<-held
			hasty, err := sqldb.New(d.Open(t), d.Dialect, sqldb.Config{Timeout: 300 * time.Millisecond})
			must(t, err)
			start := time.Now()
			err = hasty.Tx(context.Background(), sqldb.TxOptions{}, bump)
			took := time.Since(start)
			close(release)
			<-done
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, sqldb.ErrConflict) || errors.Is(err, sqldb.ErrInDoubt) {
				t.Errorf("got %v", err)
			}
			// SQLite's own wait, of a second in these tests, cannot be broken off.
			if took > 2*time.Second {
				t.Errorf("took %s", took)
			}
			unchanged(t)
		})
	})
}
