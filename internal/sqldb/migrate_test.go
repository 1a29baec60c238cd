package sqldb_test

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestMigrationFiles(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	create := file("CREATE TABLE {a} (id {INT}) {OPTIONS};")
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"none", fstest.MapFS{"README.md": create}, "no migration files"},
		{"a gap", fstest.MapFS{"0001_a.sql": create, "0003_b.sql": create}, "0002 is missing"},
		{"no first", fstest.MapFS{"0002_b.sql": create}, "0001 is missing"},
		{"two of a number", fstest.MapFS{"0001_a.sql": create, "0001_b.sql": create}, "same number"},
		{"in two folders", fstest.MapFS{"a/0001_a.sql": create, "b/0001_a.sql": create}, "same number"},
		{"a bad name", fstest.MapFS{"1_a.sql": create}, "no name for a migration"},
		{"an unknown dialect", fstest.MapFS{"0001_a.oracle.sql": create}, "no name for a migration"},
		{"only for another", fstest.MapFS{"0001_a.mysql.sql": create}, "no migration files"},
		{"an argument", fstest.MapFS{"0001_a.sql": file("DELETE FROM {a} WHERE id = ?")}, "no arguments"},
		{"nothing in it", fstest.MapFS{"0001_a.sql": file("-- nothing\n")}, "no statement"},
		{"no options", fstest.MapFS{"0001_a.sql": file("create table {a} (id {INT});")}, "{OPTIONS}"},
		{"a bad template", fstest.MapFS{"0001_a.sql": file("SELECT `a`")}, "0001_a.sql: sqldb: at byte 7"},
	} {
		f := &fake{}
		if err := f.db(t, sqldb.PostgreSQL).Migrate(t.Context(), "test", test.files); err == nil || !strings.Contains(err.Error(), test.want) || f.said() != "" {
			t.Errorf("%s: %v, said %q", test.name, err, f.said())
		}
	}
	db := (&fake{}).db(t, sqldb.PostgreSQL)
	if err := db.Migrate(t.Context(), "test", nil); err == nil {
		t.Error("a nil fs.FS is accepted")
	}
	if err := db.Migrate(t.Context(), "Test", fstest.MapFS{"0001_a.sql": create}); err == nil || !strings.Contains(err.Error(), "component") {
		t.Errorf("got %v", err)
	}
}

func TestMigrationFileOfADialect(t *testing.T) {
	files := fstest.MapFS{
		"m/0001_a.sql":            {Data: []byte("SELECT 'all'")},
		"m/0001_a.postgresql.sql": {Data: []byte("SELECT 'own'; SELECT ';'")},
	}
	for d, want := range map[sqldb.Dialect]string{sqldb.PostgreSQL: "SELECT 'own'; SELECT ';'; INSERT", sqldb.SQLite: "SELECT 'all'; INSERT"} {
		f := &fake{rows: []driver.Value{"PostgreSQL 16"}}
		db := f.db(t, d)
		f.answer = func(_ context.Context, query string) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.rows = nil
			switch {
			case strings.Contains(query, "sqlite_version"):
				f.rows = []driver.Value{"3.40.1"}
			case strings.Contains(query, "version()"):
				f.rows = []driver.Value{"PostgreSQL 16"}
			case strings.Contains(query, "to_regclass"), strings.Contains(query, "sqlite_master"):
				f.rows = []driver.Value{int64(0)}
			}
			return nil
		}
		if err := db.Migrate(t.Context(), "test", files); err != nil || !strings.Contains(f.said(), want) {
			t.Errorf("%s: %v, said %s", d, err, f.said())
		}
	}
}

func TestOldSQLite(t *testing.T) {
	for version, good := range map[string]bool{"3.36.0": false, "2.99.1": false, "3.37.0": true, "3.100.2": true, "4.0.0": true} {
		f := &fake{rows: []driver.Value{version}}
		if err := f.db(t, sqldb.SQLite).Check(t.Context()); (err == nil) != good {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestOtherServersOfPostgreSQLsProtocol(t *testing.T) {
	f := &fake{rows: []driver.Value{"CockroachDB CCL v23"}}
	if err := f.db(t, sqldb.PostgreSQL).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "CockroachDB") {
		t.Errorf("got %v", err)
	}
}

func TestSweeperRefuses(t *testing.T) {
	db := (&fake{}).db(t, sqldb.PostgreSQL)
	for _, s := range []sqldb.Sweep{
		{}, {Table: "a", Key: "id"}, {Table: "a", Key: "id", Expiry: "x; --"}, {Table: "{a}", Key: "id", Expiry: "e"},
		{Table: "a", Key: "id", Expiry: "e", Every: -1}, {Table: "a", Key: "id", Expiry: "e", Batch: -1},
	} {
		if _, err := db.Sweeper(s); err == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}
