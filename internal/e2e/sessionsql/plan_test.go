package sessionsql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/session/sqlstore"
)

// The statements of List, Revoke and RevokeSubject go to the rows of one user by
// the primary key, so their cost does not grow with the sessions of others.
func TestSES16Plans(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		settings := map[string]string{}
		explain, bytes, wanted := "EXPLAIN ", "X'000102030405060708090a0b'", "key=PRIMARY"
		switch d.Dialect {
		case sqlstore.SQLite:
			explain, wanted = "EXPLAIN QUERY PLAN ", "SEARCH auth_sessions USING INDEX sqlite_autoindex_auth_sessions_1 (bucket=?)"
		case sqlstore.PostgreSQL:
			settings["enable_seqscan"] = "off" // which it prefers for so few rows
			bytes, wanted = `'\x000102030405060708090a0b'`, "Index Cond: (bucket ="
		}
		pool := d.OpenWith(t, settings)
		s := on(t, d, pool, sqlstore.Config{})
		for i := range 50 {
			must(t, s.Create(t.Context(), newID(fmt.Sprint("u-", i)), record(fmt.Sprint("u-", i)), soon(), 0))
		}
		for _, statement := range []string{
			"SELECT data, seen_at FROM auth_sessions WHERE bucket = ? AND expires_at > 1",
			"DELETE FROM auth_sessions WHERE bucket = ? AND public_hash = ?",
			"DELETE FROM auth_sessions WHERE bucket = ?",
			"DELETE FROM auth_sessions WHERE bucket = ? AND public_hash <> ?",
			"SELECT slot, created_at FROM auth_sessions WHERE bucket = ? AND id <> ? AND expires_at > 1 ORDER BY created_at DESC, slot LIMIT 500 OFFSET 99",
		} {
			if got := sqltest.Plan(t, pool, explain+strings.ReplaceAll(statement, "?", bytes)); !strings.Contains(got, wanted) {
				t.Errorf("%s\n%s", statement, got)
			}
		}
	})
}
