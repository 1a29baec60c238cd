package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/account"
)

// racers is how many calls run at once.
const racers = 40

var raceCases = []testCase{
	{"XCT-03 of many creates of one address one wins", "two accounts share an address", func(t *testing.T, s account.Store) {
		first := newUser()
		made := make([]account.User, racers)
		won := race(t, account.ErrExists, func(i int) error {
			u := newUser()
			u.Canonical = first.Canonical
			id, err := s.Create(t.Context(), u)
			u.ID = id
			made[i] = u
			return err
		})
		wantUser(t, s, made[won])
	}},
	{"PWD-10 of many changes of one password one wins", "a change is lost without a word", func(t *testing.T, s account.Store) {
		u := create(t, s, newUser())
		hashes := make([]string, racers)
		won := race(t, account.ErrConflict, func(i int) error {
			hashes[i] = newHash()
			return s.SetPassword(t.Context(), u.ID, u.Hash, hashes[i], u.ValidAfter.Add(time.Duration(i)*time.Second))
		})
		u.Hash, u.ValidAfter = hashes[won], u.ValidAfter.Add(time.Duration(won)*time.Second)
		wantUser(t, s, u)
	}},
	{"LNK-08 of many users who move to one address one gets it", "two accounts share an address", func(t *testing.T, s account.Store) {
		next := newUser()
		users := make([]account.User, racers)
		for i := range users {
			users[i] = create(t, s, newUser())
		}
		won := race(t, account.ErrExists, func(i int) error {
			return s.SetEmail(t.Context(), users[i].ID, users[i].Canonical, next.Email, next.Canonical)
		})
		for i, u := range users {
			if i == won {
				u.Email, u.Canonical = next.Email, next.Canonical
			}
			wantUser(t, s, u)
		}
	}},
	{"a move and a registration to one address: one gets it", "two accounts share an address", func(t *testing.T, s account.Store) {
		next := newUser()
		users := make([]account.User, racers)
		for i := range users {
			if users[i] = newUser(); i%2 == 0 {
				users[i] = create(t, s, users[i])
			}
		}
		won := race(t, account.ErrExists, func(i int) error {
			if i%2 == 0 {
				return s.SetEmail(t.Context(), users[i].ID, users[i].Canonical, next.Email, next.Canonical)
			}
			u := users[i]
			u.Canonical = next.Canonical
			id, err := s.Create(t.Context(), u)
			users[i].ID = id
			return err
		})
		got, err := s.FindByEmail(t.Context(), next.Canonical)
		ok(t, "FindByEmail", err)
		if got.ID != users[won].ID {
			t.Fatalf("the address is that of %s, want %s", got.ID, users[won].ID)
		}
	}},
	{"a password and an address can change at the same time", "one change undoes the other", func(t *testing.T, s account.Store) {
		u, next, hash := create(t, s, newUser()), newUser(), newHash()
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { errs[0] = s.SetPassword(t.Context(), u.ID, u.Hash, hash, time.Time{}) })
		wg.Go(func() { errs[1] = s.SetEmail(t.Context(), u.ID, u.Canonical, next.Email, next.Canonical) })
		wg.Wait()
		ok(t, "both", errors.Join(errs...))
		u.Hash, u.Email, u.Canonical = hash, next.Email, next.Canonical
		wantUser(t, s, u)
	}},
}

// race calls do many times at once. One call has to succeed, the others have to
// fail with lose; it returns which one won.
func race(t *testing.T, lose error, do func(i int) error) (won int) {
	t.Helper()
	var winners, faults atomic.Int32
	var winner atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		wg.Go(func() {
			<-start
			switch err := do(i); {
			case err == nil:
				winners.Add(1)
				winner.Store(int32(i))
			case !errors.Is(err, lose):
				faults.Add(1)
				t.Errorf("%d: %v, want %v", i, err, lose)
			}
		})
	}
	close(start)
	wg.Wait()
	if winners.Load() != 1 || faults.Load() != 0 {
		t.Fatalf("%d of %d won, %d failed", winners.Load(), racers, faults.Load())
	}
	return int(winner.Load())
}

func failed(t *testing.T, doing string, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error", doing)
	}
}
