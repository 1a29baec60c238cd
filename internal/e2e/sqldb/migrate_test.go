package sqldb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

func newDB(t testing.TB, d *sqltest.Database, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	db, err := sqldb.New(d.Open(t), d.Dialect, cfg)
	must(t, err)
	return db
}

func TestMigrateFromEverywhereAtOnce(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		children := []*sqltest.Process{d.Start(t, "migrate"), d.Start(t, "migrate")}
		dbs := []*sqldb.DB{newDB(t, d, patient), newDB(t, d, patient)}
		for _, c := range children {
			c.AwaitReady()
		}
		for _, c := range children {
			c.Go()
		}
		must(t, together(16, func(i int) error { return dbs[i%2].Migrate(t.Context(), "many", many(12)) }))
		for _, c := range children {
			c.Wait()
		}
		var n int
		must(t, dbs[0].Query(t.Context(), "SELECT COUNT(*) FROM {migrations} WHERE applied_at > 0").Scan(&n))
		if n != 12 {
			t.Errorf("%d steps are recorded", n)
		}
		must(t, dbs[0].CheckSchema(t.Context(), "many", many(12)))
	})
}

func TestMigrateStepByStep(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := newDB(t, d, sqldb.Config{})
		ctx := t.Context()
		if err := db.CheckSchema(ctx, "many", many(1)); !errors.Is(err, sqldb.ErrSchema) || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("an empty database: %v", err)
		}
		if _, err := db.Exec(ctx, "DELETE FROM {many0}"); !errors.Is(err, sqldb.ErrNoTable) {
			t.Errorf("no table: %v", err)
		}
		must(t, db.Migrate(ctx, "many", many(2)))
		if err := db.CheckSchema(ctx, "many", many(3)); !errors.Is(err, sqldb.ErrSchema) {
			t.Errorf("a step is missing: %v", err)
		}
		must(t, db.Migrate(ctx, "many", many(3)))
		must(t, db.Migrate(ctx, "many", many(3)))
		must(t, db.Migrate(ctx, "test", tables)) // another component, in the same table

		t.Run("a newer schema is refused", func(t *testing.T) {
			err := db.Migrate(ctx, "many", many(2))
			if !errors.Is(err, sqldb.ErrSchema) || !strings.Contains(err.Error(), "step 3") {
				t.Errorf("got %v", err)
			}
			must(t, db.CheckSchema(ctx, "many", many(3)))
		})
		t.Run("a changed step is refused", func(t *testing.T) {
			changed := maps.Clone(many(4))
			changed["0002_step.sql"] = &fstest.MapFile{Data: append(bytes.Clone(changed["0002_step.sql"].Data), " -- more\n"...)}
			err := db.Migrate(ctx, "many", changed)
			if !errors.Is(err, sqldb.ErrSchema) || !strings.Contains(err.Error(), "step 2 (step) was changed after it was applied on 20") {
				t.Errorf("got %v", err)
			}
			if _, err := db.Exec(ctx, "DELETE FROM {many3}"); !errors.Is(err, sqldb.ErrNoTable) {
				t.Errorf("step 4 was applied: %v", err)
			}
		})
		t.Run("line ends do not change a step", func(t *testing.T) {
			windows := many(3)
			for _, file := range windows {
				file.Data = bytes.ReplaceAll(file.Data, []byte("\n"), []byte("\r\n"))
			}
			must(t, db.Migrate(ctx, "many", windows))
		})
		t.Run("a lost record is refused", func(t *testing.T) {
			must(t, db.Migrate(ctx, "lost", renamed("lost", 3)))
			_, err := db.Exec(ctx, "DELETE FROM {migrations} WHERE component = 'lost' AND version = 2")
			must(t, err)
			if err := db.Migrate(ctx, "lost", renamed("lost", 3)); !errors.Is(err, sqldb.ErrSchema) || !strings.Contains(err.Error(), "step 3 is recorded and step 2 is not") {
				t.Errorf("got %v", err)
			}
		})
	})
}

