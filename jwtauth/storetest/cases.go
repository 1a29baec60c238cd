package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

var lifeCases = []testCase{
	{"a created family is found as it was", "users lose what they were granted at the next refresh", func(t *testing.T, s jwtauth.FamilyStore) {
		for _, g := range [][]byte{grant(), {}, bytes.Repeat([]byte{0xff, 0}, jwtauth.MaxGrantSize/2)} {
			id := newID(newBucket())
			ok(t, "Create", s.Create(t.Context(), id, g, usual))
			f := find(t, s, id)
			if !bytes.Equal(f.Grant, g) || f.Counter != 1 || f.Ended || f.Calls != [jwtauth.Remembered]jwtauth.CallID{} {
				t.Fatalf("%+v", f)
			}
			if !f.UsedAt.Equal(f.CreatedAt) || f.Deadline.Sub(f.CreatedAt) != usual.Lifetime || f.ExpiresAt.Sub(f.CreatedAt) != usual.Idle {
				t.Fatalf("created %v, used %v, expires %v, at the latest %v", f.CreatedAt, f.UsedAt, f.ExpiresAt, f.Deadline)
			}
		}
	}},
	{"a family that nobody made is absent", "a token is good for a family that was never signed in", func(t *testing.T, s jwtauth.FamilyStore) {
		wantGone(t, s, newID(newBucket()))
		wantGone(t, s, jwtauth.FamilyID{})
		ok(t, "Revoke", s.Revoke(t.Context(), newID(newBucket())))
	}},
	{"create refuses an id that is taken", "two sign-ins share a family", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		before := find(t, s, id)
		if err := s.Create(t.Context(), id, grant(), usual); !errors.Is(err, jwtauth.ErrFamilyExists) {
			t.Fatalf("Create: %v, want ErrFamilyExists", err)
		}
		if after := find(t, s, id); !bytes.Equal(after.Grant, before.Grant) {
			t.Fatal("the grant is another")
		}
	}},
	{"RFT-12 revoke ends a family, also twice", "a logout fails or does nothing", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		id, other := create(t, s, b), create(t, s, b)
		want(t, s, id, spend(1, long), jwtauth.Rotated)
		for range 2 {
			ok(t, "Revoke", s.Revoke(t.Context(), id))
			wantGone(t, s, id)
		}
		wantCounter(t, s, other, 1, false)
	}},
	{"a family that was handed out is not changed", "requests that share a family race", func(t *testing.T, s jwtauth.FamilyStore) {
		id, g := newID(newBucket()), grant()
		ok(t, "Create", s.Create(t.Context(), id, g, usual))
		before, copied := find(t, s, id), bytes.Clone(g)
		g[0] = 'x'
		want(t, s, id, spend(1, long), jwtauth.Rotated)
		if before.Counter != 1 || !bytes.Equal(find(t, s, id).Grant, copied) {
			t.Fatal("a family changes in the hands of its holder")
		}
	}},
}

