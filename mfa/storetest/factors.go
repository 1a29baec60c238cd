package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/mfa"
)

var enrolCases = []testCase[mfa.FactorStore]{
	{"nothing is the zero State and no error", "nobody without a factor can sign in, or everybody is let in while the store is down", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		wantState(t, s, subject, mfa.State{})
		wantNoPending(t, s, subject)
	}},
	{"MFA-02 an enrolment that waits enables nothing", "a factor counts whose owner has never seen a code of it", func(t *testing.T, s mfa.FactorStore) {
		subject, p := newSubject(), pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		wantState(t, s, subject, mfa.State{})
		wantPending(t, s, subject, p)
		wantAdvance(t, s, subject, p.ID, 5, newCall(), false)
		wantNoPending(t, s, newSubject())
	}},
	{"MFA-02 an enrolment becomes a factor, with its codes", "what was confirmed is not what is asked for", func(t *testing.T, s mfa.FactorStore) {
		subject, p := newSubject(), pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		f := factor(p, 1<<40)
		ok(t, "Activate", s.Activate(t.Context(), subject, f, hashes(mfa.MaxRecoveryCodes)))
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: mfa.MaxRecoveryCodes, CodesLeft: mfa.MaxRecoveryCodes})
		wantNoPending(t, s, subject)
		wantState(t, s, newSubject(), mfa.State{})
	}},
	{"the longest subject is kept whole", "two users share a factor", func(t *testing.T, s mfa.FactorStore) {
		subject := strings.Repeat("s", mfa.MaxSubject-26) + newSubject()[len(newSubject())-26:]
		f, _ := enrol(t, s, subject)
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		wantState(t, s, strings.ToUpper(subject), mfa.State{})
		wantState(t, s, subject[:mfa.MaxSubject-1], mfa.State{})
	}},
	{"a subject has one enrolment, the last", "an enrolment that a thief has begun is confirmed later", func(t *testing.T, s mfa.FactorStore) {
		subject, first, second := newSubject(), pending(), pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, first, long))
		ok(t, "Begin", s.Begin(t.Context(), subject, second, long))
		wantPending(t, s, subject, second)
		wantNotActivated(t, s, subject, factor(first, 5))
		wantState(t, s, subject, mfa.State{})
		wantPending(t, s, subject, second)
	}},
	{"MFA-02 an enrolment expires", "a page that was left open enables a factor days later", func(t *testing.T, s mfa.FactorStore) {
		subject, p := newSubject(), pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, short))
		expire(t)
		wantNoPending(t, s, subject)
		wantNotActivated(t, s, subject, factor(p, 5))
		wantState(t, s, subject, mfa.State{})
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		wantPending(t, s, subject, p)
	}},
	{"a new factor takes the place of the old one and of all codes", "the phone that was lost, and the codes in the drawer, still work", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		old, codes := enrol(t, s, subject)
		wantConsume(t, s, subject, codes[0], newCall(), true, 9)
		p := pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		wantState(t, s, subject, mfa.State{TOTP: old, Codes: 10, CodesLeft: 9})
		f := factor(p, 7) // its steps have nothing to do with those of the old one
		ok(t, "Activate", s.Activate(t.Context(), subject, f, hashes(12)))
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 12, CodesLeft: 12})
		wantAdvance(t, s, subject, old.ID, 2000, newCall(), false)
		wantConsume(t, s, subject, codes[1], newCall(), false, 12)
	}},
	{"F03 a repeat of Activate is no second one", "a lost reply tells a user that the factor which is now on was not enabled", func(t *testing.T, s mfa.FactorStore) {
		subject, p, codes := newSubject(), pending(), hashes(10)
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		f := factor(p, 5)
		ok(t, "Activate", s.Activate(t.Context(), subject, f, codes))
		ok(t, "Activate again", s.Activate(t.Context(), subject, f, codes))
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		other := f
		other.Call = newCall()
		wantNotActivated(t, s, subject, other)
		wantConsume(t, s, subject, codes[0], newCall(), true, 9)
	}},
	{"MFA-08 Deactivate removes the factor, the codes and what waits", "an enrolment from before turns into a factor afterwards", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		f, codes := enrol(t, s, subject)
		p := pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		ok(t, "Deactivate of another", s.Deactivate(t.Context(), subject, newID(), true))
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		wantPending(t, s, subject, p)
		ok(t, "Deactivate", s.Deactivate(t.Context(), subject, f.ID, true))
		wantState(t, s, subject, mfa.State{})
		wantNoPending(t, s, subject)
		wantNotActivated(t, s, subject, factor(p, 5))
		wantAdvance(t, s, subject, f.ID, 2000, newCall(), false)
		wantConsume(t, s, subject, codes[0], newCall(), false, 0)
		ok(t, "Deactivate again", s.Deactivate(t.Context(), subject, f.ID, true))
	}},
	{"Deactivate can leave the codes", "a user with a passkey loses their recovery codes with the app", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		f, codes := enrol(t, s, subject)
		ok(t, "Deactivate", s.Deactivate(t.Context(), subject, f.ID, false))
		wantState(t, s, subject, mfa.State{Codes: 10, CodesLeft: 10})
		wantConsume(t, s, subject, codes[3], newCall(), true, 9)
		// A repeat that comes late, after a new factor, must not touch that.
		g, _ := enrol(t, s, subject)
		ok(t, "Deactivate again", s.Deactivate(t.Context(), subject, f.ID, false))
		wantState(t, s, subject, mfa.State{TOTP: g, Codes: 10, CodesLeft: 10})
	}},
	{"Remove removes all", "a user who has lost everything stays locked out, or an account that was claimed keeps the factor of a stranger", func(t *testing.T, s mfa.FactorStore) {
		subject, other := newSubject(), newSubject()
		f, codes := enrol(t, s, subject)
		g, _ := enrol(t, s, other)
		p := pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		for range 2 {
			ok(t, "Remove", s.Remove(t.Context(), subject))
			wantState(t, s, subject, mfa.State{})
			wantNoPending(t, s, subject)
		}
		wantAdvance(t, s, subject, f.ID, 2000, newCall(), false)
		wantConsume(t, s, subject, codes[0], newCall(), false, 0)
		wantState(t, s, other, mfa.State{TOTP: g, Codes: 10, CodesLeft: 10})
	}},
}

