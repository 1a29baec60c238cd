package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/session"
)

// wantList holds List to exactly these records.
func wantList(t *testing.T, s session.Store, subject string, want ...*session.Record) {
	t.Helper()
	got, err := s.List(t.Context(), subject)
	ok(t, "List", err)
	if len(got) != len(want) {
		t.Fatalf("List returned %d records, want %d", len(got), len(want))
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g *session.Record) bool { return equal(g, w) }) {
			t.Fatalf("List lacks %+v", w)
		}
	}
}

// fill makes n sessions of one subject, each a minute older than the next.
func fill(t *testing.T, s session.Store, n int) (recs []*session.Record, ids []session.ID) {
	t.Helper()
	first := newRecord()
	for i := range n {
		rec := another(first)
		rec.Created = first.Created.Add(time.Duration(i-n) * time.Minute)
		recs, ids = append(recs, rec), append(ids, create(t, s, rec))
	}
	return recs, ids
}

var limitCases = []testCase{
	{"SES-24 one session too many ends the oldest", "a user, or who has the password, fills the store", func(t *testing.T, s session.Store) {
		recs, ids := fill(t, s, 5)
		slices.Reverse(ids) // the order in which they are made says nothing
		newest := another(recs[0])
		id := newID(newest)
		ok(t, "Create", s.Create(t.Context(), id, newest, soon(), 3))
		wantList(t, s, newest.Principal.Subject, newest, recs[4], recs[3])
		for _, gone := range ids[2:] {
			wantNone(t, s, gone)
		}
		wantRecord(t, s, id, newest)
	}},
	{"SES-24 a session that is made is never the one that ends", "a sign-in after a clock went back signs nobody in", func(t *testing.T, s session.Store) {
		recs, _ := fill(t, s, 3)
		late := another(recs[0])
		late.Created = recs[0].Created.Add(-time.Hour)
		id := newID(late)
		ok(t, "Create", s.Create(t.Context(), id, late, soon(), 1))
		wantList(t, s, late.Principal.Subject, late)
	}},
	{"SES-24 expired sessions and those of others do not count", "users are signed out by nothing", func(t *testing.T, s session.Store) {
		recs, _ := fill(t, s, 1)
		other := newRecord()
		create(t, s, other)
		short := another(recs[0])
		untilExpired(t, func(expiry time.Time) error { return s.Create(t.Context(), newID(short), short, expiry, 0) })
		next := another(recs[0])
		ok(t, "Create", s.Create(t.Context(), newID(next), next, soon(), 2))
		wantList(t, s, next.Principal.Subject, recs[0], next)
		wantList(t, s, other.Principal.Subject, other)
		guest := visitor()
		ok(t, "Create", s.Create(t.Context(), newID(guest), guest, soon(), 1))
	}},
	{"SES-24 no number of parallel sign-ins exceeds the limit", "the limit is a suggestion", func(t *testing.T, s session.Store) {
		first := newRecord()
		won, _, _ := race(t, func(int) error {
			rec := another(first)
			return s.Create(t.Context(), newID(rec), rec, soon(), 7)
		})
		list, err := s.List(t.Context(), first.Principal.Subject)
		ok(t, "List", err)
		if won != racers || len(list) != 7 {
			t.Fatalf("%d of %d sign-ins won, %d sessions", won, racers, len(list))
		}
	}},
}

