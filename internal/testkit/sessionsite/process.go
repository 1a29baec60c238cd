package sessionsite

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/session"
)

// env tells a test binary that it is to be a site, and holds the job as JSON.
const env = "SALLYPORT_SESSIONSITE"

// patience is how long a process may take to start on a loaded machine.
const patience = 30 * time.Second

// A job is what a parent tells its child.
type job struct {
	Socket string
	Args   []string
}

// Main is what the TestMain of a package calls whose tests use Start. In a process
// of Start it serves the store that open returns.
func Main(m *testing.M, open func(args []string) (session.Store, error)) {
	text := os.Getenv(env)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := serve(text, open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(text string, open func(args []string) (session.Store, error)) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	s, err := open(j.Args)
	if err != nil {
		return err
	}
	return Serve(j.Socket, s, func() error {
		_, err := io.Copy(io.Discard, os.Stdin) // ends with the parent
		return err
	})
}

// A Process is a site in a child process. As a handler it passes requests on.
type Process struct {
	http.Handler
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a process, with args for the open function of Main. It is killed
// when the test ends.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	socket := Socket(t)
	text, err := json.Marshal(job{Socket: socket, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder // read when the process has ended
	p := &Process{Handler: At(socket), cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env+"="+string(text))
	p.cmd.Stderr = &said
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // it is killed, by itself or by Kill
	}()
	t.Cleanup(p.Kill)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return p
		}
		select {
		case <-p.done:
			t.Fatalf("sessionsite: the process has ended: %s", said.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("sessionsite: the process does not serve after %v", patience)
		}
	}
}

// Kill ends the process as kill -9 does, unless it has ended, and waits for that.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails if it is over
	<-p.done
}

// At returns a handler that passes requests on to the site at a socket, as if
// they had come over HTTPS. If there is no answer it answers 502.
func At(socket string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: r.In.Host})
			r.Out.Host = r.In.Host
			r.Out.Header.Set("X-Forwarded-Proto", "https")
		},
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
			MaxIdleConnsPerHost: 64,
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}
