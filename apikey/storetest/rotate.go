package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

func isErr(err, sentinel error) bool { return errors.Is(err, sentinel) }

var rotateCases = []testCase{
	{"rotation makes a successor and an end", "the old key lives on, or ends at once", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		k.Successor, k.ExpiresAt = r.Next.ID, r.Ends
		want(t, s, k)
		want(t, s, r.Next)
		wantListed(t, s, k.Subject, k.ID, r.Next.ID)
		second := rotation(r.Next)
		ok(t, "Rotate", s.Rotate(t.Context(), r.Next.ID, second))
		want(t, s, k)
		want(t, s, second.Next)
	}},
	{"rotation never prolongs the old key", "rotation keeps a key alive that was to end", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		r.Ends = k.ExpiresAt.Add(time.Hour)
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		k.Successor = r.Next.ID
		want(t, s, k)
	}},
	{"rotation gives an end to a key that has none", "a rotated key lives for ever", func(t *testing.T, s apikey.Store) {
		k := createWith(t, s, newSubject(), func(k *apikey.Key) { k.ExpiresAt = time.Time{} })
		r := rotation(k)
		r.Next.ExpiresAt = time.Time{}
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		k.Successor, k.ExpiresAt = r.Next.ID, r.Ends
		want(t, s, k)
		want(t, s, r.Next)
	}},
	{"an overlap of nothing ends the old key", "a leaked key is good after its rotation", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		r.Ends = r.Next.CreatedAt
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		if find(t, s, k.ID).Live(r.Next.CreatedAt) {
			t.Fatal("it counts")
		}
	}},
	{"a key has one successor", "two holders of a key make it two", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r, other := rotation(k), rotation(k)
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, other), apikey.ErrRotated)
		wantAbsent(t, s, other.Next.ID)
		k.Successor, k.ExpiresAt = r.Next.ID, r.Ends
		want(t, s, k)
	}},
	{"a revoked key is not rotated", "rotation revives a revoked key", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		k.RevokedAt = now()
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, k.RevokedAt))
		r := rotation(k)
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, r), apikey.ErrRevoked)
		wantAbsent(t, s, r.Next.ID)
		want(t, s, k)
	}},
	{"an expired key is not rotated", "rotation revives an expired key", func(t *testing.T, s apikey.Store) {
		k := createWith(t, s, newSubject(), func(k *apikey.Key) {
			k.CreatedAt, k.ExpiresAt = k.CreatedAt.Add(-time.Hour), k.CreatedAt.Add(-time.Second)
		})
		r := rotation(k)
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, r), apikey.ErrExpired)
		wantAbsent(t, s, r.Next.ID)
		want(t, s, k)
	}},
	{"F03 a rotation that comes again changes nothing, whatever has happened since", "a lost answer forks the key, or revives its successor", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		for range 3 {
			ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		}
		wantListed(t, s, k.Subject, k.ID, r.Next.ID)
		at := now()
		ok(t, "RevokeAll", s.RevokeAll(t.Context(), k.Subject, "", at))
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		k.Successor, k.ExpiresAt, k.RevokedAt = r.Next.ID, r.Ends, at
		want(t, s, k)
		next := r.Next.Clone()
		next.RevokedAt = at
		want(t, s, next)
	}},
	{"a successor whose id is taken changes nothing", "a key is overwritten", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		other := create(t, s, k.Subject)
		r := rotation(k)
		r.Next.ID = other.ID
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, r), apikey.ErrExists)
		want(t, s, k)
		want(t, s, other)
	}},
	{"revoking one of them leaves the other", "a user who ends the old key loses the new one", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, now()))
		want(t, s, r.Next)
	}},
}

var limitCases = []testCase{
	{"a subject has so many live keys and no more", "one account fills the store", func(t *testing.T, s apikey.Store) {
		subject := newSubject()
		const limit = 3
		var ids []string
		for range limit {
			k := newKey(subject)
			ids = append(ids, k.ID)
			ok(t, "Create", s.Create(t.Context(), k, limit))
		}
		for range 2 {
			wantErr(t, "Create", s.Create(t.Context(), newKey(subject), limit), apikey.ErrTooMany)
			wantListed(t, s, subject, ids...)
		}
		ok(t, "Create for another", s.Create(t.Context(), newKey(newSubject()), limit))
	}},
	{"dead keys make room, those that were created first before others, and live ones do not", "an account that makes and revokes fills the store, or is locked out of it", func(t *testing.T, s apikey.Store) {
		subject, at := newSubject(), now()
		const limit = 3
		aged := func(age time.Duration, dead bool) string {
			return createWith(t, s, subject, func(k *apikey.Key) {
				k.CreatedAt = at.Add(-age)
				if dead {
					k.ExpiresAt = at.Add(-time.Minute)
				}
			}).ID
		}
		alive := aged(5*time.Hour, false)
		newer, older := aged(2*time.Hour, true), aged(4*time.Hour, true)
		k := newKey(subject)
		ok(t, "Create", s.Create(t.Context(), k, limit))
		wantListed(t, s, subject, alive, newer, k.ID)
		wantAbsent(t, s, older)
		last := newKey(subject)
		ok(t, "Create", s.Create(t.Context(), last, limit))
		wantListed(t, s, subject, alive, k.ID, last.ID)
		wantErr(t, "Create", s.Create(t.Context(), newKey(subject), limit), apikey.ErrTooMany)
	}},
	{"a revoked key makes room", "whoever revokes a key cannot make another", func(t *testing.T, s apikey.Store) {
		subject := newSubject()
		k := create(t, s, subject)
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, now()))
		next := newKey(subject)
		ok(t, "Create", s.Create(t.Context(), next, 1))
		wantListed(t, s, subject, next.ID)
	}},
	{"rotation keeps to its limit, and spares the key that is rotated", "an account that rotates fills the store, or loses the old key's end", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		other := create(t, s, k.Subject)
		r := rotation(k)
		r.Limit = 2
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, r), apikey.ErrTooMany)
		want(t, s, k)
		wantAbsent(t, s, r.Next.ID)
		ok(t, "Revoke", s.Revoke(t.Context(), other.ID, now()))
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		wantListed(t, s, k.Subject, k.ID, r.Next.ID)
	}},
}
