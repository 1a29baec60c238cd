package sessionsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/sqlstore"
	"github.com/go-sallyport/auth/session/storetest"
)

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	storetest.Run(t, func(*testing.T) session.Store { return s })
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
		if _, err := s.Find(t.Context(), newID("u")); err == nil || errors.Is(err, session.ErrNoSession) || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("without tables: %v, want the store's failure and what to do", err)
		}
		a, b := on(t, d, pool, sqlstore.Config{Prefix: "a_"}), on(t, d, pool, sqlstore.Config{Prefix: "b_"})
		must(t, a.Migrate(t.Context()))
		id := newID("u")
		must(t, a.Create(t.Context(), id, record("u"), soon(), 3))
		_, err = b.Find(t.Context(), id)
		want(t, "the other prefix", err, session.ErrNoSession)
	})
}

func TestExpiry(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		now := start
		s := on(t, d, pool, sqlstore.Config{Now: func() time.Time { return now }})
		ctx := t.Context()
		t.Run("SES-09 to the microsecond, by the clock of Config", func(t *testing.T) {
			rec, id, other := record("u-1"), newID("u-1"), newID("u-1")
			must(t, s.Create(ctx, id, rec, now.Add(time.Hour), 0))
			must(t, s.Create(ctx, other, rec, now.Add(2*time.Hour), 0))
			now = start.Add(time.Hour - time.Microsecond)
			if _, err := s.Find(ctx, id); err != nil {
				t.Error(err)
			}
			now = start.Add(time.Hour)
			_, err := s.Find(ctx, id)
			want(t, "Find", err, session.ErrNoSession)
			want(t, "Touch", s.Touch(ctx, id, now, now.Add(time.Hour)), session.ErrNoSession)
			want(t, "Update", s.Update(ctx, id, rec, now.Add(time.Hour)), session.ErrNoSession)
			want(t, "Rename", s.Rename(ctx, id, newID("u-1"), rec, now.Add(time.Hour)), session.ErrNoSession)
			if list, err := s.List(ctx, "u-1"); err != nil || len(list) != 1 {
				t.Errorf("%d listed, %v", len(list), err)
			}
			want(t, "Touch into the past", s.Touch(ctx, other, now, now), session.ErrNoSession)
			if list, err := s.List(ctx, "u-1"); err != nil || len(list) != 0 {
				t.Errorf("%d listed, %v", len(list), err)
			}
		})
		t.Run("SES-10 expired rows go in batches as sessions are made", func(t *testing.T) {
			for range 20 {
				rec := record("u-2")
				rec.Principal = nil
				must(t, s.Create(ctx, newID("u-2"), rec, now.Add(time.Minute), 0))
			}
			before := sqltest.Count(t, pool, "auth_sessions")
			now = now.Add(2 * time.Minute)
			must(t, s.Create(ctx, newID("u-3"), record("u-3"), now.Add(time.Hour), 5))
			if n := sqltest.Count(t, pool, "auth_sessions"); before < 20 || n != 1 {
				t.Errorf("%d rows of %d are left, want 1", n, before)
			}
		})
	})
}

func TestCorrupt(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		ctx, id := t.Context(), newID("u")
		must(t, s.Create(ctx, id, record("u"), soon(), 0))
		for _, data := range []string{"X''", "X'00'", "X'01'", "X'ff01'"} {
			if d.Dialect == sqlstore.PostgreSQL {
				data = `'\x` + data[2:]
			}
			_, err := pool.ExecContext(ctx, "UPDATE auth_sessions SET data = "+data)
			must(t, err)
			rec, err := s.Find(ctx, id)
			want(t, "Find", err, session.ErrNoSession)
			want(t, "Find", err, session.ErrCorrupt)
			list, listErr := s.List(ctx, "u")
			if rec != nil || listErr != nil || len(list) != 0 {
				t.Errorf("%v, %v, %v", rec, list, listErr)
			}
		}
		must(t, s.RevokeSubject(ctx, "u", ""))
		if n := sqltest.Count(t, pool, "auth_sessions"); n != 0 {
			t.Errorf("%d rows after the revocation", n)
		}
	})
}

