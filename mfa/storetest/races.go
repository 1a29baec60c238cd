package storetest

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/mfa"
)

var factorRaceCases = []testCase[mfa.FactorStore]{
	{"MFA-03 M01 of many calls for one step one advances", "a code that was watched signs in two people", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		f, _ := enrol(t, s, subject)
		for step := range uint64(3) {
			var won atomic.Int64
			race(racers, func(int) {
				ok, err := s.Advance(t.Context(), subject, f.ID, 1001+step, newCall())
				if err != nil {
					t.Error(err)
				}
				if ok {
					won.Add(1)
				}
			})
			if won.Load() != 1 {
				t.Fatalf("%d calls of %d have advanced, want 1", won.Load(), racers)
			}
		}
	}},
	{"MFA-03 of calls for many steps those that advance do so in order", "an older code is let in after a newer one", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		f, _ := enrol(t, s, subject)
		var highest atomic.Uint64
		race(racers, func(i int) {
			step := 1001 + uint64(i%10)
			ok, err := s.Advance(t.Context(), subject, f.ID, step, newCall())
			if err != nil {
				t.Error(err)
			}
			for ok {
				old := highest.Load()
				if step <= old || highest.CompareAndSwap(old, step) {
					break
				}
			}
		})
		st, err := s.Find(t.Context(), subject)
		ok(t, "Find", err)
		if st.TOTP.Step != 1010 || highest.Load() != 1010 {
			t.Fatalf("the last step is %d, and %d was the highest that was let in; want 1010", st.TOTP.Step, highest.Load())
		}
	}},
	{"MFA-09 M10 of many uses of one recovery code one counts", "a code on paper signs in two people", func(t *testing.T, s mfa.FactorStore) {
		subject := newSubject()
		_, codes := enrol(t, s, subject)
		var won atomic.Int64
		race(racers, func(i int) {
			used, _, err := s.ConsumeCode(t.Context(), subject, codes[i%2], newCall())
			if err != nil {
				t.Error(err)
			}
			if used {
				won.Add(1)
			}
		})
		if won.Load() != 2 {
			t.Fatalf("%d uses of 2 codes count, want 2", won.Load())
		}
	}},
	{"MFA-02 of many confirmations of one enrolment one succeeds", "a user is shown recovery codes that do not work", func(t *testing.T, s mfa.FactorStore) {
		subject, p := newSubject(), pending()
		ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
		var won atomic.Int64
		var shown atomic.Pointer[[]mfa.CodeHash]
		race(racers/4, func(int) {
			codes := hashes(10)
			switch err := s.Activate(t.Context(), subject, factor(p, 5), codes); {
			case err == nil:
				won.Add(1)
				shown.Store(&codes)
			case !errors.Is(err, mfa.ErrNoPending):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d confirmations have succeeded, want 1", won.Load())
		}
		wantConsume(t, s, subject, (*shown.Load())[9], newCall(), true, 9)
	}},
	{"M10 a code that is used while codes are replaced is of one set", "a code survives its replacement", func(t *testing.T, s mfa.FactorStore) {
		for range 10 {
			subject := newSubject()
			_, old := enrol(t, s, subject)
			fresh := hashes(10)
			race(20, func(i int) {
				var err error
				if i == 10 {
					err = s.ReplaceCodes(t.Context(), subject, fresh)
				} else {
					_, _, err = s.ConsumeCode(t.Context(), subject, old[i%10], newCall())
				}
				if err != nil {
					t.Error(err)
				}
			})
			for _, code := range old {
				wantConsume(t, s, subject, code, newCall(), false, 10)
			}
		}
	}},
	{"nothing survives Remove", "a code that is checked during the removal brings the factor back", func(t *testing.T, s mfa.FactorStore) {
		for range 10 {
			subject := newSubject()
			f, codes := enrol(t, s, subject)
			race(20, func(i int) {
				var err error
				switch {
				case i == 10:
					err = s.Remove(t.Context(), subject)
				case i%2 == 0:
					_, err = s.Advance(t.Context(), subject, f.ID, 1001+uint64(i), newCall())
				default:
					_, _, err = s.ConsumeCode(t.Context(), subject, codes[i%10], newCall())
				}
				if err != nil {
					t.Error(err)
				}
			})
			wantState(t, s, subject, mfa.State{})
		}
	}},
}

var challengeRaceCases = []testCase[mfa.ChallengeStore]{
	{"M07 of many claims of one challenge one succeeds", "one factor makes many sessions", func(t *testing.T, s mfa.ChallengeStore) {
		c := open(t, s, newBucket(), long)
		var won atomic.Int64
		race(racers, func(int) {
			switch err := s.ClaimChallenge(t.Context(), c.ID, newCall()); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, mfa.ErrNoChallenge):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d claims have succeeded, want 1", won.Load())
		}
		wantOver(t, s, c.ID)
	}},
	{"MFA-05 no number of parallel attempts exceeds the limit", "guesses that are sent at once are not counted", func(t *testing.T, s mfa.ChallengeStore) {
		c := open(t, s, newBucket(), long)
		var won atomic.Int64
		race(racers, func(int) {
			switch _, err := s.TryChallenge(t.Context(), c.ID, 10); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, mfa.ErrNoChallenge):
				t.Error(err)
			}
		})
		if won.Load() != 10 {
			t.Fatalf("%d attempts were admitted, want 10", won.Load())
		}
	}},
	{"nothing survives EndChallenges", "an attempt during it brings back a sign-in with the old password", func(t *testing.T, s mfa.ChallengeStore) {
		for range 10 {
			b := newBucket()
			c := open(t, s, b, long)
			race(12, func(i int) {
				var err error
				switch {
				case i == 6:
					err = s.EndChallenges(t.Context(), b)
				case i%2 == 0:
					err = s.ClaimChallenge(t.Context(), c.ID, newCall())
				default:
					_, err = s.TryChallenge(t.Context(), c.ID, 100)
				}
				if err != nil && !errors.Is(err, mfa.ErrNoChallenge) {
					t.Error(err)
				}
			})
			wantOver(t, s, c.ID)
		}
	}},
	{"a claim that begins after EndChallenges fails", "a sign-in is completed after the password was changed", func(t *testing.T, s mfa.ChallengeStore) {
		for range 10 {
			b := newBucket()
			c := open(t, s, b, long)
			var ended atomic.Bool
			race(12, func(i int) {
				if i == 6 {
					if err := s.EndChallenges(t.Context(), b); err != nil {
						t.Error(err)
					}
					ended.Store(true)
					return
				}
				late := ended.Load()
				switch err := s.ClaimChallenge(t.Context(), c.ID, newCall()); {
				case err == nil && late:
					t.Error("a claim succeeds after its end")
				case err != nil && !errors.Is(err, mfa.ErrNoChallenge):
					t.Error(err)
				}
			})
		}
	}},
	{"no number of parallel sign-ins exceeds the limit", "the limit is a suggestion", func(t *testing.T, s mfa.ChallengeStore) {
		b := newBucket()
		all := make([]mfa.Challenge, 50)
		race(len(all), func(i int) {
			all[i] = newChallenge(b)
			if err := s.OpenChallenge(t.Context(), all[i], long, 7); err != nil {
				t.Error(err)
			}
		})
		kept := 0
		for _, c := range all {
			if _, err := s.FindChallenge(t.Context(), c.ID); err == nil {
				kept++
			}
		}
		if kept > 7 || kept == 0 {
			t.Fatalf("%d challenges are kept, want 7 at most", kept)
		}
	}},
}
