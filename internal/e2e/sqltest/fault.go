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

// RunKillable is Run for what kills connections: on a server that has none f is not run.
func RunKillable(t *testing.T, f func(t *testing.T, d *Database)) {
	t.Helper()
	Run(t, func(t *testing.T, d *Database) {
		if !d.CanKill() {
			t.Log("does not apply: " + d.Name + " has no connections to kill")
			return
		}
		f(t, d)
	})
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

// KillAllTheTime ends all connections again and again until stop is called, which
// reports how many they were.
func (d *Database) KillAllTheTime(t testing.TB) (stop func() int) {
	t.Helper()
	over, kills := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		defer func() { kills <- n }()
		for {
			select {
			case <-over:
				return
			case <-t.Context().Done(): // the test has failed
				return
			case <-time.After(20 * time.Millisecond):
				n += d.KillAll(t)
			}
		}
	}()
	return func() int { close(over); return <-kills }
}

// KillWaiting makes a call that must wait for the rows which a statement has locked,
// ends all connections, and returns what the call says.
func (d *Database) KillWaiting(t testing.TB, lock string, call func() error) error {
	t.Helper()
	tx, err := d.Open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- call() }()
	select {
	case err := <-result:
		t.Fatalf("the call did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if n := d.KillAll(t); n < 2 {
		t.Errorf("%d connections were killed", n)
	}
	_ = tx.Rollback()
	return <-result
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
