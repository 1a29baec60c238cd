package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/session"
)

// racers is how many goroutines each race has.
const racers = 100

// race runs f in many goroutines that start together, and counts the outcomes.
func race(t *testing.T, f func(i int) error) (won, none, taken int64) {
	t.Helper()
	var a, b, c atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		wg.Go(func() {
			<-start
			switch err := f(i); {
			case err == nil:
				a.Add(1)
			case errors.Is(err, session.ErrNoSession):
				b.Add(1)
			case errors.Is(err, session.ErrExists):
				c.Add(1)
			default:
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	return a.Load(), b.Load(), c.Load()
}

var raceCases = []testCase{
	{"of many creates of one id one wins", "two users share a session", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := newID(rec)
		won, _, taken := race(t, func(int) error { return s.Create(t.Context(), id, another(rec), soon(), 0) })
		if won != 1 || taken != racers-1 {
			t.Fatalf("%d won, %d were told that it is taken", won, taken)
		}
	}},
	{"of many renames of one id one wins", "one session becomes many, and a logout ends but one", func(t *testing.T, s session.Store) {
		rec := newRecord()
		from := create(t, s, rec)
		var to [racers]session.ID
		for i := range to {
			to[i] = beside(from)
		}
		won, none, _ := race(t, func(i int) error { return s.Rename(t.Context(), from, to[i], another(rec), soon()) })
		if won != 1 || none != racers-1 {
			t.Fatalf("%d won, %d were told that it is gone", won, none)
		}
		alive := 0
		for _, id := range to {
			if _, err := s.Find(t.Context(), id); err == nil {
				alive++
			}
		}
		if alive != 1 {
			t.Fatalf("%d sessions are left of one", alive)
		}
		wantNone(t, s, from)
	}},
	{"SES-07 no write survives a delete", "a logout during a busy moment does not end the session", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		race(t, func(i int) error {
			switch i % 3 {
			case 0:
				return s.Delete(t.Context(), id)
			case 1:
				return s.Update(t.Context(), id, rec, soon())
			}
			return s.Touch(t.Context(), id, rec.Seen, soon())
		})
		wantNone(t, s, id)
	}},
	{"SES-04 no write revives a renamed id", "a request that was running during the login revives the old id", func(t *testing.T, s session.Store) {
		rec := newRecord()
		from := create(t, s, rec)
		to := beside(from)
		next := another(rec)
		race(t, func(i int) error {
			if i == racers/2 {
				return s.Rename(t.Context(), from, to, next, soon())
			}
			return s.Update(t.Context(), from, rec, soon())
		})
		wantNone(t, s, from)
		wantRecord(t, s, to, next)
	}},
}

var repeatCases = []testCase{
	{"update, touch and delete may be repeated", "a lost answer becomes an error", func(t *testing.T, s session.Store) {
		rec := newRecord()
		id := create(t, s, rec)
		for range 2 {
			ok(t, "Update", s.Update(t.Context(), id, rec, soon()))
			ok(t, "Touch", s.Touch(t.Context(), id, rec.Seen, soon()))
		}
		wantRecord(t, s, id, rec)
		for range 2 {
			ok(t, "Delete", s.Delete(t.Context(), id))
		}
	}},
}