var rotateCases = []testCase{
	{"RFT-02 the good token is spent, its successor is good", "a refresh token can be used for ever", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		for counter := range uint64(20) {
			left := want(t, s, id, spend(counter+1, 0), jwtauth.Rotated)
			if left > usual.Idle || left < usual.Idle-time.Minute {
				t.Fatalf("the successor is good for %v, want %v", left, usual.Idle)
			}
			wantCounter(t, s, id, counter+2, false)
		}
		f := find(t, s, id)
		if f.UsedAt.Before(f.CreatedAt) || (f.ExpiresAt.Sub(f.UsedAt)-usual.Idle).Abs() > time.Second || f.Deadline.Sub(f.CreatedAt) != usual.Lifetime {
			t.Fatalf("created %v, used %v, expires %v, at the latest %v", f.CreatedAt, f.UsedAt, f.ExpiresAt, f.Deadline)
		}
	}},
	{"RFT-05 R01 the direct predecessor within the grace changes nothing", "two tabs that refresh at once sign the user out, or fork the family", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		want(t, s, id, spend(1, long), jwtauth.Rotated)
		for range 3 {
			want(t, s, id, spend(1, long), jwtauth.Repeated)
			wantCounter(t, s, id, 2, false)
		}
		want(t, s, id, spend(2, long), jwtauth.Rotated)
		want(t, s, id, spend(2, long), jwtauth.Repeated)
	}},
	{"RFT-03 R02 the predecessor after the grace ends the family", "a stolen token that was spent works for ever", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		want(t, s, id, spend(1, 0), jwtauth.Rotated)
		wait(t, 60*time.Millisecond)
		want(t, s, id, spend(1, 50*time.Millisecond), jwtauth.Reused)
		wantCounter(t, s, id, 2, true)
	}},
	{"RFT-05 a grace of zero is none", "whoever asks for no grace gets one", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		want(t, s, id, spend(1, 0), jwtauth.Rotated)
		want(t, s, id, spend(1, 0), jwtauth.Reused)
		want(t, s, id, spend(2, 0), jwtauth.Reused)
	}},
	{"RFT-06 R04 the grace is not for what is older than the direct predecessor", "a thief lives in the grace", func(t *testing.T, s jwtauth.FamilyStore) {
		for _, stale := range []uint64{1, 2, 3} {
			id := create(t, s, newBucket())
			for counter := range uint64(4) {
				want(t, s, id, spend(counter+1, long), jwtauth.Rotated)
			}
			want(t, s, id, spend(stale, long), jwtauth.Reused)
		}
	}},
	{"RFT-06 R05 no token of a family that has ended is good, within the grace or not", "the victim's token, or the thief's, goes on", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		id, other := create(t, s, b), create(t, s, b)
		first := spend(1, long)
		want(t, s, id, first, jwtauth.Rotated)
		want(t, s, id, spend(2, long), jwtauth.Rotated)
		want(t, s, id, spend(1, long), jwtauth.Reused)
		for _, counter := range []uint64{1, 2, 3, 4, 1000} {
			want(t, s, id, spend(counter, long), jwtauth.Reused)
		}
		want(t, s, id, first, jwtauth.Reused)
		wantCounter(t, s, id, 3, true)
		wantListed(t, s, b, other)
		ok(t, "Revoke", s.Revoke(t.Context(), id))
		wantGone(t, s, id)
	}},
	{"F09 a counter ahead is caught up with", "after a failover that lost a write an honest client is signed out", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		want(t, s, id, spend(7, 0), jwtauth.Rotated)
		wantCounter(t, s, id, 8, false)
		want(t, s, id, spend(7, long), jwtauth.Repeated)
		want(t, s, id, spend(8, 0), jwtauth.Rotated)
		want(t, s, id, spend(3, long), jwtauth.Reused)
		id = create(t, s, newBucket())
		want(t, s, id, spend(1<<51, 0), jwtauth.Rotated)
		wantCounter(t, s, id, 1<<51+1, false)
		want(t, s, id, spend(1<<51-1, long), jwtauth.Reused)
	}},
	{"RFT-16 a family does not grow", "used tokens fill the store", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		for counter := range uint64(60) {
			want(t, s, id, spend(counter+1, 0), jwtauth.Rotated)
		}
		if f := find(t, s, id); f.Counter != 61 || f.Calls[jwtauth.Remembered-1] == (jwtauth.CallID{}) {
			t.Fatalf("%+v", f)
		}
	}},
}

var repeatCases = []testCase{
	{"RFT-10 F03 a call that comes again is no reuse, without a grace too", "a lost answer signs an honest user out", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		call := spend(1, 0)
		want(t, s, id, call, jwtauth.Rotated)
		for range 3 {
			want(t, s, id, call, jwtauth.Repeated)
		}
		wantCounter(t, s, id, 2, false)
		ahead := spend(5, 0)
		want(t, s, id, ahead, jwtauth.Rotated)
		want(t, s, id, ahead, jwtauth.Repeated)
		want(t, s, id, spend(5, 0), jwtauth.Reused)
	}},
	{"RFT-10 a call that comes again late finds its answer", "a tab that was faster signs the user out", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		calls := make([]jwtauth.Rotation, jwtauth.Remembered+1)
		for i := range calls {
			calls[i] = spend(uint64(i)+1, 0)
			want(t, s, id, calls[i], jwtauth.Rotated)
		}
		for _, call := range calls[1:] {
			want(t, s, id, call, jwtauth.Repeated)
		}
		f := find(t, s, id)
		for i := range f.Calls {
			if f.Calls[i] != calls[len(calls)-1-i].Call {
				t.Fatalf("Calls[%d] is not the call %d before the last one", i, i)
			}
		}
		want(t, s, id, calls[0], jwtauth.Reused)
	}},
	{"F03 a repeat that was within the grace is not remembered", "a spent token stays good for whoever repeats it", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		want(t, s, id, spend(1, 0), jwtauth.Rotated)
		again := spend(1, long)
		want(t, s, id, again, jwtauth.Repeated)
		again.Grace = 0
		want(t, s, id, again, jwtauth.Reused)
	}},
	{"RFT-10 F03 a reuse that is told again is told the same", "what follows from a theft is lost with an answer", func(t *testing.T, s jwtauth.FamilyStore) {
		id := create(t, s, newBucket())
		want(t, s, id, spend(1, 0), jwtauth.Rotated)
		call := spend(1, 0)
		for range 3 {
			want(t, s, id, call, jwtauth.Reused)
		}
	}},
	{"F03 a create that comes again makes one family", "a lost answer fails the sign-in", func(t *testing.T, s jwtauth.FamilyStore) {
		id, g := newID(newBucket()), grant()
		for range 3 {
			ok(t, "Create", s.Create(t.Context(), id, g, jwtauth.Limits{Lifetime: time.Hour, Idle: time.Hour, PerSubject: 1}))
		}
		wantListed(t, s, id.Bucket(), id)
		wantCounter(t, s, id, 1, false)
	}},
}

