package faultproxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

// A Direction is one of the two ways through a Proxy.
type Direction int

// The two ways.
const (
	Up   Direction = iota // from the client to upstream: requests
	Down                  // from upstream to the client: replies
)

// A Proxy forwards TCP connections from a port of 127.0.0.1 to one upstream
// address and stages faults on the way. It begins with Pass.
//
// Its methods are safe for concurrent use, but those that open the port again
// after Refuse end the test if they cannot, so they belong on its goroutine.
type Proxy struct {
	t        testing.TB
	upstream string
	addr     string
	accepted atomic.Int64
	faults   atomic.Int64
	bytes    [2]atomic.Int64 // by Direction
	wg       sync.WaitGroup
	ctx      context.Context // done when the proxy is closed
	cancel   context.CancelFunc

	mu       sync.Mutex
	verb     *verb
	listener net.Listener // nil while refusing
	conns    map[*conn]struct{}
	closed   bool
}

// New starts a proxy in front of upstream, an address as for net.Dial. It is
// closed when the test ends.
func New(t testing.TB, upstream string) *Proxy {
	t.Helper()
	l, err := loopback.Listen()
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		t:        t,
		upstream: upstream,
		addr:     l.Addr().String(),
		verb:     &verb{replaced: make(chan struct{})},
		conns:    make(map[*conn]struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.serve(l)
	t.Cleanup(p.Close)
	return p
}

// Addr returns the address for clients. It stays the same, also over Refuse.
func (p *Proxy) Addr() string { return p.addr }

// Accepted returns how many connections clients have opened.
func (p *Proxy) Accepted() int64 { return p.accepted.Load() }

// Bytes returns how many bytes have been forwarded in a direction. What is
// delayed, swallowed or cut off does not count.
func (p *Proxy) Bytes(d Direction) int64 { return p.bytes[d].Load() }

// Faults returns how often CutAfter and DropReply have struck. A test that
// relies on one asserts that it has.
func (p *Proxy) Faults() int64 { return p.faults.Load() }

// Open returns how many connections are open now.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Reset closes every open connection. The verb stays.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropAll()
}

// Close ends the proxy and waits for its goroutines. It may be called again.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	p.stopListening()
	p.dropAll()
	p.mu.Unlock()
	p.wg.Wait()
}

// dropAll is called with p.mu held, as are set and stopListening.
func (p *Proxy) dropAll() {
	for c := range p.conns {
		c.close()
	}
	clear(p.conns)
}

func (p *Proxy) set(v *verb) {
	v.replaced = make(chan struct{})
	close(p.verb.replaced)
	p.verb = v
}

func (p *Proxy) stopListening() {
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// reopenWait is how long apply tries to have the port back. Nothing but an
// unrelated program should ever hold it.
const reopenWait = 15 * time.Second

// apply puts v in force and opens the port if it was closed.
func (p *Proxy) apply(v *verb) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.set(v)
	for start := time.Now(); p.listener == nil; time.Sleep(10 * time.Millisecond) {
		l, err := net.Listen("tcp4", p.addr)
		if err == nil {
			p.serve(l)
		} else if time.Since(start) > reopenWait {
			p.t.Fatalf("faultproxy: cannot open the port again: %v", err)
		}
	}
}

// serve accepts on l until it is closed.
func (p *Proxy) serve(l net.Listener) {
	p.listener = l
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			p.wg.Go(func() { p.connect(client) })
		}
	})
}

func (p *Proxy) connect(client net.Conn) {
	upstream, err := new(net.Dialer).DialContext(p.ctx, "tcp", p.upstream)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &conn{proxy: p, client: client, upstream: upstream, done: make(chan struct{})}
	if !p.add(c) {
		c.close()
		return
	}
	p.wg.Go(func() { c.pump(Up, upstream, client) })
	c.pump(Down, client, upstream)
}

// add reports whether c may live.
func (p *Proxy) add(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.verb.kind == refuse {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) current() *verb {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.verb
}
