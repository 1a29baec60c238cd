package faults

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// TestShutdownHeld ends processes that have requests which they cannot answer yet.
func TestShutdownHeld(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := newStage(t)
	two := s.start(t, running.Options{DB: s.DB.URL()})
	two.Register(t, "alice@example.com", words)
	two.Register(t, "bob@example.com", words)

	corpus.Case(t, "F30", "SIGTERM while a login and the end of other sessions wait for PostgreSQL, and SIGTERM again", "nobody new gets in, both are answered and hold, the process ends well", func(t *testing.T) {
		one := s.start(t, running.Options{})
		phone := one.Login(t, "alice@example.com", words)
		tablet := copyOf(t, one.Login(t, "alice@example.com", words))
		login := one.Client()
		release := s.hold(t)
		defer release()
		var wait sync.WaitGroup
		var in, out *running.Answer
		send := func(a **running.Answer, c *running.Client, method, path string, body any) {
			wait.Go(func() {
				var err error
				if *a, err = c.TryCall(t, method, path, body); err != nil {
					t.Errorf("%s was cut off: %v", path, err)
				}
			})
		}
		send(&in, login, "POST", "/api/v1/auth/login", running.Credentials("bob@example.com", words))
		send(&out, phone, "DELETE", "/api/v1/sessions", nil)
		s.held(t, 2)
		one.Signal(t, syscall.SIGTERM)
		for end := time.Now().Add(recovery); ; <-time.After(time.Millisecond) {
			c, err := net.Dial("tcp", strings.TrimPrefix(one.URL, "http://"))
			if err != nil {
				break
			}
			_ = c.Close()
			if time.Now().After(end) {
				t.Fatal("the process still accepts")
			}
		}
		one.Signal(t, syscall.SIGTERM) // a supervisor that is impatient, or signals the group as well
		<-time.After(200 * time.Millisecond)
		release()
		wait.Wait()
		if in == nil || out == nil {
			t.Fatal(end(one.Log()))
		}
		if took, err := one.Stop(t); err != nil || took > recovery {
			t.Errorf("the process ended after %v with %v\n%s", took, err, end(one.Log()))
		}
		login.Want(t, in, 200)
		login.Want(t, login.At(two).Call(t, "GET", "/api/v1/profile", nil), 200)
		phone.Want(t, out, 204)
		phone.Want(t, phone.At(two).Call(t, "GET", "/api/v1/profile", nil), 200)
		tablet.Want(t, tablet.At(two).Call(t, "GET", "/api/v1/profile", nil), 401)
	})
	corpus.Case(t, "F30", "SIGTERM while a client keeps a request to itself, of which it has sent a byte", "the process waits for it no longer than its grace of ten seconds", func(t *testing.T) {
		one := s.start(t, running.Options{})
		address := strings.TrimPrefix(one.URL, "http://")
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := fmt.Fprintf(c, "POST /api/v1/auth/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", address); err != nil {
			t.Fatal(err)
		}
		alice := one.Login(t, "alice@example.com", words) // by when the byte has arrived
		took, err := one.Stop(t)
		if took > 10*time.Second+recovery {
			t.Errorf("I6 the process ended after %v with %v", took, err)
		}
		t.Logf("the process ended after %v with %v", took, err)
		alice.Want(t, alice.At(two).Call(t, "GET", "/api/v1/profile", nil), 200)
	})
}

// hold has PostgreSQL keep whatever asks for an account, until release.
func (s *stage) hold(t *testing.T) (release func()) {
	t.Helper()
	pool := s.DB.Open(t)
	tx, err := pool.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s.tables(t, pool) {
		if strings.HasPrefix(name, "reference_") { // the audit log has a goroutine of its own
			continue
		}
		if _, err := tx.ExecContext(t.Context(), `LOCK TABLE "`+name+`" IN ACCESS EXCLUSIVE MODE`); err != nil {
			t.Fatal(err)
		}
	}
	return sync.OnceFunc(func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	})
}

// held returns when PostgreSQL keeps so many.
func (s *stage) held(t *testing.T, want int) {
	t.Helper()
	pool := s.DB.Open(t)
	for end := time.Now().Add(recovery); ; <-time.After(5 * time.Millisecond) {
		var n int
		if err := pool.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'", s.DB.Schema()).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("PostgreSQL keeps %d requests, want %d", n, want)
		}
	}
}