func TestHostileArguments(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		ctx := t.Context()
		for _, evil := range []string{"\x00", "\xff", "' OR 1=1 --", strings.Repeat("x", 10_000), "u "} {
			must(t, s.Create(ctx, newID("u"), record("u"), soon(), 0))
			must(t, s.Create(ctx, newID(evil), record(evil), soon(), 2))
			must(t, s.Revoke(ctx, "u", evil))
			must(t, s.RevokeSubject(ctx, evil, evil))
			if list, err := s.List(ctx, evil); err != nil || len(list) != 0 {
				t.Errorf("%.20q: %d sessions, %v", evil, len(list), err)
			}
			if list, err := s.List(ctx, "u"); err != nil || len(list) != 1 {
				t.Errorf("%.20q: %d sessions of somebody else, %v", evil, len(list), err)
			}
			must(t, s.RevokeSubject(ctx, "u", evil))
		}
		if err := s.Rename(ctx, newID("u"), newID("v"), record("u"), soon()); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("a session of another user: %v", err)
		}
	})
}

func TestRepeats(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		ctx, expiry := t.Context(), soon()
		t.Run("F03 a call that comes again gets the answer of the first", func(t *testing.T) {
			for _, limit := range []int{0, 2} {
				subject := fmt.Sprint("u-", limit)
				oldest, rec, from, to := record(subject), record(subject), newID(subject), newID(subject)
				oldest.Created = rec.Created.Add(-time.Hour)
				must(t, s.Create(ctx, newID(subject), oldest, expiry, 0))
				for range 3 {
					must(t, s.Create(ctx, from, rec, expiry, limit))
				}
				// Not one column but writes becomes another: MySQL counts no row then.
				for range 3 {
					must(t, s.Update(ctx, from, rec, expiry))
				}
				for range 3 {
					must(t, s.Touch(ctx, from, rec.Seen, expiry))
				}
				next, beside := record(subject), newID(subject)
				must(t, s.Create(ctx, beside, record(subject), expiry, 0))
				want(t, "Rename to what is taken", s.Rename(ctx, from, beside, next, expiry), session.ErrExists)
				must(t, s.Delete(ctx, beside))
				for range 3 {
					must(t, s.Rename(ctx, from, to, next, expiry))
				}
				want(t, "Rename of what is gone", s.Rename(ctx, from, newID(subject), next, expiry), session.ErrNoSession)
				want(t, "Rename with another record", s.Rename(ctx, from, to, record(subject), expiry), session.ErrNoSession)
				want(t, "Create with another record", s.Create(ctx, to, record(subject), expiry, limit), session.ErrExists)
				for range 3 {
					must(t, s.Revoke(ctx, subject, next.ID))
				}
				want(t, "Rename after the revocation", s.Rename(ctx, from, to, next, expiry), session.ErrNoSession)
				if list, err := s.List(ctx, subject); err != nil || len(list) != 1 || list[0].ID != oldest.ID {
					t.Errorf("%d sessions are left, %v", len(list), err)
				}
			}
		})
	})
}

func TestF15Cancelled(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		n := testkit.Volume(60)
		var took time.Duration
		for range 5 {
			begin := time.Now()
			must(t, s.Create(t.Context(), newID("warm"), record("warm"), soon(), 1))
			took = time.Since(begin)
		}
		done := 0
		for i := range n {
			subject := fmt.Sprint("u-", i)
			old, id := newID(subject), newID(subject)
			must(t, s.Create(t.Context(), old, record(subject), soon(), 0))
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(took*time.Duration(i)*5/4/time.Duration(n), cancel)
			err := s.Create(ctx, id, record(subject), soon(), 1)
			timer.Stop()
			cancel()
			_, oldErr := s.Find(t.Context(), old)
			_, newErr := s.Find(t.Context(), id)
			switch {
			case err == nil && newErr == nil && errors.Is(oldErr, session.ErrNoSession):
				done++
			case errors.Is(err, context.Canceled) && oldErr == nil && errors.Is(newErr, session.ErrNoSession):
			default:
				t.Errorf("%v; the old session: %v, the new one: %v", err, oldErr, newErr)
			}
		}
		t.Logf("%d of %d were done", done, n)
	})
}
