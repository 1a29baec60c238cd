package faults

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

// A refuser passes everything on to Redis but one script, to which it says itself what a
// Redis without memory does: that script is not run, and those before and after it are.
//
// It relies on go-redis, which writes a command at once and then waits for the answer.
type refuser struct {
	addr   string
	next   atomic.Int64 // the script to refuse, from 1
	struck atomic.Int64
}

func newRefuser(t *testing.T, upstream string) *refuser {
	t.Helper()
	l, err := loopback.Listen()
	if err != nil {
		t.Fatal(err)
	}
	r := &refuser{addr: l.Addr().String()}
	var conns sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { r.serve(client, upstream) })
		}
	}()
	return r
}

// refuse has the k-th script refused.
func (r *refuser) refuse(k int) { r.next.Store(int64(k)) }

func (r *refuser) serve(client net.Conn, upstream string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
	for command := make([]byte, 64<<10); ; {
		n, err := client.Read(command)
		if err != nil {
			return
		}
		to, message := server, command[:n]
		if bytes.Contains(bytes.ToLower(message), []byte("\r\nevalsha\r\n")) && r.next.Add(-1) == 0 {
			r.struck.Add(1)
			to, message = client, []byte("-OOM command not allowed when used memory > 'maxmemory'.\r\n")
		}
		if _, err := to.Write(message); err != nil {
			return
		}
	}
}

// TestRenewal is about the session of who changes the password: its cookie may have been
// copied, and that may be why.
func TestRenewal(t *testing.T) {
	s := newStage(t)
	r := newRefuser(t, s.Redis.Addr())
	srv := s.start(t, running.Options{Redis: "redis://" + r.addr + "/0"})
	change := map[string]string{"current_password": words, "password": other}
	mallory := srv.Member(t, "mallory@example.com", words)
	mallory.Want(t, mallory.Call(t, "POST", "/api/v1/auth/change-password", change), 204) // Redis knows the scripts now

	corpus.Case(t, "SES-04", "Redis refuses the k-th script of a change of password, that which renews the session among them", "after a 204 or a new password no old cookie is good, that of the request neither", func(t *testing.T) {
		ended := 0 // sessions that were not renewed
		for k := 1; ; k++ {
			s.Redis.FlushAll() // registrations are limited
			email := fmt.Sprintf("user%d@example.com", k)
			mine := srv.Member(t, email, words)
			others := map[string]*running.Client{"the request": copyOf(t, mine), "another": copyOf(t, srv.Login(t, email, words))}
			before := r.struck.Load()
			r.refuse(k)
			a := within(t, budget, mine, "POST", "/api/v1/auth/change-password", change)
			r.refuse(0)
			if r.struck.Load() == before {
				mine.Want(t, a, 204)
				t.Logf("a change of password has %d scripts", k-1)
				break
			}
			if a.StatusCode != 204 {
				unavailable(t, a)
			}
			works := map[string]int{}
			for _, pw := range []string{words, other} {
				works[pw] = srv.Client().Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, pw)).StatusCode
			}
			if works[words]+works[other] != 200+401 || a.StatusCode == 204 && works[other] != 200 {
				t.Errorf("I2 script %d: %d, and then the logins %v", k, a.StatusCode, works)
			}
			renewed := a.Cookie("session") != nil && a.Cookie("session").Value != ""
			t.Logf("script %d: %d, changed: %v, renewed: %v", k, a.StatusCode, works[other] == 200, renewed)
			if works[other] != 200 {
				continue
			}
			for whose, c := range others {
				if p := c.Call(t, "GET", "/api/v1/profile", nil); p.StatusCode != 401 {
					t.Errorf("I2 script %d: the old cookie of %s: %d", k, whose, p.StatusCode)
				}
			}
			want := 401
			if renewed {
				want = 200
			}
			mine.Want(t, mine.Call(t, "GET", "/api/v1/profile", nil), want)
			if a.StatusCode == 204 && !renewed {
				ended++
			}
		}
		if ended != 1 {
			t.Errorf("%d scripts renew the session, want 1", ended)
		}
	})
}
