package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/throttle"
)

// Shared holds two stores of one database, as two processes have them, to one
// truth, each behind a Manager of its own. It is worth most if they are behind two
// clients.
func Shared(t *testing.T, a, b mfa.Store) {
	t.Run("MFA-03 M01 of 200 submissions of one code through both, one succeeds", func(t *testing.T) {
		explain(t, "whoever watches a code and is quick has a session")
		sites := newSites(t, a, b)
		code := sites.code(t, time.Minute)
		var won atomic.Int64
		race(racers, func(i int) {
			switch err := sites.managers[i%2].Verify(t.Context(), sites.subject, code); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, mfa.ErrCode):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d submissions have succeeded, want 1", won.Load())
		}
	})
	t.Run("MFA-09 M10 of 200 submissions of one recovery code through both, one succeeds", func(t *testing.T) {
		explain(t, "a recovery code on a shared screen is good for everybody who sees it")
		sites := newSites(t, a, b)
		var won atomic.Int64
		race(racers, func(i int) {
			switch left, err := sites.managers[i%2].Recover(t.Context(), sites.subject, sites.codes[0]); {
			case err == nil:
				won.Add(1)
				if left != len(sites.codes)-1 {
					t.Errorf("%d codes are left", left)
				}
			case !errors.Is(err, mfa.ErrCode):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d submissions have succeeded, want 1", won.Load())
		}
	})
	t.Run("MFA-03 M03 what one process has accepted no other accepts, nor anything older", func(t *testing.T) {
		explain(t, "a code is good once in each process")
		sites := newSites(t, a, b)
		older := sites.code(t, 30*time.Second)
		code := sites.code(t, time.Minute)
		ok(t, "Verify", sites.managers[0].Verify(t.Context(), sites.subject, code))
		for _, replay := range []string{code, older} {
			if err := sites.managers[1].Verify(t.Context(), sites.subject, replay); !errors.Is(err, mfa.ErrCode) {
				t.Fatalf("the other process: %v, want ErrCode", err)
			}
		}
	})
}

// sites are two Managers of a user with a factor.
type sites struct {
	managers [2]*mfa.Manager
	subject  string
	secret   string
	codes    []string
	start    time.Time
	offset   atomic.Int64
}

func newSites(t *testing.T, a, b mfa.Store) *sites {
	t.Helper()
	s := &sites{subject: newSubject(), start: time.Now()}
	now := func() time.Time { return s.start.Add(time.Duration(s.offset.Load())) }
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	for i, store := range []mfa.Store{a, b} {
		m, err := mfa.New(store, mfa.Config{Issuer: "Example", Key: key, Throttle: unlimited{}, Now: now})
		ok(t, "New", err)
		s.managers[i] = m
	}
	p := &auth.Principal{Subject: s.subject, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: s.start}
	e, err := s.managers[0].Enrol(t.Context(), p)
	ok(t, "Enrol", err)
	s.secret = e.Secret
	s.codes, err = s.managers[1].Confirm(t.Context(), p, s.code(t, 0))
	ok(t, "Confirm", err)
	return s
}

// code sets the clock of both and returns the code of that time.
func (s *sites) code(t *testing.T, offset time.Duration) string {
	t.Helper()
	s.offset.Store(int64(offset))
	code, err := totp.GenerateCode(s.secret, s.start.Add(offset))
	ok(t, "GenerateCode", err)
	return code
}

// unlimited admits every attempt: what is tested is the store, with more attempts
// than anybody has.
type unlimited struct{ throttle.Store }

func (unlimited) Take(context.Context, throttle.Key, throttle.Rule) (throttle.Count, error) {
	return throttle.Count{Admitted: true, Ticket: 1}, nil
}

func (unlimited) Forgive(context.Context, throttle.Key, throttle.Ticket) error { return nil }
func (unlimited) Cancel(context.Context, throttle.Key, throttle.Ticket) error  { return nil }
