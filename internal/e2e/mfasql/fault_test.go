package mfasql_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/sqlstore"
)

// Whatever is answered while connections are killed all the time is true: no code
// is accepted twice, and none is refused that was never accepted.
func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		var done, failed atomic.Int64
		// calm asks until there is an answer.
		calm := func(subject string) mfa.State {
			for {
				if st, err := s.Find(context.Background(), subject); err == nil {
					return st
				}
			}
		}
		sqltest.Together(6, func(int) {
			for time.Now().Before(until) {
				subject, id := newSubject(), newID()
				if s.Begin(t.Context(), subject, mfa.PendingTOTP{ID: id, Sealed: "sealed"}, long) != nil {
					failed.Add(1)
					continue
				}
				codes := []mfa.CodeHash{newHash(), newHash()}
				switch err := s.Activate(t.Context(), subject, mfa.TOTP{ID: id, Sealed: "sealed", Step: 1, Call: newCall()}, codes); {
				case errors.Is(err, mfa.ErrNoPending):
					t.Error("an enrolment that waits was told not to")
				case err != nil:
					failed.Add(1)
					continue
				}
				if st := calm(subject); st.TOTP.ID != id || st.CodesLeft != 2 {
					t.Errorf("I2 a factor that was enabled: %+v", st)
				}
				won := 0
				for range 3 {
					switch ok, err := s.Advance(t.Context(), subject, id, 2, newCall()); {
					case ok:
						won++
					case err == nil && calm(subject).TOTP.Step != 2:
						t.Error("a code was refused that nobody has used")
					}
				}
				uses := 0
				for range 3 {
					used, left, err := s.ConsumeCode(t.Context(), subject, codes[0], newCall())
					if used {
						uses++
					}
					if err == nil && left != 1 {
						t.Errorf("%d codes are left", left)
					}
				}
				if won > 1 || uses > 1 {
					t.Errorf("I3 a code was accepted %d times, a recovery code %d times", won, uses)
				}
				if s.Remove(t.Context(), subject) == nil && calm(subject) != (mfa.State{}) {
					t.Error("I2 a factor that was removed is there")
				}
				done.Add(1)
			}
		})
		kills := stop()
		t.Logf("%d done, %d failed, %d connections killed", done.Load(), failed.Load(), kills)
		if done.Load() == 0 || kills == 0 {
			t.Error("nothing was tested")
		}
	})
}

func TestF13ReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		setup, subject := open(t, d), newSubject()
		f, codes := enrol(t, setup, subject)
		next := begin(t, setup, subject)
		c, dev := newChallenge(mfa.BucketOf(subject)), newDevice()
		must(t, setup.OpenChallenge(t.Context(), c, long, 5))
		must(t, setup.AddDevice(t.Context(), subject, dev, long, 5))
		s, err := sqlstore.New(d.OpenReadOnly(t), d.Dialect, sqlstore.Config{Timeout: time.Second})
		must(t, err)
		ctx := t.Context()
		want := mfa.State{TOTP: f, Codes: 3, CodesLeft: 3}
		wantState(t, s, subject, want)
		_, findErr := s.FindChallenge(ctx, c.ID)
		_, deviceErr := s.FindDevice(ctx, subject, dev.Hash)
		must(t, errors.Join(findErr, deviceErr))
		_, advanceErr := s.Advance(ctx, subject, f.ID, f.Step+1, newCall())
		_, resealErr := s.Reseal(ctx, subject, f.ID, f.Sealed, "other")
		_, _, consumeErr := s.ConsumeCode(ctx, subject, codes[0], newCall())
		_, tryErr := s.TryChallenge(ctx, c.ID, 5)
		for doing, err := range map[string]error{
			"Advance": advanceErr, "Reseal": resealErr, "ConsumeCode": consumeErr, "TryChallenge": tryErr,
			"Begin":          s.Begin(ctx, subject, mfa.PendingTOTP{ID: newID()}, long),
			"Activate":       s.Activate(ctx, subject, next, nil),
			"Deactivate":     s.Deactivate(ctx, subject, f.ID, true),
			"Remove":         s.Remove(ctx, subject),
			"ReplaceCodes":   s.ReplaceCodes(ctx, subject, nil),
			"OpenChallenge":  s.OpenChallenge(ctx, newChallenge(mfa.BucketOf(subject)), long, 5),
			"ClaimChallenge": s.ClaimChallenge(ctx, c.ID, newCall()),
			"EndChallenges":  s.EndChallenges(ctx, c.ID.Bucket()),
			"AddDevice":      s.AddDevice(ctx, subject, newDevice(), long, 5),
			"DropDevice":     s.DropDevice(ctx, subject, dev.ID),
			"DropDevices":    s.DropDevices(ctx, subject),
		} {
			wantFailure(t, "I1 "+doing, err)
		}
		wantState(t, setup, subject, want)
	})
}

