package faults

import (
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// TestRedisPaused stops the process of Redis, as a machine that swaps or is moved does.
// The kernel goes on for it: it accepts until the queue is full, and then answers nothing.
func TestRedisPaused(t *testing.T) {
	t.Parallel() // it waits more than it works
	pause := 5 * time.Second
	if running.Long() {
		pause = time.Minute
	}
	s := newStage(t)
	u := s.use(t, s.start(t, running.Options{Redis: s.Redis.URL()})) // no proxy, which accepts all
	corpus.Case(t, "F02", "SIGSTOP of Redis for "+pause.String()+" while requests come in, then SIGCONT", "503 in time, I5: no connections and no memory pile up, all works at once", func(t *testing.T) {
		const clients = 32
		before, resident := files(t, u.srv), status(t, u.srv, "VmRSS")
		s.Redis.Pause()
		defer s.Redis.Resume()
		u.fails(t)
		end := time.Now().Add(pause)
		answers := make([]int, clients)
		var load sync.WaitGroup
		for i := range clients {
			c := u.alice.From(i)
			load.Go(func() {
				defer c.HTTP.CloseIdleConnections()
				for time.Now().Before(end) {
					a, err := c.TryCall(t, "GET", "/api/v1/profile", nil)
					if err != nil || a.StatusCode != 503 || a.Took > budget {
						t.Errorf("I1 I6 %v, %v", a, err)
						return
					}
					answers[i]++
				}
			})
		}
		most := 0
		for time.Now().Before(end) {
			most = max(most, files(t, u.srv))
			<-time.After(50 * time.Millisecond)
		}
		load.Wait()
		all := 0
		for i, n := range answers {
			all += n
			if n == 0 {
				t.Errorf("I6 client %d has had no answer", i)
			}
		}
		grown := status(t, u.srv, "VmRSS") - resident
		s.Redis.Resume()
		// The revocations that were answered with 503 may be carried out now.
		eventually(t, u.srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
		u.signIn(t)
		u.recovers(t)
		t.Logf("%d answers; %d files open before, %d at most, %d now; %d kB more", all, before, most, files(t, u.srv), grown)
		// Each client has a connection, and each request that waits one to Redis. What stays
		// afterwards are the pools, and connections of clients that may come again.
		if most > before+3*clients {
			t.Errorf("I5 %d files were open, %d before", most, before)
		}
		if grown > 64<<10 {
			t.Errorf("I5 %d kB more than before", grown)
		}
		for end := time.Now().Add(recovery); files(t, u.srv) > before+2*clients; <-time.After(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("I5 %d files are open, %d before", files(t, u.srv), before)
			}
		}
	})
}
