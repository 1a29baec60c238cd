package sqldb_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestSweep(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	fill := func(t *testing.T, db *sqldb.DB, name string, n int, expiry time.Time) {
		t.Helper()
		for i := range n {
			_, err := db.Exec(t.Context(), "INSERT INTO {counters} (id, note, expires_at) VALUES (?, ?, ?)", fmt.Sprint(name, i), name, sqldb.Micros(expiry))
			must(t, err)
		}
	}
	sweeper := func(t *testing.T, db *sqldb.DB, batch int) *sqldb.Sweeper {
		t.Helper()
		s, err := db.Sweeper(sqldb.Sweep{Table: "counters", Key: "id", Expiry: "expires_at", Batch: batch})
		must(t, err)
		return s
	}
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		t.Run("removes what is over, in batches", func(t *testing.T) {
			fill(t, db, "over", 25, now)
			fill(t, db, "good", 3, now.Add(time.Microsecond))
			fill(t, db, "ever", 2, time.Time{})
			s := sweeper(t, db, 10)
			for i, want := range []int{15, 5, 0, 0} {
				must(t, s.Lazily(t.Context(), now))
				if n := rows(t, db, "over"); n != want {
					t.Errorf("%d are left after call %d, want %d", n, i+1, want)
				}
			}
			if rows(t, db, "good") != 3 || rows(t, db, "ever") != 2 {
				t.Error("a row is gone whose time is not over")
			}
		})
		t.Run("many at once", func(t *testing.T) {
			fill(t, db, "crowd", 200, now)
			var total atomic.Int64
			must(t, together(10, func(int) error {
				for {
					n, err := sweeper(t, db, 7).Batch(t.Context(), now)
					if total.Add(n); n == 0 || err != nil {
						return err
					}
				}
			}))
			// Some may have been skipped because another sweeper held them.
			if _, err := sweeper(t, db, 200).Batch(t.Context(), now); err != nil {
				t.Error(err)
			}
			if n := rows(t, db, "crowd"); n != 0 {
				t.Errorf("%d are left", n)
			}
			if total.Load() > 200 {
				t.Errorf("%d removed of 200", total.Load())
			}
		})
		// A row that is prolonged while the sweep waits for it must stay.
		t.Run("a row that is just prolonged", func(t *testing.T) {
			fill(t, db, "touched", 1, now)
			for i := range 60 {
				at := now.Add(time.Duration(i+1) * time.Hour)
				touched := false
				must(t, together(2, func(k int) error {
					if k == 0 {
						_, err := sweeper(t, db, 10).Batch(t.Context(), at)
						return err
					}
					n, err := db.Exec(t.Context(), "UPDATE {counters} SET expires_at = ? WHERE id = 'touched0'", sqldb.Micros(at.Add(time.Hour)))
					touched = n == 1
					return err
				}))
				if n := rows(t, db, "touched"); (n == 1) != touched {
					t.Fatalf("round %d: prolonged: %v, rows: %d", i, touched, n)
				}
				if !touched {
					fill(t, db, "touched", 1, at.Add(time.Hour))
				}
			}
		})
	})
}