// renamed is many with tables of another name.
func renamed(name string, n int) fstest.MapFS {
	files := many(n)
	for _, file := range files {
		file.Data = bytes.ReplaceAll(file.Data, []byte("{many"), []byte("{"+name))
	}
	return files
}

// A step whose second statement fails: PostgreSQL and SQLite forget all of it,
// MySQL goes on at that statement.
func TestMigrateHalfAStep(t *testing.T) {
	steps := func(second string) fstest.MapFS {
		files := many(1)
		files["0002_half.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE {first} (id {INT} PRIMARY KEY) {OPTIONS};\n" +
			"INSERT INTO {first} (id) VALUES (1);\n" + second + ";\nINSERT INTO {first} (id) VALUES (3);")}
		return files
	}
	needs := "INSERT INTO {first} (id) SELECT id FROM {elsewhere}"
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := newDB(t, d, sqldb.Config{})
		ctx := t.Context()
		err := db.Migrate(ctx, "half", steps(needs))
		if !errors.Is(err, sqldb.ErrNoTable) || !strings.Contains(err.Error(), "half, migration 0002 (half), statement 3") {
			t.Fatalf("got %v", err)
		}
		_, err = db.Exec(ctx, "DELETE FROM {first}")
		if transactional := d.Dialect != sqldb.MySQL; transactional != errors.Is(err, sqldb.ErrNoTable) {
			t.Errorf("the first statement: %v", err)
		}
		if d.Dialect == sqldb.MySQL {
			_, err = db.Exec(ctx, "INSERT INTO {first} (id) VALUES (1)")
			must(t, err)
			if err := db.Migrate(ctx, "half", steps("SELECT 1")); !errors.Is(err, sqldb.ErrSchema) || !strings.Contains(err.Error(), "after 2 of its statements") {
				t.Errorf("changed meanwhile: %v", err)
			}
		}
		must(t, db.Migrate(ctx, "other", fstest.MapFS{"0001_x.sql": {Data: []byte("CREATE TABLE {elsewhere} (id {INT} PRIMARY KEY) {OPTIONS}; INSERT INTO {elsewhere} (id) VALUES (2)")}}))
		must(t, db.Migrate(ctx, "half", steps(needs)))
		var n, sum int
		must(t, db.Query(ctx, "SELECT COUNT(*), SUM(id) FROM {first}").Scan(&n, &sum))
		if n != 3 || sum != 6 {
			t.Errorf("%d rows with the sum %d", n, sum)
		}
		must(t, db.CheckSchema(ctx, "half", steps(needs)))
	})
}

// The process dies between a DDL statement, which MySQL commits by itself, and
// the note that it is done.
func TestF14MigrateDiesAfterDDL(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		if d.Dialect != sqldb.MySQL {
			t.Log("does not apply: DDL is transactional")
			return
		}
		db := newDB(t, d, sqldb.Config{})
		ctx := t.Context()
		files := fstest.MapFS{"0001_x.sql": {Data: []byte("CREATE TABLE {a} (id {INT} PRIMARY KEY) {OPTIONS};" +
			"CREATE TABLE {b} (id {INT} PRIMARY KEY) {OPTIONS}; CREATE INDEX {INDEX bi} ON {b} (id); INSERT INTO {b} (id) VALUES (1)")}}
		must(t, db.Migrate(ctx, "x", files))
		for done := range 4 {
			if done == 3 {
				_, err := db.Exec(ctx, "DELETE FROM {b}") // DML and its note are one transaction
				must(t, err)
			}
			_, err := db.Exec(ctx, "UPDATE {migrations} SET statements = ?, applied_at = 0 WHERE component = 'x'", done)
			must(t, err)
			switch err := db.Migrate(ctx, "x", files); {
			case done < 2:
				// The tables after the first one are there too, which no crash does.
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("statement %d", done+2)) {
					t.Errorf("%d done: %v", done, err)
				}
			case done == 2:
				if err == nil || !strings.Contains(err.Error(), "statement 4") || !errors.Is(err, sqldb.ErrDuplicate) {
					t.Errorf("%d done: %v", done, err)
				}
			case err != nil:
				t.Errorf("%d done: %v", done, err)
			}
		}
		must(t, db.CheckSchema(ctx, "x", files))
	})
}

