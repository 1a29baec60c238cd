package faults

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestShutdownUnderLoad(t *testing.T) {
	s := newStage(t)
	one := s.start(t, running.Options{})
	two := s.start(t, running.Options{})
	one.Register(t, "alice@example.com", words)
	corpus.Case(t, "F30", "SIGTERM while logins and sign-outs run", "all that was answered holds, nothing is cut off, the end comes within 5 s", func(t *testing.T) {
		s.redis.Latency(60 * time.Millisecond) // so that there is something in flight
		var mu sync.Mutex
		var signedIn, signedOut []*running.Client
		unanswered := map[string]bool{}
		answers := 0
		var failed []time.Time // when requests were sent that had no answer
		fails := func(sent time.Time) {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, sent)
		}
		logins := make(chan struct{}, 2) // attempts at one account are limited
		var load sync.WaitGroup
		for i := range 16 {
			load.Go(func() {
				for {
					c := one.Client().From(i)
					c.HTTP.Timeout = 10 * time.Second
					logins <- struct{}{}
					sent := time.Now()
					a, err := c.TryCall(t, "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words))
					<-logins
					if err != nil {
						fails(sent)
						return // it has ended, or refuses
					}
					mu.Lock()
					answers++
					if a.StatusCode == 200 {
						signedIn = append(signedIn, copyOf(t, c))
					}
					mu.Unlock()
					if a.StatusCode != 200 {
						t.Errorf("login: %d %s", a.StatusCode, a.Text)
						return
					}
					if i%2 == 0 {
						continue
					}
					out := copyOf(t, c)
					sent = time.Now()
					a, err = c.TryCall(t, "POST", "/api/v1/auth/logout", nil)
					mu.Lock()
					if err == nil && a.StatusCode == 204 {
						answers++
						signedOut = append(signedOut, out)
					} else {
						failed = append(failed, sent)
						unanswered[out.Header.Get("Cookie")] = true
					}
					mu.Unlock()
				}
			})
		}
		member := one.Login(t, "alice@example.com", words)
		for range 8 {
			load.Go(func() {
				for {
					sent := time.Now()
					if _, err := member.TryCall(t, "GET", "/api/v1/profile", nil); err != nil {
						fails(sent)
						return
					}
				}
			})
		}
		for {
			mu.Lock()
			n := len(signedOut)
			mu.Unlock()
			if n > 5 {
				break
			}
			<-time.After(5 * time.Millisecond)
		}
		term := time.Now()
		took, err := one.Stop(t)
		load.Wait()
		for _, sent := range failed {
			// What was sent just before may have been on a connection that was idle for the
			// server, or that it had not accepted.
			if term.Sub(sent) > 30*time.Millisecond {
				t.Errorf("a request that was sent %v before the signal was cut off", term.Sub(sent))
			}
		}
		if err != nil || took > 5*time.Second {
			t.Errorf("the server ended after %v with %v\n%s", took, err, end(one.Log()))
		}
		s.redis.Pass()
		gone := map[string]bool{}
		for _, c := range signedOut {
			gone[c.Header.Get("Cookie")] = true
			if a := c.At(two).Call(t, "GET", "/api/v1/profile", nil); a.StatusCode != 401 {
				t.Errorf("I2 a session that was signed out: %d", a.StatusCode)
			}
		}
		kept := 0
		for _, c := range signedIn {
			if cookie := c.Header.Get("Cookie"); gone[cookie] || unanswered[cookie] {
				continue
			}
			kept++
			if a := c.At(two).Call(t, "GET", "/api/v1/profile", nil); a.StatusCode != 200 {
				t.Errorf("a login that was answered is lost: %d", a.StatusCode)
			}
		}
		t.Logf("%d answers, %d sessions, %d sign-outs, %d unanswered sign-outs, ended after %v", answers, kept, len(signedOut), len(unanswered), took)
	})
}

func TestSuspendedProcess(t *testing.T) {
	s := newStage(t)
	one, two := s.start(t, running.Options{}), s.start(t, running.Options{Redis: s.Redis.URL()})
	alice := one.Member(t, "alice@example.com", words)
	rounds := 3
	if running.Long() {
		rounds = 30
	}
	corpus.Case(t, "F27", "SIGSTOP of a process in the middle of a rotation and of a request, SIGCONT after another has rotated and signed out", "one head, no family lost, nothing revived", func(t *testing.T) {
		for round := range rounds {
			tokens, _ := two.TokenFor(t, "alice@example.com", words)
			phone := two.Login(t, "alice@example.com", words)
			old, oldPhone := copyOf(t, tokens).From(round).At(one), copyOf(t, phone).At(one)
			s.redis.Latency(100 * time.Millisecond)
			var rotated, seen *running.Answer
			var stopped sync.WaitGroup
			stopped.Go(func() { rotated, _ = old.TryCall(t, "POST", "/api/v1/auth/token/refresh", nil) })
			stopped.Go(func() { seen, _ = oldPhone.TryCall(t, "GET", "/api/v1/profile", nil) })
			<-time.After(time.Duration(round%3) * 60 * time.Millisecond)
			one.Signal(t, syscall.SIGSTOP)
			other := copyOf(t, tokens).From(round).At(two).Call(t, "POST", "/api/v1/auth/token/refresh", nil)
			phone.Want(t, phone.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
			one.Signal(t, syscall.SIGCONT)
			stopped.Wait()
			s.redis.Pass()
			if rotated == nil || rotated.StatusCode != 200 && rotated.StatusCode != 503 || other.StatusCode != 200 {
				t.Fatalf("I4 %v and %d", rotated, other.StatusCode)
			}
			if rotated.StatusCode == 200 && rotated.Cookie("refresh").Value != other.Cookie("refresh").Value {
				t.Error("I3 two heads")
			}
			next := raw(two, other.Cookie("refresh")).From(round)
			next.Want(t, next.Call(t, "POST", "/api/v1/auth/token/refresh", nil), 200)
			if seen == nil {
				t.Error("the request that was stopped has no answer")
			}
			for _, srv := range []*running.Server{one, two} {
				oldPhone.Want(t, oldPhone.At(srv).Call(t, "GET", "/api/v1/profile", nil), 401)
			}
		}
		alice.Want(t, alice.Call(t, "GET", "/api/v1/profile", nil), 200)
	})
}
