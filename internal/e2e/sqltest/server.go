package sqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// A server makes databases.
type server interface {
	name() string
	dialect() sqldb.Dialect
	// missing tells what is missing and what follows, if anything is.
	missing() string
	// create makes an empty database of that name and returns its data source.
	create(t testing.TB, name string) (dsn string)
	// address is a data source as a URL, or the name of a file.
	address(dsn string) string
	// open makes a pool. Extra are parameters of the data source.
	open(dsn string, extra map[string]string) (*sql.DB, error)
}

// An admin may do more than tests do: it is for kill and drop.
type admin interface {
	pool() *sql.DB
	// connections lists those to the database of that name.
	connections(ctx context.Context, name string) ([]int64, error)
	kill(ctx context.Context, id int64) error
	// self is the statement that returns the id of its connection.
	self() string
}

// servers are all that tests run on, found once per process.
var servers = sync.OnceValue(func() []server {
	return []server{&sqlite{}, findPostgreSQL(), findMariaDB()}
})

func randomName() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "sqltest_" + hex.EncodeToString(b[:])
}

// reach opens a pool and reports whether something answers.
func reach(driver, dsn string) (*sql.DB, error) {
	pool, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, err
	}
	pool.SetMaxOpenConns(2)
	return pool, nil
}

func apply(t testing.TB, pool *sql.DB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := pool.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
