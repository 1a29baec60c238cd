package storetest

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa"
)

func newBucket() mfa.Bucket { return mfa.BucketOf(newSubject()) }

func newChallenge(b mfa.Bucket) mfa.Challenge {
	c := mfa.Challenge{Sealed: "sealed-" + rand.Text()}
	_, _ = rand.Read(c.ID[:])
	copy(c.ID[:], b[:])
	return c
}

// open keeps a challenge for ttl.
func open(t *testing.T, s mfa.ChallengeStore, b mfa.Bucket, ttl time.Duration) mfa.Challenge {
	t.Helper()
	c := newChallenge(b)
	ok(t, "OpenChallenge", s.OpenChallenge(t.Context(), c, ttl, 100))
	return c
}

func wantChallenge(t *testing.T, s mfa.ChallengeStore, want mfa.Challenge) {
	t.Helper()
	got, err := s.FindChallenge(t.Context(), want.ID)
	ok(t, "FindChallenge", err)
	if got != want {
		t.Fatalf("FindChallenge: %+v, want %+v", got, want)
	}
}

// wantOver holds a store to it that a challenge is absent for all purposes.
func wantOver(t *testing.T, s mfa.ChallengeStore, id mfa.ChallengeID) {
	t.Helper()
	if c, err := s.FindChallenge(t.Context(), id); !errors.Is(err, mfa.ErrNoChallenge) || c != (mfa.Challenge{}) {
		t.Fatalf("FindChallenge: %+v, %v; want ErrNoChallenge alone", c, err)
	}
	if c, err := s.TryChallenge(t.Context(), id, 100); !errors.Is(err, mfa.ErrNoChallenge) || c != (mfa.Challenge{}) {
		t.Fatalf("TryChallenge: %+v, %v; want ErrNoChallenge alone", c, err)
	}
	if err := s.ClaimChallenge(t.Context(), id, newCall()); !errors.Is(err, mfa.ErrNoChallenge) {
		t.Fatalf("ClaimChallenge: %v, want ErrNoChallenge", err)
	}
}

var challengeCases = []testCase[mfa.ChallengeStore]{
	{"MFA-06 a challenge is found as it was kept", "a sign-in is completed as another", func(t *testing.T, s mfa.ChallengeStore) {
		b := newBucket()
		c := newChallenge(b)
		c.Sealed = strings.Repeat("x", mfa.MaxSealedChallenge)
		for range 2 { // a repeat
			ok(t, "OpenChallenge", s.OpenChallenge(t.Context(), c, long, 1))
			wantChallenge(t, s, c)
		}
		wantOver(t, s, newChallenge(b).ID)
		wantOver(t, s, mfa.ChallengeID{})
	}},
	{"MFA-06 M07 a challenge expires", "a browser that was left alone for a day is signed in by one code", func(t *testing.T, s mfa.ChallengeStore) {
		c := open(t, s, newBucket(), short)
		expire(t)
		wantOver(t, s, c.ID)
	}},
	{"MFA-05 attempts at a challenge are counted and bounded", "one password is good for guesses without end", func(t *testing.T, s mfa.ChallengeStore) {
		c := open(t, s, newBucket(), long)
		for range 3 {
			c.Attempts++
			got, err := s.TryChallenge(t.Context(), c.ID, 3)
			ok(t, "TryChallenge", err)
			if got != c {
				t.Fatalf("TryChallenge: %+v, want %+v", got, c)
			}
			wantChallenge(t, s, c)
		}
		if _, err := s.TryChallenge(t.Context(), c.ID, 3); !errors.Is(err, mfa.ErrNoChallenge) {
			t.Fatalf("attempt 4 of 3: %v, want ErrNoChallenge", err)
		}
		// A repeat of OpenChallenge, come late, must not begin the count again.
		c.Attempts = 0
		ok(t, "OpenChallenge", s.OpenChallenge(t.Context(), c, long, 100))
		if _, err := s.TryChallenge(t.Context(), c.ID, 3); !errors.Is(err, mfa.ErrNoChallenge) {
			t.Fatalf("attempt 4 of 3: %v, want ErrNoChallenge", err)
		}
	}},
	{"M07 a challenge is claimed once", "one factor makes two sessions, of which the user sees one", func(t *testing.T, s mfa.ChallengeStore) {
		b := newBucket()
		c, other, call := open(t, s, b, long), open(t, s, b, long), newCall()
		ok(t, "ClaimChallenge", s.ClaimChallenge(t.Context(), c.ID, call))
		wantOver(t, s, c.ID)
		ok(t, "F03 ClaimChallenge again, as the reply was lost", s.ClaimChallenge(t.Context(), c.ID, call))
		ok(t, "OpenChallenge again", s.OpenChallenge(t.Context(), c, long, 100))
		wantOver(t, s, c.ID)
		wantChallenge(t, s, other)
	}},
	{"a subject has a bounded number of challenges, the latest", "whoever knows a password fills the store", func(t *testing.T, s mfa.ChallengeStore) {
		b, stranger := newBucket(), newBucket()
		kept := open(t, s, stranger, long)
		var all []mfa.Challenge
		for i := range 6 {
			c := newChallenge(b)
			ok(t, "OpenChallenge", s.OpenChallenge(t.Context(), c, long, 3))
			all = append(all, c)
			if i == 3 {
				// Its place is free.
				ok(t, "ClaimChallenge", s.ClaimChallenge(t.Context(), c.ID, newCall()))
			}
			expireTick(t)
		}
		for _, i := range []int{0, 1, 3} {
			wantOver(t, s, all[i].ID)
		}
		for _, i := range []int{2, 4, 5} {
			wantChallenge(t, s, all[i])
		}
		wantChallenge(t, s, kept)
	}},
	{"P12 EndChallenges ends all of a subject", "a sign-in from before a reset of the password is completed after it", func(t *testing.T, s mfa.ChallengeStore) {
		b := newBucket()
		c, d, other := open(t, s, b, long), open(t, s, b, long), open(t, s, newBucket(), long)
		for range 2 {
			ok(t, "EndChallenges", s.EndChallenges(t.Context(), b))
			wantOver(t, s, c.ID)
			wantOver(t, s, d.ID)
		}
		wantChallenge(t, s, other)
		wantChallenge(t, s, open(t, s, b, long))
	}},
	{"F15 a context that is over is obeyed", "requests pile up behind a slow database", func(t *testing.T, s mfa.ChallengeStore) {
		b, ctx := newBucket(), cancelled(t)
		c := open(t, s, b, long)
		fresh := newChallenge(b)
		_, findErr := s.FindChallenge(ctx, c.ID)
		_, tryErr := s.TryChallenge(ctx, c.ID, 5)
		for doing, err := range map[string]error{
			"FindChallenge": findErr, "TryChallenge": tryErr,
			"OpenChallenge":  s.OpenChallenge(ctx, fresh, long, 1),
			"ClaimChallenge": s.ClaimChallenge(ctx, c.ID, newCall()),
			"EndChallenges":  s.EndChallenges(ctx, b),
		} {
			if err == nil || errors.Is(err, mfa.ErrNoChallenge) {
				t.Errorf("%s with a cancelled context: %v, want the store's failure", doing, err)
			}
		}
		wantOver(t, s, fresh.ID)
		wantChallenge(t, s, c)
	}},
}

// expireTick lets two records have different times, in a store that tells them
// apart by milliseconds.
func expireTick(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(3 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