func TestMigrateKilled(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		db := newDB(t, d, patient)
		stop, killer := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(killer)
			for {
				select {
				case <-stop:
					return
				default:
					d.KillAll(t)
				}
			}
		}()
		for range 10 {
			if err := db.Migrate(t.Context(), "many", many(20)); errors.Is(err, sqldb.ErrSchema) {
				t.Error(err)
			}
		}
		close(stop)
		<-killer
		must(t, db.Migrate(t.Context(), "many", many(20)))
		must(t, db.CheckSchema(t.Context(), "many", many(20)))
	})
}

func TestPrefixAndSchema(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a, b := newDB(t, d, sqldb.Config{Prefix: "a_"}), newDB(t, d, sqldb.Config{Prefix: "b_"})
		for _, db := range []*sqldb.DB{a, b} {
			must(t, db.Migrate(t.Context(), "test", tables))
			counter(t, db, "x")
		}
		must(t, add(t.Context(), a, sqldb.TxOptions{}, "x"))
		if value(t, a, "x") != 1 || value(t, b, "x") != 0 {
			t.Error("the tables are mixed up")
		}
		if d.Dialect == sqldb.SQLite {
			return
		}
		other := d.Fresh(t)
		c := newDB(t, d, sqldb.Config{Prefix: "a_", Schema: other.Schema()})
		must(t, c.Migrate(t.Context(), "test", tables))
		counter(t, c, "x")
		if value(t, a, "x") != 1 || value(t, c, "x") != 0 {
			t.Error("the schemas are mixed up")
		}
		must(t, newDB(t, other, sqldb.Config{Prefix: "a_"}).CheckSchema(t.Context(), "test", tables))
		nowhere := newDB(t, d, sqldb.Config{Schema: "sqltest_nowhere"})
		err := nowhere.Migrate(t.Context(), "test", tables)
		if err == nil || !strings.Contains(err.Error(), "sqltest_nowhere") {
			t.Errorf("got %v", err)
		}
		t.Log(err)
	})
}

func TestWrongDialect(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		for _, wrong := range []sqldb.Dialect{sqldb.SQLite, sqldb.PostgreSQL, sqldb.MySQL} {
			db, err := sqldb.New(d.Open(t), wrong, sqldb.Config{})
			must(t, err)
			err = db.Migrate(context.Background(), "test", tables)
			if wrong == d.Dialect {
				must(t, err)
				continue
			}
			if err == nil || !strings.Contains(err.Error(), "the dialect is "+wrong.String()) || !strings.Contains(err.Error(), "pass "+d.Dialect.String()) {
				t.Errorf("%s: %v", wrong, err)
			}
		}
	})
}

func TestDangerousMySQLSettings(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		if d.Dialect != sqldb.MySQL {
			t.Log("does not apply: only for MySQL")
			return
		}
		for setting, want := range map[string][2]string{
			"sql_mode":               {"''", "STRICT_TRANS_TABLES"},
			"autocommit":             {"0", "autocommit"},
			"default_storage_engine": {"MyISAM", "InnoDB"},
		} {
			db, err := sqldb.New(d.OpenWith(t, map[string]string{setting: want[0]}), d.Dialect, sqldb.Config{})
			must(t, err)
			if err := db.Check(t.Context()); err == nil || !strings.Contains(err.Error(), want[1]) {
				t.Errorf("%s = %s: %v", setting, want[0], err)
			}
		}
	})
}
