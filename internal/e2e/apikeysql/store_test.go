package apikeysql_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/apikey/storetest"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
)

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	storetest.Run(t, func(*testing.T) apikey.Store { return s })
}

func TestNew(t *testing.T) {
	sqltest.Refusals(t, func(pool *sql.DB, d sqlstore.Dialect, timeout time.Duration, prefix, schema string) error {
		_, err := sqlstore.New(pool, d, sqlstore.Config{Timeout: timeout, Prefix: prefix, Schema: schema})
		return err
	})
}

func TestPrefixAndMigrate(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s, err := sqlstore.New(pool, d.Dialect, sqlstore.Config{})
		must(t, err)
		if _, err := s.Find(t.Context(), newKey("u").ID); err == nil || errors.Is(err, apikey.ErrNotFound) || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("without a table: %v, want the store's failure and what to do", err)
		}
		a, b := on(t, d, pool, sqlstore.Config{Prefix: "a_"}), on(t, d, pool, sqlstore.Config{Prefix: "b_"})
		must(t, a.Migrate(t.Context()))
		if _, err := b.Find(t.Context(), create(t, a, "u").ID); !errors.Is(err, apikey.ErrNotFound) {
			t.Errorf("the other prefix: %v", err)
		}
	})
}

// What a server would cut, convert or refuse is refused before, and is nobody's key.
func TestText(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		for _, text := range []string{"a\x00b", "\xff", strings.Repeat("x", 256)} {
			k := newKey("u")
			for _, bad := range []func(){func() { k.Subject, k.ID = text, newKey(text).ID }, func() { k.Subject, k.ID = "u", text }} {
				bad()
				storeFailed(t, "Create", s.Create(t.Context(), k, many))
			}
			if _, err := s.Find(t.Context(), text); !errors.Is(err, apikey.ErrNotFound) {
				t.Errorf("Find: %v", err)
			}
			if err := s.Revoke(t.Context(), text, now()); !errors.Is(err, apikey.ErrNotFound) {
				t.Errorf("Revoke: %v", err)
			}
			if err := s.Rotate(t.Context(), text, rotation(k)); !errors.Is(err, apikey.ErrNotFound) {
				t.Errorf("Rotate: %v", err)
			}
			list, err := s.List(t.Context(), text)
			if err != nil || len(list) != 0 {
				t.Errorf("List: %v, %v", list, err)
			}
			must(t, s.RevokeAll(t.Context(), text, "", now()))
			must(t, s.RevokeAll(t.Context(), "u", text, now()))
			must(t, s.Touch(t.Context(), []apikey.Use{{ID: text, At: now()}}))
		}
	})
}

// A row that was damaged refuses its key, and not the list of its owner.
func TestF11Damaged(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		good := create(t, s, "u")
		for _, damage := range []string{"data = '{}'", "data = 'x'", "hash = data"} {
			k := create(t, s, "u")
			if d.Dialect == sqlstore.PostgreSQL && damage == "hash = data" {
				damage = `hash = '\x00'`
			}
			if d.Dialect == sqlstore.SQLite && damage == "hash = data" {
				damage = "hash = X'00'"
			}
			if d.Dialect == sqlstore.MySQL && damage == "hash = data" {
				damage = "hash = X'00'"
			}
			_, err := pool.ExecContext(t.Context(), "UPDATE auth_api_keys SET "+damage+" WHERE id = '"+k.ID+"'")
			must(t, err)
			_, err = s.Find(t.Context(), k.ID)
			storeFailed(t, "Find", err)
			storeFailed(t, "Rotate", s.Rotate(t.Context(), k.ID, rotation(k)))
			list, err := s.List(t.Context(), "u")
			if err != nil || len(list) != 1 || list[0].ID != good.ID {
				t.Errorf("%s: %d keys, %v", damage, len(list), err)
			}
			must(t, s.Revoke(t.Context(), k.ID, now()))
		}
	})
}

