package redistest

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

// A Server is a Redis of the test's own. Its methods end the test if they fail,
// so they belong on its goroutine.
type Server struct {
	t     testing.TB
	addr  string
	admin *redis.Client
	proc  *process // nil: the stand-in
	mini  *standIn // nil: a process, or stopped
	up    bool
}

// Start starts an empty server that is gone when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		testkit.Unavailable(t, "redis-server: not on PATH, miniredis stood in")
		return startStandIn(t)
	}
	return startProcess(t, path, nil)
}

// binary returns redis-server, or skips the test for the lack of it.
func binary(t testing.TB, purpose string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		testkit.Skip(t, "redis-server: not on PATH, and nothing stands in for "+purpose)
	}
	return path
}

// starts is how many ports are tried for one server.
const starts = 20

// startProcess starts a real server on a port that is free, as are those at the
// offsets from it.
func startProcess(t testing.TB, path string, args []string, offsets ...int) *Server {
	t.Helper()
	return serve(t, &process{path: path, dir: t.TempDir(), args: args}, offsets...)
}

// serve finds a port for p and starts it.
func serve(t testing.TB, p *process, offsets ...int) *Server {
	t.Helper()
	for try := 1; ; try++ {
		var err error
		if p.port, err = loopback.Port(offsets...); err != nil {
			t.Fatal(err)
		}
		if err = p.start(); err == nil {
			break
		}
		if !errors.Is(err, errExited) || try == starts {
			t.Fatalf("redistest: %v", err)
		}
	}
	s := &Server{t: t, addr: loopback.Addr(p.port), proc: p}
	s.begin()
	return s
}

func startStandIn(t testing.TB) *Server {
	t.Helper()
	port, err := loopback.Port()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, addr: loopback.Addr(port)}
	if s.mini, err = newStandIn(s.addr); err != nil {
		t.Fatalf("redistest: %v", err)
	}
	s.begin()
	return s
}

// begin completes a server that runs.
func (s *Server) begin() {
	s.up = true
	s.t.Cleanup(s.Stop)
	s.admin = client(s.t, options(s.addr))
}

// Addr returns host and port. It stays the same over Stop and Start.
func (s *Server) Addr() string { return s.addr }

// URL returns the address in the form of REDIS_URL.
func (s *Server) URL() string { return "redis://" + s.addr + "/0" }

// Real reports whether this is a redis-server and not miniredis.
func (s *Server) Real() bool { return s.proc != nil }

// Client returns a client of its own, with a pool of its own, that is closed when
// the test ends.
func (s *Server) Client() redis.UniversalClient {
	s.t.Helper()
	return Client(s.t, s.addr)
}

// Stop kills the server: connections end and new ones are refused (F01). Its data
// is gone, as it is after any restart without persistence (F10).
func (s *Server) Stop() {
	if !s.up {
		return
	}
	s.up = false
	if s.proc != nil {
		s.proc.kill()
		return
	}
	s.mini.close()
	s.mini = nil
}

// Start starts a stopped server again, empty, at the same address.
func (s *Server) Start() {
	s.t.Helper()
	if s.up {
		return
	}
	err := s.start()
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); err = s.start() {
		time.Sleep(poll)
	}
	if err != nil {
		s.t.Fatalf("redistest: cannot start again: %v", err)
	}
	s.up = true
}

func (s *Server) start() (err error) {
	if s.proc != nil {
		return s.proc.start()
	}
	s.mini, err = newStandIn(s.addr)
	return err
}

// Pause stops the process where it is: connections stay open and are accepted,
// and nothing answers (F02), until Resume. It skips the test without a real
// server.
func (s *Server) Pause() {
	s.t.Helper()
	s.real("pausing it")
	s.must(suspend(s.proc.cmd.Process))
}

// Resume lets a paused server go on, with what has queued up meanwhile.
func (s *Server) Resume() {
	s.t.Helper()
	s.real("pausing it")
	s.must(resume(s.proc.cmd.Process))
}

// Config sets a configuration parameter, such as maxmemory (F06, F07). It skips
// the test without a real server.
func (s *Server) Config(name, value string) {
	s.t.Helper()
	s.real("its configuration")
	ctx, cancel := s.context()
	defer cancel()
	s.must(s.admin.ConfigSet(ctx, name, value).Err())
}

// FlushAll deletes every key.
func (s *Server) FlushAll() {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	s.must(s.admin.FlushAll(ctx).Err())
}

func (s *Server) real(purpose string) {
	s.t.Helper()
	if !s.Real() {
		testkit.Skip(s.t, "redis-server: not on PATH, and nothing stands in for "+purpose)
	}
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
}

// context bounds one command of the server's own.
func (s *Server) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
