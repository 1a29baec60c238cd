package faults

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestAuditLogLocked(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	corpus.Case(t, "F29", "the audit table is locked by somebody else while 1500 events come", "requests are answered as ever, what is dropped is counted in the log, records are written again afterwards", func(t *testing.T) {
		tx, err := s.DB.Open(t).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(t.Context(), "LOCK TABLE reference_audit IN ACCESS EXCLUSIVE MODE"); err != nil {
			t.Fatal(err)
		}
		var load sync.WaitGroup
		for i := range 4 {
			curious := alice.From(i)
			load.Go(func() {
				for range 375 { // each of them is an event
					if a, err := curious.TryCall(t, "GET", "/api/v1/admin/users", nil); err != nil || a.StatusCode != 403 || a.Took > budget {
						t.Errorf("%v, %v", a, err)
						return
					}
				}
			})
		}
		load.Wait()
		alice.Want(t, within(t, budget, alice, "GET", "/api/v1/profile", nil), 200)
		phone := srv.Login(t, "alice@example.com", words)
		phone.Want(t, within(t, budget, phone, "POST", "/api/v1/auth/logout", nil), 204)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(4 * recovery); !strings.Contains(srv.Log(), "audit events are dropped"); <-time.After(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the log does not say that events were dropped")
			}
		}
		_, rest, _ := strings.Cut(srv.Log(), "dropped=")
		n := 0
		for _, digit := range rest {
			if digit < '0' || digit > '9' {
				break
			}
			n = 10*n + int(digit-'0')
		}
		if n < 400 || n > 600 {
			t.Errorf("%d events were dropped, of 1500 and a few for a queue of 1000", n)
		}
		admin := srv.Administrator(t)
		for start := time.Now(); ; <-time.After(20 * time.Millisecond) {
			a := admin.Want(t, admin.Call(t, "GET", "/api/v1/admin/audit", nil), 200)
			if strings.Contains(a.Text, `"signin"`) {
				break
			}
			if time.Since(start) > recovery {
				t.Fatalf("I8 no sign-in is recorded after the lock: %s", a.Text[:min(len(a.Text), 500)])
			}
		}
	})
	corpus.Case(t, "F29", "SIGTERM while the audit table is locked", "the server ends within 5 s all the same", func(t *testing.T) {
		tx, err := s.DB.Open(t).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(t.Context(), "LOCK TABLE reference_audit IN ACCESS EXCLUSIVE MODE"); err != nil {
			t.Fatal(err)
		}
		alice.Want(t, alice.Call(t, "GET", "/api/v1/admin/users", nil), 403)
		if took, err := srv.Stop(t); err != nil || took > 5*time.Second {
			t.Errorf("it ended after %v with %v", took, err)
		}
	})
}
