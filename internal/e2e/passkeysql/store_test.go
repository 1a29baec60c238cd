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

// on returns a Store on pool, with the tables in place.
func on(t testing.TB, d *sqltest.Database, pool *sql.DB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	cfg.Timeout = sqltest.Patient
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
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	storetest.Run(t, func(*testing.T) passkey.Store { return s })
}

func TestTwoPools(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a := on(t, d, d.Open(t), sqlstore.Config{})
		t.Run("MFA-15 two pools", func(t *testing.T) { storetest.Shared(t, a, on(t, d, d.Open(t), sqlstore.Config{})) })
		t.Run("MFA-15 F13 two pools, of which one is strict", func(t *testing.T) {
			storetest.Shared(t, a, on(t, d, d.OpenStrict(t), sqlstore.Config{}))
		})
	})
}

func TestNew(t *testing.T) {
	sqltest.Refusals(t, func(pool *sql.DB, d sqlstore.Dialect, timeout time.Duration, prefix, schema string) error {
		_, err := sqlstore.New(pool, d, sqlstore.Config{Timeout: timeout, Prefix: prefix, Schema: schema})
		return err
	})
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
			n := sqltest.Count(t, pool, "auth_passkey_answers")
			if list, err := s.List(t.Context(), "alice"); n != 1 || err != nil || len(list) != 21 {
				t.Errorf("%d answers, %d passkeys, %v", n, len(list), err)
			}
		})
	})
}
