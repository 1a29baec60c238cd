package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

// racers is how many goroutines each race has.
const racers = 100

// A tally is how often each thing came out of a race.
type tally struct{ rotated, repeated, reused, gone, done atomic.Int64 }

// race runs f in n goroutines that start together. A zero outcome without an
// error is some other method that succeeded.
func race(t *testing.T, n int, f func(i int) (jwtauth.Outcome, error)) *tally {
	t.Helper()
	var out tally
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			outcome, err := f(i)
			switch {
			case errors.Is(err, jwtauth.ErrNoFamily):
				out.gone.Add(1)
			case err != nil:
				t.Errorf("racer %d: %v", i, err)
			case outcome == jwtauth.Rotated:
				out.rotated.Add(1)
			case outcome == jwtauth.Repeated:
				out.repeated.Add(1)
			case outcome == jwtauth.Reused:
				out.reused.Add(1)
			default:
				out.done.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return &out
}

// rotate is Rotate for a race.
func rotate(t *testing.T, s jwtauth.FamilyStore, id jwtauth.FamilyID, r jwtauth.Rotation) (jwtauth.Outcome, error) {
	outcome, _, err := s.Rotate(t.Context(), id, r)
	return outcome, err
}

var raceCases = []testCase{
	{"RFT-04 R03 of 1000 rotations of one token one rotates", "a family has two good tokens, one of them a thief's", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		got := race(t, 1000, func(int) (jwtauth.Outcome, error) { return rotate(t, s, id, spend(1, long)) })
		if got.rotated.Load() != 1 || got.repeated.Load() != 999 {
			t.Fatalf("%d rotated, %d repeated, %d were told of a reuse, %d that it is gone", got.rotated.Load(), got.repeated.Load(), got.reused.Load(), got.gone.Load())
		}
		wantCounter(t, s, id, 2, false)
	}},
	{"RFT-04 without a grace one rotates and the family ends", "parallel use of a stolen token is not seen", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		got := race(t, racers, func(int) (jwtauth.Outcome, error) { return rotate(t, s, id, spend(1, 0)) })
		if got.rotated.Load() != 1 || got.reused.Load() != racers-1 {
			t.Fatalf("%d rotated, %d were told of a reuse", got.rotated.Load(), got.reused.Load())
		}
		wantCounter(t, s, id, 2, true)
	}},
	{"RFT-10 one call that is sent many times at once rotates once", "the retries of a client run into each other", func(t *testing.T, s jwtauth.FamilyStore) {
		id, call := create(t, s, newBucket()), spend(1, 0)
		got := race(t, racers, func(int) (jwtauth.Outcome, error) { return rotate(t, s, id, call) })
		if got.rotated.Load() != 1 || got.repeated.Load() != racers-1 {
			t.Fatalf("%d rotated, %d repeated, %d were told of a reuse", got.rotated.Load(), got.repeated.Load(), got.reused.Load())
		}
		wantCounter(t, s, id, 2, false)
	}},
	{"R03 old, good and future tokens at once leave one state", "a race between a thief and his victim has two winners", func(t *testing.T, s jwtauth.FamilyStore) {
		for range 10 {
			id := create(t, s, newBucket())
			want(t, s, id, spend(1, long), jwtauth.Rotated)
			race(t, 30, func(i int) (jwtauth.Outcome, error) { return rotate(t, s, id, spend(uint64(i%3)+1, long)) })
			// Whoever was third: 1 was two behind once 3 was spent.
			f := find(t, s, id)
			if f.Counter != 4 && !f.Ended {
				t.Fatalf("the family is at %d and goes on", f.Counter)
			}
			if f.Counter == 4 && !f.Ended {
				want(t, s, id, spend(1, long), jwtauth.Reused)
			}
		}
	}},
	{"R06 nothing survives a logout", "a refresh that runs during the logout brings the family back", func(t *testing.T, s jwtauth.FamilyStore) {
		for range 20 {
			id := create(t, s, newBucket())
			race(t, 12, func(i int) (jwtauth.Outcome, error) {
				if i == 6 {
					return 0, s.Revoke(t.Context(), id)
				}
				return rotate(t, s, id, spend(1, long))
			})
			wantGone(t, s, id)
		}
	}},
	{"R07 nothing survives a revocation of the subject", "a thief refreshes while the password is changed and stays", func(t *testing.T, s jwtauth.FamilyStore) {
		for round := range 6 {
			b := newBucket()
			ids := make([]jwtauth.FamilyID, 20)
			for i := range ids {
				ids[i] = create(t, s, b)
			}
			var kept []jwtauth.FamilyID
			except := jwtauth.FamilyID{}
			if round%2 == 1 {
				except, kept = ids[0], ids[:1]
			}
			race(t, racers, func(i int) (jwtauth.Outcome, error) {
				if i == racers/2 {
					return 0, s.RevokeAll(t.Context(), b, except)
				}
				return rotate(t, s, ids[i%len(ids)], spend(1, long))
			})
			wantListed(t, s, b, kept...)
			for _, id := range ids[len(kept):] {
				wantGone(t, s, id)
			}
		}
	}},
	{"R07 of sign-ins during a revocation each is whole or gone", "a family that is not listed cannot be revoked", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		old := create(t, s, b)
		made := make([]jwtauth.FamilyID, racers)
		race(t, racers, func(i int) (jwtauth.Outcome, error) {
			if i == racers/2 {
				return 0, s.RevokeAll(t.Context(), b, jwtauth.FamilyID{})
			}
			made[i] = newID(b)
			return 0, s.Create(t.Context(), made[i], grant(), usual)
		})
		wantGone(t, s, old)
		var found []jwtauth.FamilyID
		for i, id := range made {
			if _, err := s.Find(t.Context(), id); err == nil && i != racers/2 {
				found = append(found, id)
			}
		}
		wantListed(t, s, b, found...)
		ok(t, "RevokeAll", s.RevokeAll(t.Context(), b, jwtauth.FamilyID{}))
		wantListed(t, s, b)
	}},
	{"no number of parallel sign-ins exceeds the limit", "the limit is a suggestion", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		limits := jwtauth.Limits{Lifetime: time.Hour, Idle: time.Hour, PerSubject: 7}
		got := race(t, racers, func(int) (jwtauth.Outcome, error) {
			return 0, s.Create(t.Context(), newID(b), grant(), limits)
		})
		if n := len(listed(t, s, b)); got.done.Load() != racers || n > limits.PerSubject || n == 0 {
			t.Fatalf("%d sign-ins of %d succeeded, %d families, want %d at most", got.done.Load(), racers, n, limits.PerSubject)
		}
	}},
}