// short are limits that cases wait for.
var short = jwtauth.Limits{Lifetime: time.Hour, Idle: 150 * time.Millisecond, PerSubject: 100}

var expiryCases = []testCase{
	{"RFT-07 R12 a family ends when it lies unused", "a token found in an old backup works", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		id, read, live := createWith(t, s, b, short), createWith(t, s, b, short), create(t, s, b)
		wait(t, 200*time.Millisecond)
		if _, _, err := s.Rotate(t.Context(), id, spend(1, long)); !errors.Is(err, jwtauth.ErrNoFamily) {
			t.Fatalf("Rotate of an expired family: %v, want ErrNoFamily", err)
		}
		wantListed(t, s, b, live)
		wantGone(t, s, id)
		wantGone(t, s, read)
	}},
	{"RFT-07 a rotation moves the idle end", "users who are active are signed out", func(t *testing.T, s jwtauth.FamilyStore) {
		id := createWith(t, s, newBucket(), short)
		r := spend(1, 0)
		r.Idle = time.Hour
		want(t, s, id, r, jwtauth.Rotated)
		wait(t, 200*time.Millisecond)
		r = spend(2, 0)
		r.Idle = 100 * time.Millisecond
		if left := want(t, s, id, r, jwtauth.Rotated); left > r.Idle {
			t.Fatalf("the successor is good for %v, want %v", left, r.Idle)
		}
		wait(t, 150*time.Millisecond)
		wantGone(t, s, id)
	}},
	{"RFT-07 R12 no rotation moves the absolute end", "a thief keeps a family alive for ever", func(t *testing.T, s jwtauth.FamilyStore) {
		l := jwtauth.Limits{Lifetime: 400 * time.Millisecond, Idle: time.Hour, PerSubject: 100}
		id := createWith(t, s, newBucket(), l)
		deadline := find(t, s, id).Deadline
		for counter := range uint64(5) {
			if left := want(t, s, id, spend(counter+1, 0), jwtauth.Rotated); left > l.Lifetime {
				t.Fatalf("the successor is good for %v, which is beyond the end", left)
			}
			if f := find(t, s, id); !f.Deadline.Equal(deadline) || f.ExpiresAt.After(deadline) {
				t.Fatalf("the end has moved from %v to %v, %v", deadline, f.ExpiresAt, f.Deadline)
			}
		}
		wait(t, 450*time.Millisecond)
		wantGone(t, s, id)
	}},
	{"a family that has ended expires too", "families that were stolen fill the store", func(t *testing.T, s jwtauth.FamilyStore) {
		id := createWith(t, s, newBucket(), short)
		r := spend(1, 0)
		r.Idle = short.Idle
		want(t, s, id, r, jwtauth.Rotated)
		want(t, s, id, spend(1, 0), jwtauth.Reused)
		wait(t, 200*time.Millisecond)
		wantGone(t, s, id)
	}},
	{"an id is free again after its expiry", "a store fills up with the dead", func(t *testing.T, s jwtauth.FamilyStore) {
		id := createWith(t, s, newBucket(), short)
		wait(t, 200*time.Millisecond)
		g := grant()
		ok(t, "Create", s.Create(t.Context(), id, g, usual))
		if f := find(t, s, id); !bytes.Equal(f.Grant, g) {
			t.Fatal("the grant is the old one")
		}
	}},
}

var contextCases = []testCase{
	{"F15 a context that is over is obeyed", "requests pile up behind a slow database", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		id, fresh, ctx := create(t, s, b), newID(b), cancelled(t)
		_, findErr := s.Find(ctx, id)
		_, _, rotateErr := s.Rotate(ctx, id, spend(1, long))
		_, listErr := s.List(ctx, b)
		for doing, err := range map[string]error{
			"Create":    s.Create(ctx, fresh, grant(), usual),
			"Find":      findErr,
			"Rotate":    rotateErr,
			"Revoke":    s.Revoke(ctx, id),
			"RevokeAll": s.RevokeAll(ctx, b, jwtauth.FamilyID{}),
			"List":      listErr,
		} {
			if err == nil || errors.Is(err, jwtauth.ErrNoFamily) || errors.Is(err, jwtauth.ErrFamilyExists) {
				t.Errorf("%s with a cancelled context: %v, want the store's failure", doing, err)
			}
		}
		wantListed(t, s, b, id)
		wantCounter(t, s, id, 1, false)
	}},
}
