package sqltest

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// Patient is the Timeout of stores in tests in which many wait for one row on a slow
// machine.
const Patient = 20 * time.Second

// Refusals holds the New of a package sqlstore to what it must refuse.
func Refusals(t *testing.T, open func(pool *sql.DB, dialect sqldb.Dialect, timeout time.Duration, prefix, schema string) error) {
	t.Helper()
	pool := One(t, "SQLite").Open(t)
	for name, c := range map[string]struct {
		dialect        sqldb.Dialect
		timeout        time.Duration
		prefix, schema string
		wrong          string
	}{
		"no dialect":       {wrong: "dialect"},
		"negative timeout": {sqldb.SQLite, -1, "", "", "Timeout"},
		"prefix":           {sqldb.SQLite, 0, "A;", "", "Prefix"},
		"schema":           {sqldb.SQLite, 0, "", "app", "Schema"},
	} {
		if err := open(pool, c.dialect, c.timeout, c.prefix, c.schema); err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := open(nil, sqldb.SQLite, 0, "", ""); err == nil {
		t.Error("a nil pool")
	}
}

// RunMySQLSettings runs f on a driver that counts rows that an UPDATE did not change,
// and that sends arguments within the text: neither makes a difference.
func RunMySQLSettings(t *testing.T, f func(t *testing.T, d *Database, pool *sql.DB)) {
	t.Helper()
	Run(t, func(t *testing.T, d *Database) {
		if d.Dialect != sqldb.MySQL {
			t.Log("does not apply: for MySQL")
			return
		}
		f(t, d, d.OpenWith(t, map[string]string{"clientFoundRows": "true", "interpolateParams": "true"}))
	})
}

// OpenStrict returns a pool with settings under which the server refuses most:
// statements that collide fail with a serialization failure or a deadlock.
func (d *Database) OpenStrict(t testing.TB) *sql.DB {
	t.Helper()
	return d.OpenWith(t, map[sqldb.Dialect]map[string]string{
		sqldb.PostgreSQL: {"default_transaction_isolation": "serializable"},
		sqldb.MySQL:      {"tx_isolation": "'SERIALIZABLE'"},
	}[d.Dialect])
}

// OpenFarAway returns a pool whose sessions are in another time zone.
func (d *Database) OpenFarAway(t testing.TB) *sql.DB {
	t.Helper()
	return d.OpenWith(t, map[sqldb.Dialect]map[string]string{
		sqldb.PostgreSQL: {"TimeZone": "America/New_York"},
		sqldb.MySQL:      {"time_zone": "'-05:00'"},
	}[d.Dialect])
}

// Together calls f from n goroutines at once.
func Together(n int, f func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	all.Wait()
}

// Count is how many rows a table has, expired ones included.
func Count(t testing.TB, pool *sql.DB, table string) (n int) {
	t.Helper()
	if err := pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Plan is what a statement answers that begins with EXPLAIN, as one text.
func Plan(t testing.TB, pool *sql.DB, statement string) string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			fmt.Fprintf(&text, "%s=%s ", columns[i], v.String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
