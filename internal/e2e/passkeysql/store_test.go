package passkeysql_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/mfa/passkey/sqlstore"
	"github.com/go-sallyport/auth/mfa/passkey/storetest"
)

func TestMain(m *testing.M) { sqltest.Main(m, nil) }

// patient is for tests in which many wait for one row on a slow machine.
const patient = 20 * time.Second

// on returns a Store on pool, with the tables in place.
func on(t testing.TB, d *sqltest.Database, pool *sql.DB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	cfg.Timeout = patient
	s, err := sqlstore.New(pool, d.Dialect, cfg)
	must(t, err)
	must(t, s.Migrate(t.Context()))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := on(t, d, d.Open(t), sqlstore.Config{})
		storetest.Run(t, func(*testing.T) passkey.Store { return s })
	})
}

// A driver that counts rows that an UPDATE did not change, and one that sends arguments
// within the text, make no difference.
func TestConformanceMySQLSettings(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		if d.Dialect != sqlstore.MySQL {
			t.Log("does not apply: for MySQL")
			return
		}
		s := on(t, d, d.OpenWith(t, map[string]string{"clientFoundRows": "true", "interpolateParams": "true"}), sqlstore.Config{})
		storetest.Run(t, func(*testing.T) passkey.Store { return s })
	})
}

// strictest are settings under which servers refuse most: statements that collide fail
// with a serialization failure or a deadlock.
func strictest(d *sqltest.Database) map[string]string {
	switch d.Dialect {
	case sqlstore.PostgreSQL:
		return map[string]string{"default_transaction_isolation": "serializable"}
	case sqlstore.MySQL:
		return map[string]string{"tx_isolation": "'SERIALIZABLE'"}
	}
	return nil
}

func TestTwoPools(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a := on(t, d, d.Open(t), sqlstore.Config{})
		t.Run("MFA-15 two pools", func(t *testing.T) { storetest.Shared(t, a, on(t, d, d.Open(t), sqlstore.Config{})) })
		t.Run("MFA-15 F13 two pools, of which one is strict", func(t *testing.T) {
			storetest.Shared(t, a, on(t, d, d.OpenWith(t, strictest(d)), sqlstore.Config{}))
		})
	})
}

func TestNew(t *testing.T) {
	pool := sqltest.One(t, "SQLite").Open(t)
	for name, c := range map[string]struct {
		dialect sqlstore.Dialect
		cfg     sqlstore.Config
		wrong   string
	}{
		"no dialect":       {wrong: "dialect"},
		"negative timeout": {sqlstore.SQLite, sqlstore.Config{Timeout: -1}, "Timeout"},
		"prefix":           {sqlstore.SQLite, sqlstore.Config{Prefix: "A;"}, "Prefix"},
		"schema":           {sqlstore.SQLite, sqlstore.Config{Schema: "app"}, "Schema"},
	} {
		if _, err := sqlstore.New(pool, c.dialect, c.cfg); err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sqlstore.New(nil, sqlstore.SQLite, sqlstore.Config{}); err == nil {
		t.Error("a nil pool")
	}
}

func TestWithoutTables(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s, err := sqlstore.New(d.Open(t), d.Dialect, sqlstore.Config{})
		must(t, err)
		if _, err := s.List(t.Context(), "alice"); err == nil || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("%v, want what to do", err)
		}
	})
}

func TestSweep(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("F25 answers whose time is over are removed, passkeys are not", func(t *testing.T) {
			pool := d.Open(t)
			s := on(t, d, pool, sqlstore.Config{})
			handle, err := s.UserHandle(t.Context(), "alice", passkey.UserHandle{1})
			must(t, err)
			add := func(s *sqlstore.Store, n byte, keep time.Duration) {
				t.Helper()
				c := passkey.Credential{CredentialID: []byte{n}, Subject: "alice", UserHandle: handle, PublicKey: []byte{n}, CreatedAt: time.UnixMilli(int64(n) + 1)}
				must(t, s.Add(t.Context(), c, passkey.Answer{Challenge: passkey.ChallengeID{n}, Call: passkey.CallID{n}, Keep: keep}, 50))
			}
			for n := range byte(20) {
				add(s, n, time.Millisecond)
			}
			<-time.After(5 * time.Millisecond)
			add(on(t, d, pool, sqlstore.Config{}), 20, time.Hour) // a process that is new sweeps with the first
			var n int
			must(t, pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM auth_passkey_answers").Scan(&n))
			if list, err := s.List(t.Context(), "alice"); n != 1 || err != nil || len(list) != 21 {
				t.Errorf("%d answers, %d passkeys, %v", n, len(list), err)
			}
		})
	})
}
