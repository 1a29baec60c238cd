package sqltest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit"
)

// CanKill reports whether there are connections to be killed: SQLite has none.
func (d *Database) CanKill() bool {
	_, ok := d.server.(admin)
	return ok
}

// ConnectionID asks the server for the number of conn, for Kill.
func (d *Database) ConnectionID(t testing.TB, conn *sql.Conn) int64 {
	t.Helper()
	var id int64
	if err := conn.QueryRowContext(t.Context(), d.admin(t).self()).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// Self is the statement that returns the number of the connection it runs on.
func (d *Database) Self(t testing.TB) string {
	t.Helper()
	return d.admin(t).self()
}

// Kill ends a connection, with pg_terminate_backend or KILL, and returns when the
// server has let go of it: what it had not committed is rolled back then.
func (d *Database) Kill(t testing.TB, id int64) {
	t.Helper()
	d.kill(t, []int64{id})
}

// KillTime is how long a test kills connections all the time: for half a second without
// the race detector, and thrice that with it, which sees most.
func KillTime() time.Duration {
	return 300*time.Millisecond + time.Duration(testkit.Rounds(1200))*time.Millisecond
}

// KillAll ends all connections to this database, and reports how many it found.
func (d *Database) KillAll(t testing.TB) int {
	t.Helper()
	list, err := d.admin(t).connections(context.Background(), d.id)
	if err != nil {
		t.Fatal(err)
	}
	d.kill(t, list)
	return len(list)
}

func (d *Database) kill(t testing.TB, victims []int64) {
	t.Helper()
	a := d.admin(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, id := range victims {
		// One that has gone by itself is an error to MariaDB.
		if err := a.kill(ctx, id); err != nil {
			t.Logf("kill %d: %v", id, err)
		}
	}
	for remaining := true; remaining; {
		there, err := a.connections(ctx, d.id)
		if err != nil {
			t.Fatalf("the connections that were killed did not go: %v", err)
		}
		remaining = false
		for _, id := range victims {
			for _, alive := range there {
				remaining = remaining || id == alive
			}
		}
	}
}

func (d *Database) admin(t testing.TB) admin {
	t.Helper()
	a, ok := d.server.(admin)
	if !ok {
		t.Fatalf("%s has no connections to kill: ask CanKill first", d.Name)
	}
	return a
}
