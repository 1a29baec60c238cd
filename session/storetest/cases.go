package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/session"
)

var lifeCases = []testCase{
	{"a created record is found as it was", "users lose roles, factors or their cart at the next request", func(t *testing.T, s session.Store) {
		rec := newRecord()
		wantRecord(t, s, create(t, s, rec), rec)
		rec = visitor()
		wantRecord(t, s, create(t, s, rec), rec)
		rec = newRecord()
		rec.Principal.Scopes = nil
		rec.Values = nil
		id := create(t, s, rec)
		wantRecord(t, s, id, rec)
		if got, _ := s.Find(t.Context(), id); got.Principal.Scopes != nil {
			t.Fatal("scopes that were nil (no bound) became empty (nothing permitted)")
		}
	}},
	{"SES-06 an unknown id is no session", "an id that the service has not made is adopted", func(t *testing.T, s session.Store) {
		wantNone(t, s, newID(visitor()))
		wantNone(t, s, session.ID{})
	}},
	{"SES-06 create refuses an id that is taken", "two users share a session", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		wantErr(t, "Create", s.Create(t.Context(), id, another(rec), soon(), 0), session.ErrExists)
		wantRecord(t, s, id, rec)
	}},
	{"update replaces", "values are lost", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		next := *rec
		next.Values = []byte("next")
		ok(t, "Update", s.Update(t.Context(), id, &next, soon()))
		wantRecord(t, s, id, &next)
	}},
	{"SES-07 update never revives", "a request that was running during the logout brings the session back", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		ok(t, "Delete", s.Delete(t.Context(), id))
		wantErr(t, "Update", s.Update(t.Context(), id, rec, soon()), session.ErrNoSession)
		wantErr(t, "Touch", s.Touch(t.Context(), id, time.Now(), soon()), session.ErrNoSession)
		wantErr(t, "Rename", s.Rename(t.Context(), id, beside(id), rec, soon()), session.ErrNoSession)
		wantNone(t, s, id)
	}},
	{"delete ends, also twice, also nothing", "a logout fails or does nothing", func(t *testing.T, s session.Store) {
		id := create(t, s, newRecord())
		other := create(t, s, newRecord())
		ok(t, "Delete", s.Delete(t.Context(), id))
		ok(t, "Delete again", s.Delete(t.Context(), id))
		wantNone(t, s, id)
		if _, err := s.Find(t.Context(), other); err != nil {
			t.Fatalf("another session is gone: %v", err)
		}
	}},
	{"SES-22 touch changes nothing but the time", "noting that a session is used undoes what another request wrote", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		next := *rec
		next.Values = []byte("written after the toucher has read")
		ok(t, "Update", s.Update(t.Context(), id, &next, soon()))
		next.Seen = rec.Seen.Add(5 * time.Minute)
		ok(t, "Touch", s.Touch(t.Context(), id, next.Seen, soon()))
		wantRecord(t, s, id, &next)
	}},
	{"a record that was handed over is not changed", "requests that share a record race", func(t *testing.T, s session.Store) {
		rec := newRecord()
		before := *rec
		id := create(t, s, rec)
		ok(t, "Touch", s.Touch(t.Context(), id, rec.Seen.Add(time.Minute), soon()))
		if !equal(rec, &before) {
			t.Fatal("Touch has changed the record that Create was given")
		}
		read, err := s.Find(t.Context(), id)
		ok(t, "Find", err)
		copied := *read
		ok(t, "Touch", s.Touch(t.Context(), id, rec.Seen.Add(time.Hour), soon()))
		if !equal(read, &copied) {
			t.Fatal("Touch has changed the record that Find returned")
		}
	}},
	{"a large record is kept whole, or refused", "a session is cut and then cannot be read", func(t *testing.T, s session.Store) {
		rec := newRecord()
		rec.Values = make([]byte, session.MaxRecordSize-4096)
		wantRecord(t, s, create(t, s, rec), rec)
	}},
}

