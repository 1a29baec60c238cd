package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// headroom is what 500 logins at once may add to the memory of the server, in kB. Without
// a bound they take 19 MiB each, which is 9.5 GiB.
const headroom = 192 << 10

func TestLoginBurst(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	for range 4 { // hash on every core
		srv.Login(t, "alice@example.com", words)
	}
	// Each that is answered 401 has cost a hash, of which a hundred at once show what they
	// take; those that still wait then hang up, unless there is time for them all.
	enough := 100
	if running.Long() {
		enough = 500
	}
	corpus.Case(t, "F31", "500 logins at once from 50 addresses", "memory is bounded, those that wait too long are 503 with Retry-After, sessions are read meanwhile", func(t *testing.T) {
		before := status(t, srv, "VmRSS")
		ctx, hangUp := context.WithCancel(t.Context())
		defer hangUp()
		var mu sync.Mutex
		answers := map[int]int{}
		var burst sync.WaitGroup
		for i := range 500 {
			c := srv.Client().From(i % 50)
			burst.Go(func() {
				body := fmt.Sprintf(`{"email":"user%d@example.com","password":%q}`, i, words)
				r, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/api/v1/auth/login", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				res, err := c.HTTP.Do(r)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				_ = res.Body.Close()
				c.HTTP.CloseIdleConnections()
				mu.Lock()
				answers[res.StatusCode]++
				if answers[401] >= enough {
					hangUp()
				}
				mu.Unlock()
				if res.StatusCode != 401 && (res.StatusCode != 503 || res.Header.Get("Retry-After") == "") {
					t.Errorf("login: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
				}
			})
		}
		for range 5 {
			if a, err := alice.TryCall(t, "GET", "/api/v1/profile", nil); err != nil || a.StatusCode != 200 {
				t.Errorf("a session meanwhile: %v, %v", a, err)
			}
		}
		burst.Wait()
		most := status(t, srv, "VmHWM")
		t.Logf("answers %v; %d MiB before, %d MiB at most", answers, before>>10, most>>10)
		// 256 may wait.
		if answers[401] < 100 || answers[503] == 0 {
			t.Errorf("%v were answered: want 100 of 401, and some of 503", answers)
		}
		if most-before > headroom {
			t.Errorf("I5 %d MiB more than before", (most-before)>>10)
		}
		srv.Login(t, "alice@example.com", words)
	})
}

// pools is how many connections to PostgreSQL (20) and to Redis (10 for each core) may come
// to be kept.
func pools() int { return 20 + 10*runtime.NumCPU() }

func TestCancelledRequests(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	requests := 1500
	if running.Long() {
		requests = 10_000
	}
	const clients = 8
	burst := func(t *testing.T, n int, patience time.Duration) (answered int) {
		var mu sync.Mutex
		var load sync.WaitGroup
		for i := range clients {
			c := alice.HTTP2() // a stream is reset,
			if i%4 == 0 {
				c = alice.From(i) // or a connection closed
			}
			load.Go(func() {
				for j := range n / clients {
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(3*patience))
					path := []string{"/api/v1/profile", "/api/v1/sessions", "/account", "/api/v1/orders"}[j%4]
					r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+path, nil)
					if err != nil {
						t.Error(err)
					}
					if res, err := c.HTTP.Do(r); err == nil {
						_ = res.Body.Close()
						mu.Lock()
						answered++
						mu.Unlock()
					}
					cancel()
				}
				c.HTTP.CloseIdleConnections()
			})
		}
		load.Wait()
		return answered
	}
	corpus.Case(t, "F26", fmt.Sprintf("%d requests whose clients hang up at random moments", requests), "descriptors, threads and memory come back to what they were after the first 500", func(t *testing.T) {
		// Many are to have no answer, however fast this machine is.
		start := time.Now()
		burst(t, 500, recovery)
		usual := time.Since(start) / (500 / clients)
		settle := func(fds int) int { // idle connections of clients go
			for end := time.Now().Add(recovery / 2); ; <-time.After(50 * time.Millisecond) {
				if now := files(t, srv); now <= fds || time.Now().After(end) {
					return now
				}
			}
		}
		fds, threads, rss := settle(0), status(t, srv, "Threads"), status(t, srv, "VmRSS")
		answered := burst(t, requests, usual)
		after := settle(fds)
		t.Logf("%d of %d answered; descriptors %d, then %d; threads %d, then %d; memory %d MiB, then %d MiB",
			answered, requests, fds, after, threads, status(t, srv, "Threads"), rss>>10, status(t, srv, "VmRSS")>>10)
		if answered > requests*9/10 {
			t.Errorf("%d were answered: hardly anybody hung up", answered)
		}
		if after > fds+pools() {
			t.Errorf("I5 %d descriptors, and %d before", after, fds)
		}
		if now := status(t, srv, "Threads"); now > threads+8 {
			t.Errorf("I5 %d threads, and %d before", now, threads)
		}
		// A goroutine that is left has at least 2 KiB: this is a third of the requests with all
		// that hangs on one, and when there are many, a tenth.
		if now := status(t, srv, "VmRSS"); now > rss+min(48<<10, 16*requests) {
			t.Errorf("I5 %d MiB, and %d MiB before", now>>10, rss>>10)
		}
		alice.Want(t, alice.Call(t, "GET", "/api/v1/profile", nil), 200)
	})
}
