package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/internal/testkit"
)

// signIn stands for a commit of many statements: either all four rows are there
// afterwards or none.
func signIn(ctx context.Context, db *sqldb.DB, id string, at func(k int)) error {
	return db.Tx(ctx, sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
		for k := range 4 {
			at(k)
			if _, err := tx.Exec(ctx, "INSERT INTO {counters} (id, note) VALUES (?, ?)", fmt.Sprint(id, k), id); err != nil {
				return err
			}
		}
		at(4)
		return nil
	})
}

func rows(t testing.TB, db *sqldb.DB, id string) (n int) {
	t.Helper()
	must(t, db.Query(context.Background(), "SELECT COUNT(*) FROM {counters} WHERE note = ?", id).Scan(&n))
	return n
}

func TestF15CancelledAtEveryStatement(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		for k := range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			id := fmt.Sprintf("at%d-", k)
			err := signIn(ctx, db, id, func(now int) {
				if now == k {
					cancel()
				}
			})
			cancel()
			if !errors.Is(err, context.Canceled) || errors.Is(err, sqldb.ErrInDoubt) {
				t.Errorf("cancelled before statement %d: %v", k, err)
			}
			if n := rows(t, db, id); n != 0 {
				t.Errorf("cancelled before statement %d: %d rows of 4 are there", k, n)
			}
		}
	})
}

// Whenever the client goes, Tx knows what came of it: COMMIT is not cancelled.
func TestF15CancelledAtAnyTime(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		var took time.Duration
		for i := range 10 {
			start := time.Now()
			must(t, signIn(t.Context(), db, fmt.Sprintf("warm%d-", i), func(int) {}))
			took = time.Since(start)
		}
		n := testkit.Volume(150)
		committed := 0
		for i := range n {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(took*time.Duration(i)*5/4/time.Duration(n), cancel)
			id := fmt.Sprintf("any%d-", i)
			err := signIn(ctx, db, id, func(int) {})
			timer.Stop()
			cancel()
			switch there := rows(t, db, id); {
			case err == nil && there == 4:
				committed++
			case err == nil || there != 0 || errors.Is(err, sqldb.ErrInDoubt) || !errors.Is(err, context.Canceled):
				t.Errorf("%v, and %d rows of 4 are there", err, there)
			}
		}
		t.Logf("%d of %d were committed", committed, n)
	})
}

// A client that hangs up costs no connection and leaves no lock behind.
func TestF15HangingUpCostsNothing(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		pool.SetMaxOpenConns(1)
		db, err := sqldb.New(pool, d.Dialect, patient)
		must(t, err)
		must(t, db.Migrate(t.Context(), "test", tables))
		counter(t, db, "x")
		same := func() (id int64) {
			t.Helper()
			must(t, pool.QueryRowContext(t.Context(), d.Self(t)).Scan(&id))
			return id
		}
		before := same()
		for i := range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
			if err := add(ctx, db, sqldb.TxOptions{}, "x"); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			timer.Stop()
			cancel()
		}
		if after := same(); after != before {
			t.Errorf("connection %d has become %d", before, after)
		}
	})
}

func TestF15Detached(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		gone, cancel := context.WithCancel(t.Context())
		ctx, release := sqldb.Detach(gone, 0)
		defer release()
		must(t, signIn(ctx, db, "detached", func(int) { cancel() }))
		if n := rows(t, db, "detached"); n != 4 {
			t.Errorf("%d rows of 4", n)
		}
	})
}

func TestF13KilledAtEveryStatement(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		for k := range 5 {
			id := fmt.Sprintf("at%d-", k)
			tries := 0
			err := signIn(t.Context(), db, id, func(now int) {
				if now == 0 {
					tries++
				}
				if now == k && tries == 1 {
					d.KillAll(t)
				}
			})
			n := rows(t, db, id)
			if k < 4 && (err != nil || n != 4 || tries != 2) {
				t.Errorf("killed before statement %d: %d rows of 4 after %d tries: %v", k, n, tries, err)
			}
			// Killed before COMMIT is the same as killed after it, seen from here.
			if k == 4 && (!errors.Is(err, sqldb.ErrInDoubt) || n != 0 || tries != 1) {
				t.Errorf("killed before COMMIT: %d rows of 4 after %d tries: %v", n, tries, err)
			}
		}
	})
}

func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		counter(t, db, "x")
		var done, doubtful, failed atomic.Int64
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		_ = together(8, func(int) error {
			for time.Now().Before(until) {
				err := add(t.Context(), db, sqldb.TxOptions{}, "x")
				switch {
				case err == nil:
					done.Add(1)
				case errors.Is(err, sqldb.ErrInDoubt):
					doubtful.Add(1)
				case errors.Is(err, sqldb.ErrUnavailable):
					failed.Add(1)
				default:
					t.Errorf("got %v", err)
				}
			}
			return nil
		})
		kills := stop()
		got := int64(value(t, db, "x"))
		t.Logf("%d done, %d in doubt, %d failed, %d connections killed; the counter is %d", done.Load(), doubtful.Load(), failed.Load(), kills, got)
		if got < done.Load() || got > done.Load()+doubtful.Load() {
			t.Error("that is not possible")
		}
		if kills == 0 || done.Load() == 0 {
			t.Error("nothing was tested")
		}
		start := time.Now()
		must(t, add(t.Context(), db, sqldb.TxOptions{}, "x"))
		if took := time.Since(start); took > time.Second {
			t.Errorf("I8 the first increment after the fault took %s", took)
		}
	})
}

// After a failover the old server is a replica, and its connections in the pool
// are of no use for writing.
func TestF13ReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		setup := open(t, d)
		counter(t, setup, "x")
		pool := d.OpenReadOnly(t)
		db, err := sqldb.New(pool, d.Dialect, sqldb.Config{})
		must(t, err)
		start := time.Now()
		if _, err := db.Exec(t.Context(), "UPDATE {counters} SET n = n + 1 WHERE id = 'x'"); !errors.Is(err, sqldb.ErrReadOnly) {
			t.Errorf("got %v", err)
		}
		if err := add(t.Context(), db, sqldb.TxOptions{}, "x"); !errors.Is(err, sqldb.ErrReadOnly) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %s", took)
		}
		if n := value(t, db, "x"); n != 0 {
			t.Errorf("n = %d", n)
		}
	})
}

func TestI6PoolThatIsEmpty(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		open(t, d)
		pool := d.Open(t)
		pool.SetMaxOpenConns(1)
		conn, err := pool.Conn(t.Context())
		must(t, err)
		defer func() { must(t, conn.Close()) }()
		db, err := sqldb.New(pool, d.Dialect, sqldb.Config{Timeout: 50 * time.Millisecond})
		must(t, err)
		_, err = db.Exec(t.Context(), "DELETE FROM {counters}")
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sqldb.ErrInDoubt) {
			t.Errorf("got %v", err)
		}
	})
}
