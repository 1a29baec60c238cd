package storetest

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

var subjectCases = []testCase{
	{"list has the families of the subject and no other", "users see the devices of others, or not all of their own", func(t *testing.T, s jwtauth.FamilyStore) {
		b, other := newBucket(), newBucket()
		ids := []jwtauth.FamilyID{create(t, s, b), create(t, s, b), create(t, s, b)}
		theirs := create(t, s, other)
		want(t, s, ids[1], spend(1, 0), jwtauth.Rotated)
		wantListed(t, s, b, ids...)
		wantListed(t, s, other, theirs)
		wantListed(t, s, newBucket())
		list, err := s.List(t.Context(), b)
		ok(t, "List", err)
		for _, f := range list {
			found := find(t, s, f.ID)
			if f.Counter != found.Counter || !f.UsedAt.Equal(found.UsedAt) || !f.ExpiresAt.Equal(found.ExpiresAt) || string(f.Grant) != string(found.Grant) {
				t.Fatalf("List has %+v, Find %+v", f, found)
			}
		}
	}},
	{"revoke all ends all, and all but one", "a thief stays signed in after the password was changed", func(t *testing.T, s jwtauth.FamilyStore) {
		b, other := newBucket(), newBucket()
		var ids []jwtauth.FamilyID
		for range 20 {
			ids = append(ids, create(t, s, b))
		}
		theirs := create(t, s, other)
		want(t, s, ids[3], spend(1, 0), jwtauth.Rotated)
		want(t, s, ids[3], spend(1, 0), jwtauth.Reused)
		for range 2 {
			ok(t, "RevokeAll", s.RevokeAll(t.Context(), b, ids[7]))
			wantListed(t, s, b, ids[7])
		}
		wantGone(t, s, ids[3])
		wantCounter(t, s, ids[7], 1, false)
		for range 2 {
			ok(t, "RevokeAll", s.RevokeAll(t.Context(), b, jwtauth.FamilyID{}))
			wantListed(t, s, b)
		}
		for _, id := range ids {
			wantGone(t, s, id)
		}
		wantListed(t, s, other, theirs)
		wantListed(t, s, b)
		again := create(t, s, b)
		ok(t, "RevokeAll", s.RevokeAll(t.Context(), b, newID(b)))
		wantGone(t, s, again)
		ok(t, "RevokeAll", s.RevokeAll(t.Context(), b, theirs))
		wantListed(t, s, other, theirs)
	}},
}

var limitCases = []testCase{
	{"one family too many ends the oldest", "a user, or who has the password, fills the store", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		var ids []jwtauth.FamilyID
		for range 5 {
			ids = append(ids, create(t, s, b))
			wait(t, 5*time.Millisecond) // so that the clock of every store tells them apart
		}
		// Those that are in use are no younger for it.
		want(t, s, ids[0], spend(1, 0), jwtauth.Rotated)
		theirs := create(t, s, newBucket())
		limited := usual
		limited.PerSubject = 3
		newest := createWith(t, s, b, limited)
		wantListed(t, s, b, newest, ids[4], ids[3])
		for _, id := range ids[:3] {
			wantGone(t, s, id)
		}
		limited.PerSubject = 1
		wantListed(t, s, b, newest, ids[4], ids[3])
		last := createWith(t, s, b, limited)
		wantListed(t, s, b, last)
		wantCounter(t, s, theirs, 1, false)
	}},
	{"expired families do not count", "users are signed out by nothing", func(t *testing.T, s jwtauth.FamilyStore) {
		b := newBucket()
		kept := create(t, s, b)
		wait(t, 5*time.Millisecond)
		for range 3 {
			createWith(t, s, b, short)
		}
		wait(t, 200*time.Millisecond)
		limited := usual
		limited.PerSubject = 2
		next := createWith(t, s, b, limited)
		wantListed(t, s, b, kept, next)
	}},
}
