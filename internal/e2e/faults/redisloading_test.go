package faults

import (
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// TestRedisLoading is a Redis that comes back with its data, and takes its time to read
// them: until then it accepts, answers HELLO, and all else with LOADING.
func TestRedisLoading(t *testing.T) {
	s := newStage(t)
	u := s.use(t, s.start(t, running.Options{}))
	phone := u.srv.Login(t, "alice@example.com", words)
	gone := copyOf(t, phone)
	phone.Want(t, phone.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
	corpus.Case(t, "F11", "Redis is restarted with its data, and loads them", "503 with Retry-After, public routes work; afterwards all are still signed in and who was not is not", func(t *testing.T) {
		loaded := s.loading(t)
		u.fails(t)
		unavailable(t, within(t, budget, gone, "GET", "/api/v1/profile", nil))
		fresh := s.start(t, running.Options{}) // no reason not to start
		unavailable(t, within(t, budget, u.alice.At(fresh), "GET", "/api/v1/profile", nil))
		loaded()
		u.recovers(t)
		eventually(t, u.alice.At(fresh), "GET", "/api/v1/profile", nil, 200)
		gone.Want(t, gone.Call(t, "GET", "/api/v1/profile", nil), 401)
	})
}

// loading restarts Redis at its address from a snapshot, one key in ten milliseconds. To
// call loaded lets it have the rest at once.
func (s *stage) loading(t *testing.T) (loaded func()) {
	t.Helper()
	c := s.Redis.Client()
	if !s.Redis.Real() {
		testkit.Skip(t, "redis-server: not on PATH, and nothing stands in for one that loads")
	}
	dir, err := c.ConfigGet(t.Context(), "dir").Result()
	if err != nil {
		t.Fatal(err)
	}
	// Between two pieces of the file Redis looks at its clients: these are the pieces.
	s.Redis.Config("rdbcompression", "no")
	const fillers = "for i = 1, 10000 do redis.call('SET', 'filler:' .. i, string.rep('x', 1100), 'EX', 3600) end"
	if err := c.Eval(t.Context(), fillers, nil).Err(); err != nil && !strings.Contains(err.Error(), "nil") {
		t.Fatal(err)
	}
	if err := c.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.Redis.Stop()
	_, port, err := net.SplitHostPort(s.Redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	slow := exec.CommandContext(t.Context(), "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir["dir"], "--save", "",
		"--key-load-delay", strconv.FormatInt((10*time.Millisecond).Microseconds(), 10), "--loading-process-events-interval-bytes", "1024")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slow.Wait() }) // the end of the context has killed it
	again := redistest.Client(t, s.Redis.Addr())
	for end := time.Now().Add(recovery); !redisRefuses(again.Get(t.Context(), "filler:1").Err(), "LOADING"); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Redis does not load")
		}
	}
	return func() {
		t.Helper()
		if err := again.ConfigSet(t.Context(), "key-load-delay", "0").Err(); err != nil {
			t.Fatal(err)
		}
	}
}
