package apikeysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
)

// The statements that concern one subject go to its rows by an index, so their cost
// does not grow with the keys of others.
func TestPlans(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		settings := map[string]string{}
		explain := "EXPLAIN "
		subject, id, forget := "key=auth_api_keys_subject", "key=PRIMARY", "key=auth_api_keys_forget"
		switch d.Dialect {
		case sqlstore.SQLite:
			explain = "EXPLAIN QUERY PLAN "
			subject, id, forget = "USING INDEX auth_api_keys_subject (subject=?)", "(id=?)", "auth_api_keys_forget"
		case sqlstore.PostgreSQL:
			settings["enable_seqscan"] = "off" // which it prefers for so few rows
			subject, id, forget = "Index Cond: (subject =", "Index Cond: (id =", "auth_api_keys_forget"
		}
		pool := d.OpenWith(t, settings)
		s := on(t, d, pool, sqlstore.Config{})
		var k *apikey.Key
		for i := range 50 {
			k = create(t, s, fmt.Sprint("u-", i))
		}
		for statement, wanted := range map[string]string{
			"SELECT id, data FROM auth_api_keys WHERE subject = 'u-7'":                                                        subject,
			"SELECT id, expires_at, revoked_at FROM auth_api_keys WHERE subject = 'u-7' ORDER BY created_at, id":              subject,
			"UPDATE auth_api_keys SET revoked_at = 5, forget_at = 6 WHERE subject = 'u-7' AND revoked_at = 0 AND id <> 'abc'": subject,
			"SELECT id, data FROM auth_api_keys WHERE id = 'abc'":                                                             id,
			"SELECT id FROM auth_api_keys WHERE forget_at > 0 AND forget_at <= 7 ORDER BY forget_at LIMIT 500":                forget,
		} {
			// MySQL tells nothing of a row that is not there.
			statement = strings.ReplaceAll(statement, "'abc'", "'"+k.ID+"'")
			if got := sqltest.Plan(t, pool, explain+statement); !strings.Contains(got, wanted) {
				t.Errorf("%s\n%s", statement, got)
			}
		}
	})
}
