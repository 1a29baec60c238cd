package sqltest

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// sqlite is a file in a temporary folder, with the settings that the
// documentation of sqldb advises.
type sqlite struct{}

func (*sqlite) name() string           { return "SQLite" }
func (*sqlite) dialect() sqldb.Dialect { return sqldb.SQLite }
func (*sqlite) missing() string        { return "" }

func (*sqlite) create(t testing.TB, name string) string {
	return filepath.Join(t.TempDir(), name+".db")
}

// address of a file is its name.
func (*sqlite) address(file string) string { return file }

// open takes parameters as pragmas.
func (*sqlite) open(file string, extra map[string]string) (*sql.DB, error) {
	pragmas := map[string]string{"journal_mode": "WAL", "busy_timeout": "1000", "synchronous": "NORMAL"}
	for name, value := range extra {
		pragmas[name] = value
	}
	query := url.Values{}
	for name, value := range pragmas {
		query.Add("_pragma", name+"("+value+")")
	}
	return sql.Open("sqlite", "file:"+file+"?"+query.Encode())
}
