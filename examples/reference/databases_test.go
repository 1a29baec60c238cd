package main

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// onDatabases runs f with the address of a new SQLite database, and with one on each
// server that POSTGRES_URL (postgres://…) and MARIADB_URL (user:password@tcp(host:port)/)
// name.
func onDatabases(t *testing.T, f func(t *testing.T, db string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { f(t, filepath.Join(t.TempDir(), "test.db")) })
	name := "reference_" + strings.ToLower(rand.Text())
	if address := os.Getenv("POSTGRES_URL"); address != "" {
		t.Run("PostgreSQL", func(t *testing.T) {
			onServer(t, "pgx", address, "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE")
			u := mustURL(t, address)
			q := u.Query()
			q.Set("search_path", name)
			q.Set("synchronous_commit", "off") // no test here is about the disk
			u.RawQuery = q.Encode()
			f(t, u.String())
		})
	}
	if address := os.Getenv("MARIADB_URL"); address != "" {
		t.Run("MariaDB", func(t *testing.T) {
			c, err := mysql.ParseDSN(address)
			if err != nil {
				t.Fatal(err)
			}
			onServer(t, "mysql", address, "CREATE DATABASE "+name, "DROP DATABASE "+name)
			u := url.URL{Scheme: "mysql", User: url.UserPassword(c.User, c.Passwd), Host: c.Addr, Path: "/" + name}
			f(t, u.String())
		})
	}
}

// onServer runs one statement now and one when the test has ended.
func onServer(t *testing.T, driver, address, before, after string) {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(after); err != nil { //nolint:noctx // that of the test is over
			t.Error(err)
		}
		_ = db.Close()
	})
}

// opened is what one process has of a database.
func opened(t *testing.T, db string) *stores {
	t.Helper()
	s, err := openStores(t.Context(), config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}
