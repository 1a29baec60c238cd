package faultproxy

import (
	"net"
	"testing"
	"time"
)

// A fakeConn does on Write what a test wants and nothing else.
type fakeConn struct {
	net.Conn
	onWrite func(b []byte)
}

func (c *fakeConn) Write(b []byte) (int, error) {
	c.onWrite(b)
	return len(b), nil
}

func (c *fakeConn) Close() error { return nil }

// The server may answer the last bytes before a cut faster than the connection
// is closed. Here it answers before the write of those bytes is even over.
func TestNoAnswerAfterACut(t *testing.T) {
	p := New(t, "127.0.0.1:1")
	answered := make(chan string, 1)
	client := &fakeConn{onWrite: func(b []byte) { answered <- string(b) }}
	c := &conn{proxy: p, client: client, done: make(chan struct{})}
	over := make(chan struct{})
	upstream := &fakeConn{onWrite: func([]byte) {
		go func() {
			defer close(over)
			c.forward(Down, client, []byte("answer"))
		}()
		select {
		case <-over:
		case <-time.After(50 * time.Millisecond):
		}
	}}
	c.upstream = upstream
	p.CutAfter(Up, 7)
	if c.forward(Up, upstream, []byte("command and more")) {
		t.Error("F04 the connection goes on after the cut")
	}
	c.close()
	<-over
	select {
	case got := <-answered:
		t.Errorf("F04 the client got %q", got)
	default:
	}
}

// A connection that was accepted just before must not slip through.
func TestNoConnectionAfterTheEnd(t *testing.T) {
	p := New(t, "127.0.0.1:1")
	p.Refuse()
	if p.add(&conn{proxy: p}) {
		t.Error("F01 a connection was added while refusing")
	}
	p.Pass()
	p.Close()
	if p.add(&conn{proxy: p}) {
		t.Error("a connection was added after Close")
	}
}
