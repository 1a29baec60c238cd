package jwtsql_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/sqlstore"
	"github.com/go-sallyport/auth/jwtauth/storetest"
)

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	storetest.Run(t, func(*testing.T) jwtauth.FamilyStore { return s })
}

// TestEpochs is with two pools: what one advances the other sees.
func TestEpochs(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		a, b := open(t, d).Epochs(), open(t, d).Epochs()
		storetest.RunEpochs(t, func(*testing.T) jwtauth.EpochStore { return a })
		t.Run("JWT-19 another process sees an epoch at once", func(t *testing.T) {
			at := time.Now().UTC().Truncate(time.Microsecond)
			must(t, a.Advance(t.Context(), "alice", at))
			if epoch, err := b.Epoch(t.Context(), "alice"); err != nil || !epoch.Equal(at) {
				t.Errorf("%v, %v; want %v", epoch, err, at)
			}
		})
		t.Run("F24 epochs that no token is older than are removed", func(t *testing.T) {
			pool := d.Open(t)
			s := on(t, d, pool, sqlstore.Config{Prefix: "swept_"}).Epochs()
			must(t, s.Advance(t.Context(), "bob", time.Now().Add(-26*time.Hour)))
			s = on(t, d, pool, sqlstore.Config{Prefix: "swept_"}).Epochs() // which has not swept yet
			must(t, s.Advance(t.Context(), "alice", time.Now()))
			if n := sqltest.Count(t, pool, "swept_epochs"); n != 1 {
				t.Errorf("%d rows are left, want 1", n)
			}
		})
		t.Run("F03 a context that is over is an error", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := a.Epoch(ctx, "alice"); err == nil {
				t.Error("Epoch")
			}
			if err := a.Advance(ctx, "alice", time.Now()); err == nil {
				t.Error("Advance")
			}
		})
	})
}

func TestHistory(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("F23 I2 I3 two pools", func(t *testing.T) {
			storetest.History(t, time.Second, nil, open(t, d), open(t, d))
		})
	})
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
		if _, err := s.Find(t.Context(), newID("u")); err == nil || errors.Is(err, jwtauth.ErrNoFamily) || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("without a table: %v, want the store's failure and what to do", err)
		}
		a, b := on(t, d, pool, sqlstore.Config{Prefix: "a_"}), on(t, d, pool, sqlstore.Config{Prefix: "b_"})
		must(t, a.Migrate(t.Context()))
		id := newID("u")
		must(t, a.Create(t.Context(), id, nil, usual))
		if _, err := b.Find(t.Context(), id); !errors.Is(err, jwtauth.ErrNoFamily) {
			t.Errorf("the other prefix: %v", err)
		}
	})
}

// The clock of the store is that of the server, to the second that of this
// machine, in whatever time zone a session is.
func TestF17Clock(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		for _, pool := range []*sql.DB{d.Open(t), d.OpenFarAway(t)} {
			s := on(t, d, pool, sqlstore.Config{})
			id := newID("u")
			must(t, s.Create(t.Context(), id, nil, usual))
			_, _, err := s.Rotate(t.Context(), id, spend(1, 0))
			must(t, err)
			f, err := s.Find(t.Context(), id)
			must(t, err)
			if time.Since(f.CreatedAt).Abs() > time.Minute || time.Since(f.UsedAt).Abs() > time.Minute {
				t.Errorf("created %v, used %v, now %v", f.CreatedAt, f.UsedAt, time.Now().UTC())
			}
		}
	})
}

func TestSweep(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		brief := jwtauth.Limits{Lifetime: time.Hour, Idle: time.Millisecond, PerSubject: 100}
		for range 20 {
			must(t, s.Create(t.Context(), newID("u"), nil, brief))
		}
		time.Sleep(5 * time.Millisecond)
		// A process that is new sweeps with its first sign-in.
		must(t, on(t, d, pool, sqlstore.Config{}).Create(t.Context(), newID("u"), nil, usual))
		if n := sqltest.Count(t, pool, "auth_families"); n != 1 {
			t.Errorf("%d rows are left, want 1", n)
		}
	})
}

func TestF13ReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		setup := open(t, d)
		id := newID("u")
		must(t, setup.Create(t.Context(), id, nil, usual))
		s, err := sqlstore.New(d.OpenReadOnly(t), d.Dialect, sqlstore.Config{Timeout: time.Second})
		must(t, err)
		if _, err := s.Find(t.Context(), id); err != nil {
			t.Error(err)
		}
		_, _, rotateErr := s.Rotate(t.Context(), id, spend(1, 0))
		for doing, err := range map[string]error{
			"Create":    s.Create(t.Context(), newID("u"), nil, usual),
			"Rotate":    rotateErr,
			"Revoke":    s.Revoke(t.Context(), id),
			"RevokeAll": s.RevokeAll(t.Context(), id.Bucket(), jwtauth.FamilyID{}),
		} {
			if err == nil || errors.Is(err, jwtauth.ErrNoFamily) || errors.Is(err, jwtauth.ErrFamilyExists) {
				t.Errorf("%s: %v, want the store's failure", doing, err)
			}
		}
	})
}

// Whatever is answered while connections are killed all the time is true: no
// honest client is taken for a thief, and no token rotates twice.
func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				id := newID("u")
				for s.Create(t.Context(), id, nil, usual) != nil {
					if t.Context().Err() != nil {
						return
					}
				}
				for counter := uint64(1); time.Now().Before(until); {
					// A client that got an error asks again with the same token, in
					// another call, within the grace.
					outcome, _, err := s.Rotate(t.Context(), id, spend(counter, time.Hour))
					switch {
					case errors.Is(err, jwtauth.ErrNoFamily) || err == nil && outcome == jwtauth.Reused:
						t.Errorf("an honest client is told %v, %v", outcome, err)
						return
					case err == nil:
						counter++
					}
				}
			})
		}
		wg.Wait()
		kills := stop()
		t.Logf("%d connections killed", kills)
		if kills == 0 {
			t.Error("nothing was tested")
		}
	})
}
