package mfasql_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/sqlstore"
)

var errAnswer = errors.New("another answer than the first call gets")

func truth(ok bool, err error) error {
	if err == nil && !ok {
		return errAnswer
	}
	return err
}

// A call is one of a method, which holds it to its answer, and what is so then.
type call struct {
	name string
	do   func() error
	so   func() bool // nil: not looked at
}

// calls is one call of each method that writes, in an order in which each does
// something.
func calls(t *testing.T, s, calm mfa.Store) []call {
	t.Helper()
	subject := newSubject()
	ctx, b := t.Context(), mfa.BucketOf(subject)
	p := mfa.PendingTOTP{ID: newID(), Sealed: "sealed", Login: newHash()}
	f := mfa.TOTP{ID: p.ID, Sealed: p.Sealed, Step: 100, Call: newCall(), ConfirmedAt: time.UnixMilli(1_790_000_000_123).UTC()}
	codes := []mfa.CodeHash{newHash(), newHash(), newHash()}
	c, d := newChallenge(b), newDevice()
	step, consume, claim := newCall(), newCall(), newCall()
	state := func() mfa.State {
		st, err := calm.Find(ctx, subject)
		must(t, err)
		return st
	}
	waits := func() bool { _, err := calm.Pending(ctx, subject); return err == nil }
	opened := func() bool { _, err := calm.FindChallenge(ctx, c.ID); return err == nil }
	trusted := func() bool { _, err := calm.FindDevice(ctx, subject, d.Hash); return err == nil }
	return []call{
		{"Begin", func() error { return s.Begin(ctx, subject, p, long) }, waits},
		{
			"Activate", func() error { return s.Activate(ctx, subject, f, codes) },
			func() bool { return state() == mfa.State{TOTP: f, Codes: 3, CodesLeft: 3} && !waits() },
		},
		{"Advance", func() error { return truth(s.Advance(ctx, subject, f.ID, 101, step)) }, func() bool { return state().TOTP.Step == 101 }},
		{"Reseal", func() error { return truth(s.Reseal(ctx, subject, f.ID, f.Sealed, "resealed")) }, func() bool { return state().TOTP.Sealed == "resealed" }},
		{"ConsumeCode", func() error {
			used, left, err := s.ConsumeCode(ctx, subject, codes[1], consume)
			return truth(used && left == 2, err)
		}, func() bool { return state().CodesLeft == 2 }},
		{"ReplaceCodes", func() error { return s.ReplaceCodes(ctx, subject, codes[:2]) }, func() bool { return state().Codes == 2 }},
		{"Deactivate", func() error { return s.Deactivate(ctx, subject, f.ID, false) }, func() bool { return state() == mfa.State{Codes: 2, CodesLeft: 2} }},
		{"Remove", func() error { return s.Remove(ctx, subject) }, func() bool { return state() == mfa.State{} }},
		{"OpenChallenge", func() error { return s.OpenChallenge(ctx, c, long, 5) }, opened},
		{"TryChallenge", func() error {
			got, err := s.TryChallenge(ctx, c.ID, 50)
			return truth(got.Sealed == c.Sealed && got.Attempts > 0, err)
		}, nil},
		{"ClaimChallenge", func() error { return s.ClaimChallenge(ctx, c.ID, claim) }, func() bool { return !opened() }},
		{"EndChallenges", func() error { return s.EndChallenges(ctx, b) }, func() bool { return !opened() }},
		{"AddDevice", func() error { return s.AddDevice(ctx, subject, d, long, 5) }, trusted},
		{"DropDevice", func() error { return s.DropDevice(ctx, subject, d.ID) }, func() bool { return !trusted() }},
		{"DropDevices", func() error { return s.DropDevices(ctx, subject) }, func() bool { return !trusted() }},
	}
}

// Whichever answer of the database is lost, a call says what is so.
func TestF03LostReplies(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("F03 I3 I4 MFA-03 MFA-09", func(t *testing.T) {
			calm := open(t, d)
			pool := d.OpenLossy(t)
			s, err := sqlstore.New(pool.DB, d.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
			must(t, err)
			lost := map[string]int{}
			for k := range 6 {
				for _, c := range calls(t, s, calm) {
					gone, err := pool.Losing(k, c.do)
					if gone {
						lost[c.name]++
					}
					if err != nil {
						t.Errorf("%s, answer %d lost: %v", c.name, k, err)
					}
					if c.so != nil && !c.so() {
						t.Errorf("%s, answer %d lost: it is not so", c.name, k)
					}
				}
			}
			for _, c := range calls(t, s, calm) {
				if lost[c.name] == 0 {
					t.Errorf("%s has no answer that was lost", c.name)
				}
				must(t, c.do())
			}
			t.Logf("%v", lost)
		})
	})
}
