package mfasql_test

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/sqlstore"
	"github.com/go-sallyport/auth/mfa/storetest"
)

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	storetest.Run(t, func(*testing.T) mfa.Store { return s })
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
		_, err = s.Find(t.Context(), "u")
		if wantFailure(t, "MFA-12 without a table", err); !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("without a table: %v, want what to do", err)
		}
		a, b := on(t, d, pool, sqlstore.Config{Prefix: "a_"}), on(t, d, pool, sqlstore.Config{Prefix: "b_"})
		must(t, a.Migrate(t.Context()))
		f, _ := enrol(t, a, "u")
		wantState(t, a, "u", mfa.State{TOTP: f, Codes: 3, CodesLeft: 3})
		wantState(t, b, "u", mfa.State{})
	})
}

// Whatever bytes a subject has, and whatever they look like to a collation, it is
// that subject and no other.
func TestSubjectsAreBytes(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		subjects := []string{"alice", "Alice", "alice ", "älice", "alice\x00", "\x00", "alice\xff", "' OR 1=1 --", "é", "e\u0301", strings.Repeat("\xfe", mfa.MaxSubject)}
		factors := map[string]mfa.TOTP{}
		for _, subject := range subjects {
			factors[subject], _ = enrol(t, s, subject)
			must(t, s.AddDevice(t.Context(), subject, newDevice(), long, 5))
		}
		for _, subject := range subjects {
			wantState(t, s, subject, mfa.State{TOTP: factors[subject], Codes: 3, CodesLeft: 3})
			if list, err := s.ListDevices(t.Context(), subject); err != nil || len(list) != 1 {
				t.Errorf("%q: %d devices, %v", subject, len(list), err)
			}
		}
		must(t, s.Remove(t.Context(), "alice"))
		for _, subject := range subjects[1:] {
			wantState(t, s, subject, mfa.State{TOTP: factors[subject], Codes: 3, CodesLeft: 3})
		}
		dev := newDevice()
		dev.Name = "a\x00b \\ ' é"
		must(t, s.AddDevice(t.Context(), "bob", dev, long, 5))
		if got, err := s.FindDevice(t.Context(), "bob", dev.Hash); err != nil || got.Name != dev.Name {
			t.Errorf("%q, %v", got.Name, err)
		}
	})
}