// A row that cannot be read is a failure, and never a user without a factor.
func TestF11Corrupt(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		for _, change := range []string{"codes = call_id", "call_id = codes", "step = -1"} {
			subject := newSubject()
			_, codes := enrol(t, s, subject)
			if strings.HasPrefix(change, "call_id") {
				must(t, s.ReplaceCodes(t.Context(), subject, nil)) // so that it fits
			}
			_, err := pool.ExecContext(t.Context(), "UPDATE auth_mfa_factors SET "+change)
			must(t, err)
			_, findErr := s.Find(t.Context(), subject)
			_, _, consumeErr := s.ConsumeCode(t.Context(), subject, codes[0], newCall())
			wantFailure(t, "MFA-12 Find with "+change, findErr)
			wantFailure(t, "ConsumeCode with "+change, consumeErr)
			must(t, s.Remove(t.Context(), subject))
		}
	})
}

// A client that goes away at any moment leaves a write done and told so, or not
// done and told so.
func TestF15Cancelled(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		n := testkit.Volume(40)
		start := time.Now()
		for range 4 {
			enrol(t, s, newSubject())
		}
		took := time.Since(start) / 8
		done := 0
		for i := range n {
			subject, b := newSubject(), mfa.BucketOf(newSubject())
			f, codes := enrol(t, s, subject)
			next, c := begin(t, s, subject), newChallenge(b)
			must(t, s.OpenChallenge(t.Context(), c, long, 5))
			state := func() mfa.State {
				st, err := s.Find(t.Context(), subject)
				must(t, err)
				return st
			}
			for _, step := range []struct {
				name  string
				do    func(ctx context.Context) error
				isNow func() bool
			}{
				{"Advance", func(ctx context.Context) error { return truth(s.Advance(ctx, subject, f.ID, 200, newCall())) }, func() bool { return state().TOTP.Step == 200 }},
				{"ConsumeCode", func(ctx context.Context) error {
					used, _, err := s.ConsumeCode(ctx, subject, codes[0], newCall())
					return truth(used, err)
				}, func() bool { return state().CodesLeft == 2 }},
				{"Activate", func(ctx context.Context) error { return s.Activate(ctx, subject, next, nil) }, func() bool { return state() == mfa.State{TOTP: next} }},
				{"ClaimChallenge", func(ctx context.Context) error { return s.ClaimChallenge(ctx, c.ID, newCall()) }, func() bool { _, err := s.FindChallenge(t.Context(), c.ID); return err != nil }},
			} {
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(took*time.Duration(i)/time.Duration(n), cancel)
				err := step.do(ctx)
				timer.Stop()
				cancel()
				if err == nil {
					done++
				}
				if (err == nil) != step.isNow() || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: told %v, and it is done: %v", step.name, err, step.isNow())
				}
			}
		}
		t.Logf("%d of %d were done", done, 4*n)
	})
}
