package sessionsql_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/sqlstore"
)

// weakest are settings under which the statements of a pool lock least: MariaDB
// locks gaps at its default level, which hides much.
func weakest(d *sqltest.Database) map[string]string {
	if d.Dialect == sqlstore.MySQL {
		return map[string]string{"tx_isolation": "'READ-COMMITTED'"}
	}
	return nil
}

// Renewals in one pool, again and again, while another pool revokes.
func TestS12RenewalsDuringARevocation(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a, b := open(t, d), open(t, d)
		weakA, weakB := on(t, d, d.OpenWith(t, weakest(d)), sqlstore.Config{}), on(t, d, d.OpenWith(t, weakest(d)), sqlstore.Config{})
		for round := range 8 {
			if round == 4 {
				a, b = weakA, weakB
			}
			subject := fmt.Sprint("u-", round)
			const n = 24
			var mu sync.Mutex
			var all []session.ID
			ids := make([]session.ID, n)
			for i := range ids {
				ids[i] = newID(subject)
				must(t, a.Create(t.Context(), ids[i], record(subject), soon(), 0))
			}
			all = append(all, ids...)
			var renewals atomic.Int64
			busy := make(chan struct{}) // closed when there were n renewals, or none can come
			var once sync.Once
			renewed := func(by int64) {
				if renewals.Add(by) >= n {
					once.Do(func() { close(busy) })
				}
			}
			sqltest.Together(n+1, func(i int) {
				if i == n {
					<-busy
					except := ""
					if round%2 == 1 {
						except = "nobody"
					}
					if err := b.RevokeSubject(t.Context(), subject, except); err != nil {
						t.Error(err)
					}
					return
				}
				for id := ids[i]; ; renewed(1) {
					to := newID(subject)
					mu.Lock()
					all = append(all, to)
					mu.Unlock()
					err := a.Rename(t.Context(), id, to, record(subject), soon())
					if err != nil {
						if !errors.Is(err, session.ErrNoSession) {
							t.Error(err)
						}
						renewed(n)
						return
					}
					id = to
					if renewals.Load() > 1000*n {
						t.Errorf("a session is renewed for ever")
						return
					}
				}
			})
			list, err := a.List(t.Context(), subject)
			if err != nil || len(list) != 0 {
				t.Fatalf("round %d: %d sessions have escaped, %v", round, len(list), err)
			}
			for _, id := range all {
				if _, err := a.Find(t.Context(), id); !errors.Is(err, session.ErrNoSession) {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		}
	})
}

func TestS12SignInsDuringARevocation(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a, b := open(t, d), open(t, d)
		const subject, limit = "u", 10
		old := make([]session.ID, limit)
		for i := range old {
			old[i] = newID(subject)
			must(t, a.Create(t.Context(), old[i], record(subject), soon(), limit))
		}
		sqltest.Together(100, func(i int) {
			if i == 50 {
				if err := b.RevokeSubject(t.Context(), subject, ""); err != nil {
					t.Error(err)
				}
				return
			}
			s := a
			if i%2 == 0 {
				s = b
			}
			if err := s.Create(t.Context(), newID(subject), record(subject), soon(), limit); err != nil {
				t.Error(err)
			}
		})
		for _, id := range old {
			if _, err := b.Find(t.Context(), id); !errors.Is(err, session.ErrNoSession) {
				t.Errorf("a session from before: %v", err)
			}
		}
		if list, err := a.List(t.Context(), subject); err != nil || len(list) > limit {
			t.Errorf("SES-24 %d sessions, want %d at most, %v", len(list), limit, err)
		}
	})
}

// Two that both see room for one.
func TestSES24ParallelSignInsUpToTheLimit(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a, b := open(t, d), open(t, d)
		for round := range 30 {
			subject := fmt.Sprint("u-", round)
			must(t, a.Create(t.Context(), newID(subject), record(subject), soon(), 2))
			sqltest.Together(2, func(i int) {
				s := []*sqlstore.Store{a, b}[i]
				if err := s.Create(t.Context(), newID(subject), record(subject), soon(), 2); err != nil {
					t.Error(err)
				}
			})
			if list, err := a.List(t.Context(), subject); err != nil || len(list) != 2 {
				t.Fatalf("round %d: %d sessions, want 2, %v", round, len(list), err)
			}
		}
	})
}