var totpCases = []testCase[mfa.FactorStore]{
	{"MFA-03 M01 M02 M03 a step only goes forward", "a code that was watched, or one from before it, is let in", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		f, _ := enrol(t, s, subject)
		for _, step := range []uint64{0, 1, 999, 1000} {
			wantAdvance(t, s, subject, f.ID, step, newCall(), false)
		}
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		f.Step, f.Call = 1002, newCall()
		wantAdvance(t, s, subject, f.ID, f.Step, f.Call, true)
		wantAdvance(t, s, subject, f.ID, 1001, newCall(), false)
		wantAdvance(t, s, subject, f.ID, 1002, newCall(), false)
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		wantAdvance(t, s, subject, f.ID, 1003, newCall(), true)
	}},
	{"F03 a repeat of Advance is no replay", "a lost reply refuses a code that was right", func(t *testing.T, s mfa.FactorStore) {
		subject, call := newSubject(), newCall()
		f, _ := enrol(t, s, subject)
		for range 3 {
			wantAdvance(t, s, subject, f.ID, 1001, call, true)
		}
		wantAdvance(t, s, subject, f.ID, 1001, newCall(), false)
		wantAdvance(t, s, subject, f.ID, 1000, call, false)
		// The call of Activate is one too, for its own step.
		wantAdvance(t, s, newSubject(), f.ID, 1001, call, false)
	}},
	{"a step is of one factor", "a code of the old app moves the new one", func(t *testing.T, s mfa.FactorStore) {
		subject, other := newSubject(), newSubject()
		f, _ := enrol(t, s, subject)
		g, _ := enrol(t, s, other)
		wantAdvance(t, s, subject, g.ID, 2000, newCall(), false)
		wantAdvance(t, s, subject, "", 2000, newCall(), false)
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		wantState(t, s, other, mfa.State{TOTP: g, Codes: 10, CodesLeft: 10})
	}},
	{"MFA-01 Reseal replaces exactly what was read", "a new key seals a secret that was replaced meanwhile", func(t *testing.T, s mfa.FactorStore) {
		subject, to := newSubject(), sealed()
		f, _ := enrol(t, s, subject)
		reseal := func(id, from, to string, want bool) {
			t.Helper()
			got, err := s.Reseal(t.Context(), subject, id, from, to)
			ok(t, "Reseal", err)
			if got != want {
				t.Fatalf("Reseal: %v, want %v", got, want)
			}
		}
		reseal(newID(), f.Sealed, to, false)
		reseal(f.ID, sealed(), to, false)
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		reseal(f.ID, f.Sealed, to, true)
		reseal(f.ID, f.Sealed, to, true) // a repeat
		reseal(f.ID, f.Sealed, sealed(), false)
		f.Sealed = to
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
	}},
}

var factorContextCases = []testCase[mfa.FactorStore]{
	{"F15 a context that is over is obeyed", "requests pile up behind a slow database, or half of them happens", func(t *testing.T, s mfa.FactorStore) {
		subject, ctx := newSubject(), cancelled(t)
		f, codes := enrol(t, s, subject)
		p := pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		_, findErr := s.Find(ctx, subject)
		_, pendingErr := s.Pending(ctx, subject)
		_, advanceErr := s.Advance(ctx, subject, f.ID, 2000, newCall())
		_, resealErr := s.Reseal(ctx, subject, f.ID, f.Sealed, sealed())
		_, _, consumeErr := s.ConsumeCode(ctx, subject, codes[0], newCall())
		for doing, err := range map[string]error{
			"Find": findErr, "Pending": pendingErr, "Advance": advanceErr, "Reseal": resealErr, "ConsumeCode": consumeErr,
			"Begin":        s.Begin(ctx, subject, pending(), long),
			"Activate":     s.Activate(ctx, subject, factor(p, 5), hashes(3)),
			"Deactivate":   s.Deactivate(ctx, subject, f.ID, true),
			"Remove":       s.Remove(ctx, subject),
			"ReplaceCodes": s.ReplaceCodes(ctx, subject, hashes(3)),
		} {
			if err == nil || errors.Is(err, mfa.ErrNoPending) {
				t.Errorf("%s with a cancelled context: %v, want the store's failure", doing, err)
			}
		}
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		wantPending(t, s, subject, p)
	}},
}