var subjectCases = []testCase{
	{"SES-16 list has the sessions of the subject and no other", "users see the sessions of others, or not all of their own", func(t *testing.T, s session.Store) {
		recs, ids := fill(t, s, 4)
		create(t, s, newRecord())
		create(t, s, visitor())
		subject := recs[0].Principal.Subject
		ok(t, "Delete", s.Delete(t.Context(), ids[0]))
		renewed := *recs[1]
		renewed.Values = []byte("renewed")
		ok(t, "Rename", s.Rename(t.Context(), ids[1], beside(ids[1]), &renewed, soon()))
		touched := *recs[2]
		touched.Seen = touched.Seen.Add(time.Minute)
		ok(t, "Touch", s.Touch(t.Context(), ids[2], touched.Seen, soon()))
		wantList(t, s, subject, &renewed, &touched, recs[3])
		wantList(t, s, subject+"x")
		wantList(t, s, subject[:len(subject)-1])
	}},
	{"SES-09 list leaves out what has expired", "a list shows sessions that are over", func(t *testing.T, s session.Store) {
		recs, _ := fill(t, s, 1)
		short := another(recs[0])
		id := newID(short)
		untilExpired(t, func(expiry time.Time) error { return s.Create(t.Context(), id, short, expiry, 0) })
		wantList(t, s, short.Principal.Subject, recs[0])
		wantErr(t, "Touch", s.Touch(t.Context(), id, time.Now(), soon()), session.ErrNoSession)
		wantList(t, s, short.Principal.Subject, recs[0])
	}},
	{"SES-16 revoke ends one session, under whatever id", "the session that was to end goes on", func(t *testing.T, s session.Store) {
		recs, ids := fill(t, s, 3)
		subject, to := recs[0].Principal.Subject, beside(ids[1])
		ok(t, "Rename", s.Rename(t.Context(), ids[1], to, recs[1], soon()))
		for range 2 {
			ok(t, "Revoke", s.Revoke(t.Context(), subject, recs[1].ID))
			wantNone(t, s, to)
			wantList(t, s, subject, recs[0], recs[2])
		}
		wantErr(t, "Update", s.Update(t.Context(), to, recs[1], soon()), session.ErrNoSession)
		wantErr(t, "Touch", s.Touch(t.Context(), to, time.Now(), soon()), session.ErrNoSession)
		wantErr(t, "Rename", s.Rename(t.Context(), to, beside(to), recs[1], soon()), session.ErrNoSession)
	}},
	{"SES-16 revoke ends nothing of another subject", "whoever learns a public id signs others out", func(t *testing.T, s session.Store) {
		recs, ids := fill(t, s, 1)
		other := newRecord()
		ok(t, "Revoke", s.Revoke(t.Context(), other.Principal.Subject, recs[0].ID))
		create(t, s, other)
		ok(t, "Revoke", s.Revoke(t.Context(), other.Principal.Subject, recs[0].ID))
		ok(t, "Revoke", s.Revoke(t.Context(), recs[0].Principal.Subject, ""))
		wantRecord(t, s, ids[0], recs[0])
		wantList(t, s, other.Principal.Subject, other)
	}},
	{"SES-16 revoke subject ends all, and all but one", "a thief stays signed in after the password was changed", func(t *testing.T, s session.Store) {
		recs, ids := fill(t, s, 20)
		other := newRecord()
		create(t, s, other)
		subject := recs[0].Principal.Subject
		for range 2 {
			ok(t, "RevokeSubject", s.RevokeSubject(t.Context(), subject, recs[7].ID))
			wantList(t, s, subject, recs[7])
		}
		for range 2 {
			ok(t, "RevokeSubject", s.RevokeSubject(t.Context(), subject, ""))
			wantList(t, s, subject)
		}
		for i, id := range ids {
			wantNone(t, s, id)
			wantErr(t, "Update", s.Update(t.Context(), id, recs[i], soon()), session.ErrNoSession)
		}
		wantList(t, s, other.Principal.Subject, other)
		again := another(recs[0])
		wantRecord(t, s, create(t, s, again), again)
		ok(t, "RevokeSubject", s.RevokeSubject(t.Context(), subject, recs[7].ID))
		wantList(t, s, subject)
	}},
}

var revokeRaceCases = []testCase{
	{"S12 SES-22 no write escapes a revocation", "a thief renews the session while it is revoked and keeps it", func(t *testing.T, s session.Store) {
		for round := range 4 {
			recs, ids := fill(t, s, racers/4)
			subject := recs[0].Principal.Subject
			var mu sync.Mutex
			all := slices.Clone(ids)
			race(t, func(i int) error {
				at := i / 4
				switch {
				case i == racers/2 && round%2 == 0:
					return s.RevokeSubject(t.Context(), subject, "")
				case i == racers/2:
					return s.RevokeSubject(t.Context(), subject, "nobody")
				case i%4 == 1:
					return s.Update(t.Context(), ids[at], recs[at], soon())
				case i%4 == 2:
					return s.Touch(t.Context(), ids[at], recs[at].Seen, soon())
				}
				to := beside(ids[at])
				mu.Lock()
				all = append(all, to)
				mu.Unlock()
				return s.Rename(t.Context(), ids[at], to, recs[at], soon())
			})
			wantList(t, s, subject)
			for _, id := range all {
				wantNone(t, s, id)
			}
		}
	}},
	{"SES-22 a renewal does not escape the revocation of its session", "the session that was to end goes on under its new id", func(t *testing.T, s session.Store) {
		for range 20 {
			rec := newRecord()
			from := create(t, s, rec)
			kept := another(rec)
			create(t, s, kept)
			to := beside(from)
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := s.Rename(t.Context(), from, to, rec, soon()); err != nil && !errors.Is(err, session.ErrNoSession) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if err := s.Revoke(t.Context(), rec.Principal.Subject, rec.ID); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			wantNone(t, s, from)
			wantNone(t, s, to)
			wantList(t, s, rec.Principal.Subject, kept)
		}
	}},
	{"S12 of sign-ins during a revocation each is whole or gone", "a sign-in during a revocation is half a session", func(t *testing.T, s session.Store) {
		recs, old := fill(t, s, 10)
		subject := recs[0].Principal.Subject
		made := make([]session.ID, racers)
		race(t, func(i int) error {
			if i == racers/2 {
				return s.RevokeSubject(t.Context(), subject, "")
			}
			rec := another(recs[0])
			made[i] = newID(rec)
			return s.Create(t.Context(), made[i], rec, soon(), 0)
		})
		for _, id := range old {
			wantNone(t, s, id)
		}
		found := 0
		for _, id := range made {
			if _, err := s.Find(t.Context(), id); err == nil {
				found++
			}
		}
		list, err := s.List(t.Context(), subject)
		ok(t, "List", err)
		if found != len(list) {
			t.Fatalf("%d sessions are found and %d are listed", found, len(list))
		}
		ok(t, "RevokeSubject", s.RevokeSubject(t.Context(), subject, ""))
		for _, id := range made {
			wantNone(t, s, id)
		}
	}},
}
