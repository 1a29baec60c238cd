package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func TestMain(m *testing.M) {
	sqltest.Main(m, map[string]sqltest.Role{"echo": echo, "fail": fail})
}

func echo(c *sqltest.Child) error {
	db, err := c.Open()
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	var n int
	if err := db.Query(context.Background(), "SELECT n FROM {t}").Scan(&n); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, c.Args, n)
	return err
}

func fail(*sqltest.Child) error { return fmt.Errorf("as it was told") }

func exec(t *testing.T, pool *sql.DB, statement string) {
	t.Helper()
	if _, err := pool.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		other := d.Fresh(t)
		for i, pool := range []*sql.DB{d.Open(t), other.Open(t)} {
			exec(t, pool, "CREATE TABLE t (n BIGINT)")
			exec(t, pool, fmt.Sprintf("INSERT INTO t VALUES (%d)", i))
		}
		for i, pool := range []*sql.DB{d.Open(t), other.Open(t)} {
			var n int
			if err := pool.QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&n); err != nil || n != i {
				t.Errorf("%d, %v, want %d", n, err, i)
			}
		}
	})
}

func TestDatabasesAreDropped(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		if d.Dialect == sqldb.SQLite {
			t.Log("does not apply: the folder is temporary")
			return
		}
		count := "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = "
		pool := d.Open(t)
		var name string
		there := func() (n int) {
			if err := pool.QueryRowContext(t.Context(), count+"'"+name+"'").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		t.Run("inner", func(t *testing.T) {
			inner := d.Fresh(t)
			name = inner.Schema()
			conn, err := inner.Open(t).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if there() != 1 {
				t.Error("it is not there")
			}
		})
		if there() != 0 {
			t.Errorf("%s is still there", name)
		}
	})
}

func TestProcess(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		exec(t, pool, "CREATE TABLE auth_t (n BIGINT)")
		p := d.Start(t, "echo", "a", "b c")
		p.AwaitReady()
		exec(t, pool, "INSERT INTO auth_t VALUES (7)")
		p.Go()
		if got := p.Wait(); strings.TrimSpace(got) != "[a b c] 7" {
			t.Errorf("got %q", got)
		}
		waiting := d.Start(t, "echo")
		waiting.AwaitReady()
		waiting.Kill()
		d.Start(t, "echo").AwaitReady() // ends with the test
		r := faketb.Run("TestTheirs", func(t testing.TB) { d.Start(t, "fail").Wait() })
		if !r.Failed || !strings.Contains(strings.Join(r.Log, ""), "as it was told") {
			t.Errorf("a child that failed: %+v", r)
		}
	})
}

func TestKill(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		if !d.CanKill() {
			t.Log("does not apply: SQLite has no connections to kill")
			return
		}
		pool := d.Open(t)
		first, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		second, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		d.Kill(t, d.ConnectionID(t, first))
		if _, err := first.ExecContext(t.Context(), "SELECT 1"); err == nil {
			t.Error("the connection lives")
		}
		d.ConnectionID(t, second)
		if n := d.KillAll(t); n != 1 {
			t.Errorf("%d were killed, want 1", n)
		}
	})
}

func TestReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		exec(t, d.Open(t), "CREATE TABLE t (n BIGINT)")
		_, err := d.OpenReadOnly(t).ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
		if err == nil {
			t.Error("a read-only pool writes")
		}
	})
}
