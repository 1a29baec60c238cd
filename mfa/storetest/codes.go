package storetest

import (
	"testing"

	"github.com/go-sallyport/auth/mfa"
)

var codeCases = []testCase[mfa.FactorStore]{
	{"MFA-09 M10 a recovery code works once", "a code on paper is good for ever", func(t *testing.T, s mfa.FactorStore) {
		subject, other := newSubject(), newSubject()
		_, codes := enrol(t, s, subject)
		_, others := enrol(t, s, other)
		wantConsume(t, s, subject, newHash(), newCall(), false, 10)
		wantConsume(t, s, subject, others[0], newCall(), false, 10)
		for i, code := range codes {
			wantConsume(t, s, subject, code, newCall(), true, 9-i)
			wantConsume(t, s, subject, code, newCall(), false, 9-i)
		}
		wantConsume(t, s, other, others[0], newCall(), true, 9)
	}},
	{"F03 a repeat of ConsumeCode is no second use", "a lost reply burns a code and lets nobody in", func(t *testing.T, s mfa.FactorStore) {
		subject, call := newSubject(), newCall()
		f, codes := enrol(t, s, subject)
		wantConsume(t, s, subject, codes[0], call, true, 9)
		wantConsume(t, s, subject, codes[0], call, true, 9)
		wantConsume(t, s, subject, codes[1], newCall(), true, 8)
		wantConsume(t, s, subject, codes[0], call, true, 8)
		wantConsume(t, s, subject, codes[0], newCall(), false, 8)
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 8})
	}},
	{"MFA-09 M10 new codes void the old ones", "codes that were seen by somebody work after they were replaced", func(t *testing.T, s mfa.FactorStore) {
		subject, call := newSubject(), newCall()
		f, old := enrol(t, s, subject)
		wantConsume(t, s, subject, old[0], call, true, 9)
		codes := hashes(16)
		for range 2 {
			ok(t, "ReplaceCodes", s.ReplaceCodes(t.Context(), subject, codes))
		}
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 16, CodesLeft: 16})
		wantConsume(t, s, subject, old[0], call, false, 16)
		wantConsume(t, s, subject, old[1], newCall(), false, 16)
		wantConsume(t, s, subject, codes[0], newCall(), true, 15)
	}},
	{"codes need no factor in this store", "a user with passkeys alone has no way back in", func(t *testing.T, s mfa.FactorStore) {
		subject, codes := newSubject(), hashes(10)
		ok(t, "ReplaceCodes", s.ReplaceCodes(t.Context(), subject, codes))
		wantState(t, s, subject, mfa.State{Codes: 10, CodesLeft: 10})
		wantConsume(t, s, subject, codes[0], newCall(), true, 9)
		f, _ := enrol(t, s, subject)
		wantState(t, s, subject, mfa.State{TOTP: f, Codes: 10, CodesLeft: 10})
		ok(t, "ReplaceCodes", s.ReplaceCodes(t.Context(), subject, nil))
		wantState(t, s, subject, mfa.State{TOTP: f})
	}},
}