// The clock of the store is that of the server, to the second that of this machine,
// in whatever time zone a session is.
func TestF17Clock(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		subject := newSubject()
		for _, pool := range []*sql.DB{d.Open(t), d.OpenFarAway(t)} {
			s := on(t, d, pool, sqlstore.Config{})
			dev := newDevice()
			must(t, s.AddDevice(t.Context(), subject, dev, long, 5))
			got, err := s.FindDevice(t.Context(), subject, dev.Hash)
			if err != nil || time.Since(got.CreatedAt).Abs() > time.Minute || got.ExpiresAt.Sub(got.CreatedAt) != long ||
				got.CreatedAt.Location() != time.UTC || got.CreatedAt.Nanosecond()%int(time.Millisecond) != 0 {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
}

// A clock that jumps is one that finds all its rows moved the other way.
func TestF17ClockJumps(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool, ctx := d.Open(t), t.Context()
		s := on(t, d, pool, sqlstore.Config{})
		shift := func(by time.Duration) {
			t.Helper()
			micros := strconv.FormatInt(by.Microseconds(), 10)
			for _, change := range []string{"mfa_enrolments SET", "mfa_challenges SET opened_at = opened_at + " + micros + ",", "mfa_devices SET added_at = added_at + " + micros + ","} {
				_, err := pool.ExecContext(ctx, "UPDATE auth_"+change+" expires_at = expires_at + "+micros)
				must(t, err)
			}
		}
		t.Run("F17 what was added after the clock went back is still the latest", func(t *testing.T) {
			subject := newSubject()
			b := mfa.BucketOf(subject)
			add := func() (mfa.Challenge, mfa.Device) {
				t.Helper()
				c, dev := newChallenge(b), newDevice()
				must(t, errors.Join(s.OpenChallenge(ctx, c, long, 2), s.AddDevice(ctx, subject, dev, long, 2)))
				return c, dev
			}
			first, firstDevice := add()
			shift(time.Hour)
			second, secondDevice := add()
			third, thirdDevice := add()
			for c, there := range map[mfa.Challenge]bool{first: false, second: true, third: true} {
				if _, err := s.FindChallenge(ctx, c.ID); (err == nil) != there {
					t.Errorf("a challenge is there: %v, want %v", err, there)
				}
			}
			for dev, there := range map[mfa.Device]bool{firstDevice: false, secondDevice: true, thirdDevice: true} {
				if _, err := s.FindDevice(ctx, subject, dev.Hash); (err == nil) != there {
					t.Errorf("a device is there: %v, want %v", err, there)
				}
			}
		})
		t.Run("F17 MFA-02 M07 MFA-13 what has expired for one who asked does not come back", func(t *testing.T) {
			for _, claims := range []bool{true, false} {
				subject := newSubject()
				f, c, dev := begin(t, s, subject), newChallenge(mfa.BucketOf(subject)), newDevice()
				must(t, errors.Join(s.OpenChallenge(ctx, c, long, 5), s.AddDevice(ctx, subject, dev, long, 5)))
				shift(-2 * long)
				_, pendingErr := s.Pending(ctx, subject)
				_, tryErr := s.TryChallenge(ctx, c.ID, 5)
				if claims {
					pendingErr = s.Activate(ctx, subject, f, nil)
					tryErr = s.ClaimChallenge(ctx, c.ID, newCall())
				}
				list, listErr := s.ListDevices(ctx, subject)
				if !errors.Is(pendingErr, mfa.ErrNoPending) || !errors.Is(tryErr, mfa.ErrNoChallenge) || len(list) != 0 || listErr != nil {
					t.Errorf("%v, %v, %v, %v", pendingErr, tryErr, list, listErr)
				}
				shift(2 * long)
				_, findErr := s.FindChallenge(ctx, c.ID)
				_, deviceErr := s.FindDevice(ctx, subject, dev.Hash)
				if err := s.Activate(ctx, subject, f, nil); !errors.Is(err, mfa.ErrNoPending) || !errors.Is(findErr, mfa.ErrNoChallenge) || !errors.Is(deviceErr, mfa.ErrNoDevice) {
					t.Errorf("%v, %v, %v", err, findErr, deviceErr)
				}
			}
		})
	})
}

func TestSweep(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("F25 I5 unfinished enrolments, challenges and devices are removed, factors are not", func(t *testing.T) {
			pool, ctx := d.Open(t), t.Context()
			s := on(t, d, pool, sqlstore.Config{})
			f, _ := enrol(t, s, "u-alice")
			fill := func(s *sqlstore.Store, ttl time.Duration) {
				t.Helper()
				subject := newSubject()
				must(t, s.Begin(ctx, subject, mfa.PendingTOTP{ID: newID()}, ttl))
				must(t, s.OpenChallenge(ctx, newChallenge(mfa.BucketOf(subject)), ttl, 5))
				must(t, s.AddDevice(ctx, subject, newDevice(), ttl, 5))
			}
			for range 20 {
				fill(s, time.Millisecond)
			}
			<-time.After(5 * time.Millisecond)
			// A process that is new sweeps with the first of each kind.
			fill(on(t, d, pool, sqlstore.Config{}), long)
			for _, table := range []string{"auth_mfa_enrolments", "auth_mfa_challenges", "auth_mfa_devices", "auth_mfa_factors"} {
				if n := sqltest.Count(t, pool, table); n != 1 {
					t.Errorf("%s has %d rows, want 1", table, n)
				}
			}
			wantState(t, s, "u-alice", mfa.State{TOTP: f, Codes: 3, CodesLeft: 3})
			must(t, s.ReplaceCodes(ctx, "u-alice", nil))
			must(t, s.Deactivate(ctx, "u-alice", f.ID, false))
			if n := sqltest.Count(t, pool, "auth_mfa_factors"); n != 0 {
				t.Errorf("%d rows of factors are left behind", n)
			}
		})
	})
}