// Connections are killed while a transaction waits in its midst for a row.
func TestF13KilledInTheMidst(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		ctx := t.Context()
		for doing, call := range map[string]func(old, id session.ID, rec *session.Record) error{
			"Create": func(_, id session.ID, rec *session.Record) error { return s.Create(ctx, id, rec, soon(), 1) },
			"Rename": func(old, id session.ID, rec *session.Record) error { return s.Rename(ctx, old, id, rec, soon()) },
		} {
			pool.SetMaxIdleConns(2)
			subject := "u-" + doing
			old, id, rec := newID(subject), newID(subject), record(subject)
			must(t, s.Create(ctx, old, record(subject), soon(), 1))
			must(t, d.KillWaiting(t, "UPDATE auth_sessions SET writes = writes + 1", func() error { return call(old, id, rec) }))
			pool.SetMaxIdleConns(0) // dead ones
			_, err := s.Find(ctx, old)
			want(t, doing+": the old session", err, session.ErrNoSession)
			if got, err := s.Find(ctx, id); err != nil || got.ID != rec.ID {
				t.Errorf("%s: %v", doing, err)
			}
		}
		if n := sqltest.Count(t, pool, "auth_sessions"); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
	})
}

// Whatever is answered while connections are killed all the time is true, and no
// user ever has more sessions than the limit.
func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		var done, failed atomic.Int64
		// calm asks until there is an answer.
		calm := func(id session.ID) error {
			for {
				_, err := s.Find(t.Context(), id)
				if err == nil || errors.Is(err, session.ErrNoSession) || t.Context().Err() != nil {
					return err
				}
			}
		}
		// either reports whether one of two is there. The server may still be at a
		// statement whose connection is gone, so what cannot be is asked again.
		either := func(from, to session.ID) bool {
			for range 50 {
				if (calm(from) == nil) != (calm(to) == nil) {
					return true
				}
			}
			return false
		}
		const users = 6
		var work sync.WaitGroup
		for i := range users {
			work.Go(func() {
				subject := fmt.Sprint("u-", i)
				for time.Now().Before(until) {
					from, to := newID(subject), newID(subject)
					if s.Create(t.Context(), from, record(subject), soon(), 1) != nil {
						failed.Add(1)
						continue
					}
					if err := calm(from); err != nil {
						t.Errorf("a session that was made: %v", err)
					}
					switch err := s.Rename(t.Context(), from, to, record(subject), soon()); {
					case err == nil:
						if calm(to) != nil || calm(from) == nil {
							t.Error("a session that was renamed is not where it should be")
						}
					case errors.Is(err, session.ErrNoSession):
						t.Error("a session that is there was told to be gone")
					default:
						failed.Add(1)
						if !either(from, to) {
							t.Error("a rename that failed: both or none are there")
						}
					}
					done.Add(1)
				}
			})
		}
		work.Wait()
		kills := stop()
		pool.SetMaxIdleConns(0) // all of them may be dead, and a call gives up after three
		for i := range users {
			if list, err := s.List(t.Context(), fmt.Sprint("u-", i)); err != nil || len(list) > 1 {
				t.Errorf("%d sessions of a limit of 1, %v", len(list), err)
			}
		}
		t.Logf("%d done, %d failed, %d connections killed", done.Load(), failed.Load(), kills)
		if done.Load() == 0 || kills == 0 {
			t.Error("nothing was tested")
		}
	})
}

func TestF13ReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		setup := open(t, d)
		id := newID("u")
		must(t, setup.Create(t.Context(), id, record("u"), soon(), 0))
		s, err := sqlstore.New(d.OpenReadOnly(t), d.Dialect, sqlstore.Config{Timeout: time.Second})
		must(t, err)
		if _, err := s.Find(t.Context(), id); err != nil {
			t.Error(err)
		}
		for doing, err := range map[string]error{
			"Create": s.Create(t.Context(), newID("u"), record("u"), soon(), 3),
			"Touch":  s.Touch(t.Context(), id, time.Now(), soon()),
			"Rename": s.Rename(t.Context(), id, newID("u"), record("u"), soon()),
			"Delete": s.Delete(t.Context(), id),
			"Revoke": s.RevokeSubject(t.Context(), "u", ""),
		} {
			if err == nil || errors.Is(err, session.ErrNoSession) || errors.Is(err, session.ErrExists) {
				t.Errorf("%s: %v, want the store's failure", doing, err)
			}
		}
	})
}