func TestSweep(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		count := func() (n int) {
			must(t, pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM auth_api_keys").Scan(&n))
			return n
		}
		at := now()
		dead := func(change func(k *apikey.Key)) *apikey.Key {
			k := newKey("u-" + newKey("u").ID)
			k.CreatedAt, k.ExpiresAt = at.Add(-2*apikey.Retention), at.Add(time.Hour)
			change(k)
			must(t, s.Create(t.Context(), k, many))
			return k
		}
		dead(func(k *apikey.Key) { k.ExpiresAt = at.Add(-apikey.Retention) })
		byRevoke, byExpire, byAll := dead(func(*apikey.Key) {}), dead(func(k *apikey.Key) { k.ExpiresAt = time.Time{} }), dead(func(*apikey.Key) {})
		byRotate := dead(func(k *apikey.Key) { k.ExpiresAt = time.Time{} })
		must(t, s.Revoke(t.Context(), byRevoke.ID, at.Add(-apikey.Retention)))
		must(t, s.Expire(t.Context(), byExpire.ID, at.Add(-apikey.Retention)))
		must(t, s.RevokeAll(t.Context(), byAll.Subject, "", at.Add(-apikey.Retention)))
		r := rotation(byRotate)
		r.Next.CreatedAt, r.Next.ExpiresAt, r.Ends = at.Add(-2*apikey.Retention), time.Time{}, at.Add(-apikey.Retention)
		must(t, s.Rotate(t.Context(), byRotate.ID, r))
		// These stay: without an end, dead for less, and revoked late though expired early.
		keep := []*apikey.Key{
			r.Next, dead(func(k *apikey.Key) { k.ExpiresAt = time.Time{} }),
			dead(func(k *apikey.Key) { k.ExpiresAt = at.Add(-apikey.Retention + time.Minute) }),
		}
		both := dead(func(k *apikey.Key) { k.ExpiresAt = at.Add(-apikey.Retention + time.Minute) })
		must(t, s.Revoke(t.Context(), both.ID, at))
		must(t, s.Expire(t.Context(), both.ID, at.Add(-apikey.Retention+time.Second)))
		// A process that is new sweeps with its first key.
		fresh := on(t, d, pool, sqlstore.Config{})
		k := newKey("u-new")
		k.CreatedAt = at
		must(t, fresh.Create(t.Context(), k, many))
		for _, kept := range append(keep, both, k) {
			find(t, s, kept.ID)
		}
		if n := count(); n != len(keep)+2 {
			t.Errorf("%d rows are left, want %d", n, len(keep)+2)
		}
	})
}

func TestF13ReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		k := create(t, open(t, d), "u")
		s, err := sqlstore.New(d.OpenReadOnly(t), d.Dialect, sqlstore.Config{Timeout: time.Second})
		must(t, err)
		find(t, s, k.ID)
		storeFailed(t, "Create", s.Create(t.Context(), newKey("u"), many))
		storeFailed(t, "Rotate", s.Rotate(t.Context(), k.ID, rotation(k)))
		storeFailed(t, "Expire", s.Expire(t.Context(), k.ID, now()))
		storeFailed(t, "Revoke", s.Revoke(t.Context(), k.ID, now()))
		storeFailed(t, "RevokeAll", s.RevokeAll(t.Context(), "u", "", now()))
		storeFailed(t, "Touch", s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}))
	})
}

// A pool whose connections are all taken is a failure in time, and nothing else.
func TestF13PoolEmpty(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{Timeout: 200 * time.Millisecond})
		k := create(t, s, "u")
		pool.SetMaxOpenConns(1)
		conn, err := pool.Conn(t.Context())
		must(t, err)
		start := time.Now()
		_, err = s.Find(t.Context(), k.ID)
		storeFailed(t, "Find", err)
		storeFailed(t, "Rotate", s.Rotate(t.Context(), k.ID, rotation(k)))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		must(t, conn.Close())
		find(t, s, k.ID)
	})
}
