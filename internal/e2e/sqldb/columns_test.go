package sqldb_test

import (
	"bytes"
	"database/sql"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestColumns(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		ctx := t.Context()
		hash := make([]byte, 32)
		for i := range hash {
			hash[i] = byte(i * 37)
		}
		data := append(bytes.Repeat([]byte{0, 0xff, '\'', '\\', '?'}, 20_000), hash...)
		note := strings.Repeat("žluťoučký kůň 🐎 '?\\\" ", 4000)
		at := time.Date(2026, 3, 29, 2, 30, 0, 123456789, time.FixedZone("odd", 5*3600+1800))
		_, err := db.Exec(ctx, "INSERT INTO {counters} (id, n, hash, note, data, active, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			"Ünï'\\?", int64(math.MinInt64), hash, note, data, true, sqldb.Micros(at))
		must(t, err)
		var n int64
		var gotHash, gotData []byte
		var id, gotNote string
		var active bool
		var gotAt time.Time
		must(t, db.Query(ctx, "SELECT id, n, hash, note, data, active, expires_at FROM {counters} WHERE id = ? AND hash = ? AND active = ?", "Ünï'\\?", hash, true).
			Scan(&id, &n, &gotHash, &gotNote, &gotData, &active, sqldb.Timestamp(&gotAt)))
		if id != "Ünï'\\?" || n != math.MinInt64 || !bytes.Equal(gotHash, hash) || gotNote != note || !bytes.Equal(gotData, data) || !active {
			t.Error("a value has changed")
		}
		if !gotAt.Equal(at.Truncate(time.Microsecond)) || gotAt.Location() != time.UTC {
			t.Errorf("time %s", gotAt)
		}
		// Without arguments MySQL answers in text.
		must(t, db.Query(ctx, "SELECT expires_at FROM {counters}").Scan(sqldb.Timestamp(&gotAt)))
		if !gotAt.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("time %s", gotAt)
		}
		if err := db.Query(ctx, "SELECT n FROM {counters} WHERE id = ?", "nobody").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("got %v", err)
		}
	})
}

// Two texts are one key only if their bytes are the same. MySQL's own collations
// take most of these for one.
func TestKeysAreBytes(t *testing.T) {
	names := []string{"alice", "Alice", "ALICE", "alice ", " alice", "älice", "ạlice", "a\u0308lice", "alıce", "alice\t", "ﬀ", "ff", "ß", "ss", "", " "}
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		for i, name := range names {
			created, err := db.Insert(t.Context(), "INSERT INTO {counters} (id, n) VALUES (?, ?)", name, i)
			if !created || err != nil {
				t.Errorf("%q is taken for another: %v", name, err)
			}
		}
		for i, name := range names {
			if n := value(t, db, name); n != i {
				t.Errorf("%q is taken for %q", name, names[n])
			}
		}
		var got []string
		must(t, db.Query(t.Context(), "SELECT id FROM {counters} ORDER BY id").Each(func(scan func(...any) error) error {
			var s string
			err := scan(&s)
			got = append(got, s)
			return err
		}))
		for i := range len(got) - 1 {
			if got[i] >= got[i+1] {
				t.Errorf("%q is before %q", got[i], got[i+1])
			}
		}
	})
}

func TestUpsertAndReturning(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db := open(t, d)
		put := func(id string, n int, note string) {
			t.Helper()
			_, err := db.Exec(t.Context(), "INSERT INTO {counters} (id, n, note) VALUES (?, ?, ?) {UPSERT (id) n, note}", id, n, note)
			must(t, err)
		}
		put("x", 1, "one")
		put("x", 2, "two")
		put("y", 3, "three")
		if value(t, db, "x") != 2 || value(t, db, "y") != 3 {
			t.Error("not what was put")
		}
		if !d.Dialect.Returning() {
			return
		}
		var n int
		query := "UPDATE {counters} SET n = n + 1 WHERE id = ? RETURNING n"
		must(t, db.Query(t.Context(), query, "x").Scan(&n))
		if n != 3 || value(t, db, "x") != 3 {
			t.Errorf("n = %d", n)
		}
		if err := db.Query(t.Context(), query, "nobody").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("got %v", err)
		}
		must(t, together(100, func(int) error {
			var n int
			return db.Query(t.Context(), query, "x").Scan(&n)
		}))
		if n := value(t, db, "x"); n != 103 {
			t.Errorf("n = %d", n)
		}
	})
}

// A compare-and-set is counted the same with and without clientFoundRows.
func TestAffectedRows(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		dbs := []*sqldb.DB{open(t, d)}
		if d.Dialect == sqldb.MySQL {
			found, err := sqldb.New(d.OpenWith(t, map[string]string{"clientFoundRows": "true"}), d.Dialect, sqldb.Config{})
			must(t, err)
			dbs = append(dbs, found)
		}
		for i, db := range dbs {
			id := string(rune('a' + i))
			counter(t, db, id)
			for _, want := range []int64{1, 0} {
				n, err := db.Exec(t.Context(), "UPDATE {counters} SET n = 1 WHERE id = ? AND n = 0", id)
				if n != want || err != nil {
					t.Errorf("%d rows, %v, want %d", n, err, want)
				}
			}
			if created, err := db.Insert(t.Context(), "INSERT INTO {counters} (id) VALUES (?)", id); created || err != nil {
				t.Errorf("Insert: %v, %v", created, err)
			}
		}
	})
}
