package faultproxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
)

// patience is the longest that anything may take that does not wait by design.
const patience = 20 * time.Second

// moment is how long a test waits to be sure that nothing comes.
const moment = 60 * time.Millisecond

// An upstream answers each line with "re:" and the line, and remembers what it
// has read.
type upstream struct {
	net.Listener
	mu   sync.Mutex
	read []byte
	more chan struct{} // gets a value whenever something was read
	wg   sync.WaitGroup
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{Listener: l, more: make(chan struct{}, 1)}
	u.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.wg.Go(func() { u.answer(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		u.wg.Wait() // the proxy is closed by now, and its connections with it
	})
	return u
}

func (u *upstream) answer(c net.Conn) {
	defer c.Close()
	lines := bufio.NewReader(io.TeeReader(c, u))
	for {
		line, err := lines.ReadString('\n')
		if err == nil || line != "" {
			if _, err := io.WriteString(c, "re:"+line); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Write notes what was read.
func (u *upstream) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read = append(u.read, b...)
	select {
	case u.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (u *upstream) seen() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return string(u.read)
}

// waitFor waits until upstream has read exactly this.
func (u *upstream) waitFor(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		if u.seen() == want {
			return
		}
		select {
		case <-u.more:
		case <-timeout:
			t.Fatalf("upstream has read %q, want %q", u.seen(), want)
		}
	}
}

// A client is one connection to the proxy.
type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *faultproxy.Proxy) *client {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads one answer.
func (c *client) hear(want string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if got, err := c.in.ReadString('\n'); got != want || err != nil {
		c.t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// ask says a line and hears its answer.
func (c *client) ask(line string) {
	c.t.Helper()
	c.say(line)
	c.hear("re:" + line)
}

// hearNothing asserts that the connection is open and silent.
func (c *client) hearNothing() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(moment))
	b, err := c.in.ReadByte()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("got %q, %v, want silence", b, err)
	}
}

// hearEnd asserts that these bytes come and then the end of the connection.
func (c *client) hearEnd(want string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(c.in)
	if string(got) != want || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("got %q, %v, want %q and the end", got, err, want)
	}
}