var expiryCases = []testCase{
	{"SES-09 a record is not found past its expiry", "a session outlives its limits", func(t *testing.T, s session.Store) {
		var records [4]*session.Record
		var created, updated, touched, renamed session.ID
		untilExpired(t, func(expiry time.Time) error {
			records = [4]*session.Record{newRecord(), newRecord(), newRecord(), newRecord()}
			created, updated, touched = newID(records[0]), create(t, s, records[1]), create(t, s, records[2])
			renamedFrom := create(t, s, records[3])
			renamed = beside(renamedFrom)
			for _, err := range []error{
				s.Create(t.Context(), created, records[0], expiry, 0),
				s.Update(t.Context(), updated, records[1], expiry),
				s.Touch(t.Context(), touched, records[2].Seen, expiry),
				s.Rename(t.Context(), renamedFrom, renamed, records[3], expiry),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		for i, id := range []session.ID{created, updated, touched, renamed} {
			rec := records[i]
			wantNone(t, s, id)
			wantErr(t, "Update", s.Update(t.Context(), id, rec, soon()), session.ErrNoSession)
			wantErr(t, "Touch", s.Touch(t.Context(), id, rec.Seen, soon()), session.ErrNoSession)
			wantErr(t, "Rename", s.Rename(t.Context(), id, beside(id), rec, soon()), session.ErrNoSession)
		}
	}},
	{"SES-10 an expiry that has passed ends the session", "a session that should end becomes immortal", func(t *testing.T, s session.Store) {
		for _, past := range []time.Time{time.Now().Add(-time.Second), time.Now(), time.Unix(0, 0), {}} {
			rec := newRecord()
			id := newID(rec)
			wantErr(t, "Create", s.Create(t.Context(), id, rec, past, 0), session.ErrNoSession)
			wantNone(t, s, id)
			id = create(t, s, rec)
			wantErr(t, "Update", s.Update(t.Context(), id, rec, past), session.ErrNoSession)
			wantNone(t, s, id)
			id = create(t, s, rec)
			wantErr(t, "Touch", s.Touch(t.Context(), id, rec.Seen, past), session.ErrNoSession)
			wantNone(t, s, id)
			id = create(t, s, rec)
			to := beside(id)
			wantErr(t, "Rename", s.Rename(t.Context(), id, to, rec, past), session.ErrNoSession)
			wantNone(t, s, id)
			wantNone(t, s, to)
		}
	}},
	{"an id is free again after its expiry", "a store fills up with the dead", func(t *testing.T, s session.Store) {
		first := newRecord()
		id := newID(first)
		untilExpired(t, func(expiry time.Time) error { return s.Create(t.Context(), id, first, expiry, 0) })
		rec := another(first)
		ok(t, "Create", s.Create(t.Context(), id, rec, soon(), 0))
		wantRecord(t, s, id, rec)
	}},
}

var renameCases = []testCase{
	{"SES-04 rename ends the old id and starts the new one", "an id from before the login is good after it", func(t *testing.T, s session.Store) {
		before := newRecord()
		from := create(t, s, before)
		to, rec := beside(from), another(before)
		ok(t, "Rename", s.Rename(t.Context(), from, to, rec, soon()))
		wantNone(t, s, from)
		wantRecord(t, s, to, rec)
		ok(t, "Update", s.Update(t.Context(), to, rec, soon()))
		ok(t, "Delete", s.Delete(t.Context(), to))
		wantNone(t, s, to)
	}},
	{"rename of nothing makes nothing", "an ended session goes on under another id", func(t *testing.T, s session.Store) {
		rec := newRecord()
		from := newID(rec)
		to := beside(from)
		wantErr(t, "Rename", s.Rename(t.Context(), from, to, rec, soon()), session.ErrNoSession)
		wantNone(t, s, to)
	}},
	{"rename does not overwrite", "a session takes the place of another", func(t *testing.T, s session.Store) {
		before := newRecord()
		from := create(t, s, before)
		to := beside(from)
		rec := another(before)
		ok(t, "Create", s.Create(t.Context(), to, rec, soon(), 0))
		if err := s.Rename(t.Context(), from, to, another(rec), soon()); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Fatalf("Rename onto an id that is taken: %v", err)
		}
		wantRecord(t, s, to, rec)
	}},
}

var contextCases = []testCase{
	{"a context that is over is obeyed", "requests pile up behind a slow database", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		ctx, fresh := cancelled(t), beside(id)
		for doing, err := range map[string]error{
			"Create":                s.Create(ctx, fresh, rec, soon(), 0),
			"Update":                s.Update(ctx, id, rec, soon()),
			"Touch":                 s.Touch(ctx, id, rec.Seen, soon()),
			"Rename":                s.Rename(ctx, id, fresh, rec, soon()),
			"Delete":                s.Delete(ctx, id),
			"Revoke":                s.Revoke(ctx, rec.Principal.Subject, rec.ID),
			"RevokeSubject":         s.RevokeSubject(ctx, rec.Principal.Subject, ""),
			"RevokeSubject but one": s.RevokeSubject(ctx, rec.Principal.Subject, "x"),
		} {
			if err == nil || errors.Is(err, session.ErrNoSession) || errors.Is(err, session.ErrExists) {
				t.Errorf("%s with a cancelled context: %v, want the store's failure", doing, err)
			}
		}
		if _, err := s.Find(ctx, id); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("Find with a cancelled context: %v, want the store's failure", err)
		}
		if _, err := s.List(ctx, rec.Principal.Subject); err == nil {
			t.Error("List with a cancelled context: no error")
		}
		wantNone(t, s, fresh)
		wantRecord(t, s, id, rec)
	}},
}

// untilExpired has do write sessions that expire soon, and returns when they have.
// On a busy machine the expiry may have passed before the store looks at its
// clock, which ends the session: then it does it again, with more time.
func untilExpired(t *testing.T, do func(expiry time.Time) error) {
	t.Helper()
	const shortest, longest, margin = 100 * time.Millisecond, 10 * time.Second, 50 * time.Millisecond
	for life := shortest; ; life *= 2 {
		expiry := time.Now().Add(life)
		err := do(expiry)
		if errors.Is(err, session.ErrNoSession) && !time.Now().Before(expiry) && life < longest {
			continue
		}
		ok(t, "a write of a session that will expire", err)
		timer := time.NewTimer(time.Until(expiry) + margin) // the store has a clock of its own
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.Context().Done():
		}
		return
	}
}
