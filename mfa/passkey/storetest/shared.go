package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/mfa/passkey"
)

// Shared holds two stores of one database, as two processes have them, to one truth. It
// is worth most if they are behind two clients.
func Shared(t *testing.T, a, b passkey.Store) {
	stores := [2]passkey.Store{a, b}
	t.Run("MFA-15 of 100 answers to one challenge one is accepted", func(t *testing.T) {
		explain(t, "an answer that was copied signs in as often as one likes")
		c := newCredential(user(t, a))
		c.SignCount = 0
		other := newCredential(c.Subject, c.UserHandle)
		other.SignCount = 0
		ok(t, "Add", a.Add(t.Context(), c, newAnswer(), limit))
		ok(t, "Add", b.Add(t.Context(), other, newAnswer(), limit))
		answer := newAnswer()
		var won atomic.Int64
		race(racers, func(i int) {
			u, mine := useOf([]passkey.Credential{c, other}[i/2%2]), answer
			u.SignCount, mine.Call = 0, random[passkey.CallID]()
			switch err := stores[i%2].Use(t.Context(), u, mine); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, passkey.ErrAnswered):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d have succeeded, want 1", won.Load())
		}
	})
	t.Run("MFA-15 of 100 assertions with one counter one is accepted", func(t *testing.T) {
		explain(t, "a copy of a key is not noticed if it is quick")
		c := registered(t, a)
		var won atomic.Int64
		race(racers, func(i int) {
			switch err := stores[i%2].Use(t.Context(), useOf(c), newAnswer()); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, passkey.ErrCounter):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d have succeeded, want 1", won.Load())
		}
	})
	t.Run("F03 one call that is sent many times at once is one", func(t *testing.T) {
		explain(t, "a client that is impatient locks its user out")
		c, answer := registered(t, a), newAnswer()
		race(racers, func(i int) {
			if err := stores[i%2].Use(t.Context(), useOf(c), answer); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("MFA-15 of 100 registrations of one passkey, or for one challenge, one is kept", func(t *testing.T) {
		explain(t, "one passkey signs in as two users")
		subject, handle := user(t, a)
		answer := newAnswer()
		var mu sync.Mutex
		var kept []passkey.Credential
		race(racers, func(i int) {
			c, mine := newCredential(subject, handle), answer
			mine.Call = random[passkey.CallID]()
			switch err := stores[i%2].Add(t.Context(), c, mine, limit); {
			case err == nil:
				mu.Lock()
				kept = append(kept, c)
				mu.Unlock()
			case !errors.Is(err, passkey.ErrAnswered):
				t.Error(err)
			}
		})
		if len(kept) != 1 {
			t.Fatalf("%d are kept, want 1", len(kept))
		}
		wantList(t, b, subject, kept...)
		users := [2]passkey.Credential{newCredential(user(t, a)), newCredential(user(t, b))}
		users[1].CredentialID = users[0].CredentialID
		var won atomic.Int64
		race(racers, func(i int) {
			switch err := stores[i%2].Add(t.Context(), users[i/2%2], newAnswer(), limit); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, passkey.ErrExists):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d have succeeded, want 1", won.Load())
		}
	})
	t.Run("100 registrations at once stay within the limit", func(t *testing.T) {
		explain(t, "a list without an end")
		subject, handle := user(t, a)
		race(racers, func(i int) {
			if err := stores[i%2].Add(t.Context(), newCredential(subject, handle), newAnswer(), 5); err != nil && !errors.Is(err, passkey.ErrLimit) {
				t.Error(err)
			}
		})
		if list, err := a.List(t.Context(), subject); err != nil || len(list) != 5 {
			t.Errorf("%d passkeys, %v; want 5", len(list), err)
		}
	})
	t.Run("100 that ask for a handle at once get the same", func(t *testing.T) {
		explain(t, "the passkeys of one user are of two")
		subject := newSubject()
		var handles sync.Map
		race(racers, func(i int) {
			h, err := stores[i%2].UserHandle(t.Context(), subject, random[passkey.UserHandle]())
			if err != nil {
				t.Error(err)
			}
			handles.Store(h, true)
		})
		n := 0
		handles.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d handles", n)
		}
	})
	t.Run("a registration and the removal of all at once leave nothing behind", func(t *testing.T) {
		explain(t, "whoever is in the account while it is taken back keeps a passkey")
		for range 10 {
			subject, handle := user(t, a)
			race(8, func(i int) {
				if i == 0 {
					if err := a.RemoveAll(t.Context(), subject); err != nil {
						t.Error(err)
					}
					return
				}
				if err := stores[i%2].Add(t.Context(), newCredential(subject, handle), newAnswer(), limit); err != nil && !errors.Is(err, passkey.ErrNoCredential) {
					t.Error(err)
				}
			})
			wantList(t, b, subject)
		}
	})
}
