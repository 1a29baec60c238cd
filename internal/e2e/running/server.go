package running

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

// patience bounds the start and the end of a server.
const patience = 60 * time.Second

// program builds the reference server once for all tests of a package, unless
// SALLYPORT_REFERENCE names one that is built.
var program = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("SALLYPORT_REFERENCE"); bin != "" {
		return bin, nil
	}
	// Test packages lie at different depths.
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-sallyport/auth").Output()
	if err != nil {
		return "", err
	}
	root := strings.TrimSpace(string(module))
	dir, err := os.MkdirTemp("", "sallyport-running-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "reference")
	build := exec.Command("go", "build", "-o", bin, "./reference")
	build.Dir = filepath.Join(root, "examples")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return bin, nil
})

// Options are how a server differs from the usual one.
type Options struct {
	DB    string   // the address of the database, such as that of a proxy to it
	Redis string   // the URL of Redis, likewise
	Args  []string // further flags
	Env   []string // further environment, such as OIDC_ISSUER=…
}

// A Server is a process of the reference server. It is killed when the test ends.
type Server struct {
	URL   string // of this process
	Base  string // of the service: links, issuer
	Admin string // the password of AdminEmail

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
	err    error         // how it ended; after exited

	mu  sync.Mutex
	out bytes.Buffer
}

// AdminEmail is the address of the administrator that a server begins with.
const AdminEmail = "admin@example.com"

// Start starts a server on b and returns when it answers.
func (b *Backend) Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := b.start(t, o)
	// Somebody else may have taken the port that was free a moment ago.
	for try := 0; err != nil && try < 5 && strings.Contains(s.Log(), "address already in use"); try++ {
		if b.baseURL == s.URL {
			b.baseURL = ""
		}
		s, err = b.start(t, o)
	}
	if err != nil {
		t.Fatalf("the reference server: %v\n%s", err, s.Log())
	}
	return s
}

// TryStart is Start for a server that may refuse to: err says how it ended, Log
// what it said.
func (b *Backend) TryStart(t testing.TB, o Options) (*Server, error) {
	t.Helper()
	return b.start(t, o)
}

func (b *Backend) start(t testing.TB, o Options) (*Server, error) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	port, err := loopback.Port()
	if err != nil {
		t.Fatal(err)
	}
	addr := loopback.Addr(port)
	s := &Server{URL: "http://" + addr, exited: make(chan struct{})}
	if b.baseURL == "" {
		b.baseURL = s.URL
	}
	s.Base = b.baseURL
	db, redis := o.DB, o.Redis
	if db == "" {
		db = b.DB.URL()
	}
	if redis == "" && b.Redis != nil {
		redis = b.Redis.URL()
	}
	args := append([]string{"-addr", addr, "-base-url", b.baseURL, "-db", db, "-redis", redis, "-secrets", b.secrets}, o.Args...)
	s.cmd = exec.Command(bin, args...)
	s.cmd.Env = append(os.Environ(), o.Env...)
	s.cmd.Stderr = &locked{s: s}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	go s.listen(b, stdout)
	if err := s.await(t.Context()); err != nil {
		return s, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Admin = b.admin
	return s, nil
}

// listen keeps what the process says and waits for its end.
func (s *Server) listen(b *Backend, stdout io.Reader) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		s.mu.Lock()
		if _, pw, ok := strings.Cut(lines.Text(), "admin: "+AdminEmail+" password: "); ok {
			b.admin = pw
		}
		s.out.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
	}
	s.err = s.cmd.Wait()
	close(s.exited)
}

// await returns when the server answers at all.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(r); err == nil {
			_ = res.Body.Close()
			// It says the password of the administrator before it serves, but what it
			// says is read on another goroutine.
			if strings.Contains(s.Log(), "listening on ") {
				return nil
			}
		}
		select {
		case <-s.exited:
			return errors.Join(errors.New("it has ended"), s.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Log returns what the process has written so far, to both streams.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// PID is the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Status is a number of /proc/PID/status, in KiB where it has a unit: VmRSS, VmHWM,
// Threads. Not ok: this system has none.
func (s *Server) Status(name string) (n int, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID()) + "/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			n, err = strconv.Atoi(strings.Fields(value)[0])
			return n, err == nil
		}
	}
	return 0, false
}

// Kill ends the process at once, as kill -9 does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// Signal sends one, such as SIGSTOP.
func (s *Server) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Stop asks the process to end (SIGTERM) and returns how long it took, and how it
// ended.
func (s *Server) Stop(t testing.TB) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	s.Signal(t, syscall.SIGTERM)
	select {
	case <-s.exited:
		return time.Since(start), s.err
	case <-time.After(patience):
		t.Fatalf("the server did not end within %v", patience)
		return 0, nil
	}
}

// locked writes to the log of s.
type locked struct{ s *Server }

func (l *locked) Write(p []byte) (int, error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.out.Write(p)
}
