package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestDuplicate(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		const canary = "alice@example.com"
		hash := []byte(strings.Repeat("\xcaf\xfe!", 8))
		insert := "INSERT INTO {counters} (id, hash) VALUES (?, ?)"
		_, err := db.Exec(t.Context(), insert, canary, hash)
		must(t, err)
		for name, args := range map[string][]any{
			"primary key": {canary, nil},
			"unique key":  {"other", hash},
		} {
			_, err := db.Exec(t.Context(), insert, args...)
			if !errors.Is(err, sqldb.ErrDuplicate) || errors.Is(err, sqldb.ErrInDoubt) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			t.Log(err)
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "CAF") || strings.Contains(err.Error(), "\xcaf") {
				t.Errorf("%s: the text quotes the data: %v", name, err)
			}
			if !errors.As(err, new(*pgconn.PgError)) && !errors.As(err, new(*mysql.MySQLError)) && !errors.As(err, new(*sqlite.Error)) {
				t.Errorf("%s: the error of the driver is lost", name)
			}
			created, err := db.Insert(t.Context(), insert, args...)
			if created || err != nil {
				t.Errorf("Insert, %s: %v, %v", name, created, err)
			}
		}
		if created, err := db.Insert(t.Context(), insert, "Alice@example.com", nil); !created || err != nil {
			t.Errorf("Insert: %v, %v", created, err)
		}
	})
}

// holding runs f while another transaction has locked the rows a and b.
func holding(t *testing.T, d *sqltest.Database, f func()) {
	t.Helper()
	release, done, held := make(chan struct{}), make(chan error, 1), make(chan struct{})
	db := open(t, d)
	go func() {
		done <- db.Tx(context.Background(), sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE {counters} SET n = n + 100")
			close(held)
			<-release
			return err
		})
	}()
	<-held
	f()
	close(release)
	must(t, <-done)
}

func TestConflict(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		counter(t, db, "a")
		// The class of the bare errors, as drivers return them.
		classOf := func(pool *sql.DB, statements ...string) error {
			conn, err := pool.Conn(t.Context())
			must(t, err)
			defer func() { must(t, conn.Close()) }()
			for _, s := range statements {
				if _, err = conn.ExecContext(t.Context(), s); err != nil {
					break
				}
			}
			t.Log(err)
			_, _ = conn.ExecContext(t.Context(), "ROLLBACK")
			return d.Dialect.Classify(err)
		}
		t.Run("a lock that is not given", func(t *testing.T) {
			settings := map[sqldb.Dialect]map[string]string{
				sqldb.SQLite:     {"busy_timeout": "10"},
				sqldb.PostgreSQL: {"lock_timeout": "10ms"},
				sqldb.MySQL:      {"innodb_lock_wait_timeout": "0"},
			}
			pool := d.OpenWith(t, settings[d.Dialect])
			holding(t, d, func() {
				if got := classOf(pool, "UPDATE auth_counters SET n = 2"); !errors.Is(got, sqldb.ErrConflict) {
					t.Errorf("got %v", got)
				}
			})
		})
		t.Run("a snapshot that is too old", func(t *testing.T) {
			if d.Dialect == sqldb.MySQL {
				t.Log("does not apply: MySQL reads what is new instead")
				return
			}
			begin := map[sqldb.Dialect]string{sqldb.SQLite: "BEGIN", sqldb.PostgreSQL: "BEGIN ISOLATION LEVEL REPEATABLE READ"}
			conn, err := d.Open(t).Conn(t.Context())
			must(t, err)
			defer func() { must(t, conn.Close()) }()
			var n int
			_, err = conn.ExecContext(t.Context(), begin[d.Dialect])
			must(t, err)
			must(t, conn.QueryRowContext(t.Context(), "SELECT n FROM auth_counters").Scan(&n))
			must(t, add(t.Context(), db, sqldb.TxOptions{}, "a"))
			_, err = conn.ExecContext(t.Context(), "UPDATE auth_counters SET n = 7")
			if !errors.Is(d.Dialect.Classify(err), sqldb.ErrConflict) {
				t.Errorf("got %v", err)
			}
			_, err = conn.ExecContext(t.Context(), "ROLLBACK")
			must(t, err)
		})
	})
}

func TestUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed := l.Addr().String()
	must(t, l.Close())
	for _, c := range []struct {
		driver, dsn string
		dialect     sqldb.Dialect
	}{
		{"pgx", "postgres://a@" + closed + "/b?sslmode=disable", sqldb.PostgreSQL},
		{"mysql", "a@tcp(" + closed + ")/b", sqldb.MySQL},
		{"sqlite", "file:/nowhere/at/all.db", sqldb.SQLite},
	} {
		pool, err := sql.Open(c.driver, c.dsn)
		must(t, err)
		db, err := sqldb.New(pool, c.dialect, sqldb.Config{})
		must(t, err)
		_, err = db.Exec(t.Context(), "DELETE FROM {x}")
		if !errors.Is(err, sqldb.ErrUnavailable) || errors.Is(err, sqldb.ErrInDoubt) {
			t.Errorf("%s: %v", c.driver, err)
		}
		if err := db.Check(t.Context()); !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("%s: %v", c.driver, err)
		}
		t.Log(err)
		must(t, pool.Close())
	}
}

func TestTextOfErrorsQuotesNoData(t *testing.T) {
	const canary = "canary-7f3a"
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		open(t, d)
		pools := []*sql.DB{d.Open(t)}
		if d.Dialect == sqldb.MySQL {
			pools = append(pools, d.OpenWith(t, map[string]string{"interpolateParams": "true"}))
		}
		for _, pool := range pools {
			db, err := sqldb.New(pool, d.Dialect, sqldb.Config{})
			must(t, err)
			for _, query := range []string{
				"INSERT INTO {counters} (id, n) VALUES ('a', ?)",
				"INSERT INTO {counters} (id, expires_at) VALUES ('b', CAST(? AS DECIMAL(2, 1)))",
				"UPDATE {counters} SET n = ? WHERE",
				"SELECT ? FROM FROM",
			} {
				if _, err := db.Exec(t.Context(), query, canary+strings.Repeat("'", 3)); err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("%s: %v", query, err)
				}
			}
			long := strings.Repeat(canary, 100)
			if _, err := db.Exec(t.Context(), "INSERT INTO {counters} (id) VALUES (?)", long); err != nil && strings.Contains(err.Error(), canary) {
				t.Error(err)
			} else if err == nil && d.Dialect == sqldb.MySQL {
				t.Error("a value was cut to fit")
			}
		}
	})
}
