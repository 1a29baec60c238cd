package faultproxy

import (
	"crypto/rand"
	"math/big"
	"time"
)

type kind int

const (
	pass kind = iota
	refuse
	stall
	latency
	randomLatency
	cut
	drop
	blackHole
	drip
)

// A verb is what the proxy does to the bytes that come by. All but left is
// immutable.
type verb struct {
	kind     kind
	dir      Direction     // of cut and blackHole
	delay    time.Duration // of latency, randomLatency and drip
	size     int           // of drip, in bytes
	left     int           // bytes until the cut, replies until the drop; under Proxy.mu
	replaced chan struct{} // closed when another verb takes over
}

// Pass forwards everything.
func (p *Proxy) Pass() { p.t.Helper(); p.apply(&verb{kind: pass}) }

// Refuse closes the port, so that new connections are refused, and every open
// connection, as when the server dies. The next verb opens the port again.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.set(&verb{kind: refuse})
		p.stopListening()
		p.dropAll()
	}
}

// Stall accepts connections and reads, but forwards nothing, as when the server
// hangs. Nothing is lost: on the next verb what was read goes on, even if its
// sender has given up by then. That is how a command can be carried out long
// after its time-out.
func (p *Proxy) Stall() { p.t.Helper(); p.apply(&verb{kind: stall}) }

// Latency makes every round trip d longer, half of it on each way.
func (p *Proxy) Latency(d time.Duration) {
	p.t.Helper()
	p.need(d >= 0, "a latency is not negative")
	p.apply(&verb{kind: latency, delay: d})
}

// RandomLatency makes every round trip longer by up to limit; each way gets a
// random part of its half.
func (p *Proxy) RandomLatency(limit time.Duration) {
	p.t.Helper()
	p.need(limit >= 0, "a latency is not negative")
	p.apply(&verb{kind: randomLatency, delay: limit})
}

// CutAfter forwards n more bytes of direction d, counted over all connections,
// and closes the connection that carries the last of them, both ends; an answer
// to what was forwarded does not get through. Then the verb is Pass. With n = 0
// the connection is cut in place of the next chunk.
func (p *Proxy) CutAfter(d Direction, n int) {
	p.t.Helper()
	p.need(n >= 0, "CutAfter counts bytes from 0")
	p.apply(&verb{kind: cut, dir: d, left: n})
}

// DropReply forwards requests and replies up to the k-th reply from now, counted
// from 1 over all connections. Of that one it forwards nothing, and it closes
// its connection, both ends. Then the verb is Pass. Upstream has carried the
// request out. The package comment says what a reply is.
func (p *Proxy) DropReply(k int) {
	p.t.Helper()
	p.need(k >= 1, "DropReply counts replies from 1")
	p.apply(&verb{kind: drop, left: k})
}

// BlackHole reads direction d and loses it, the end of the stream included.
// The other direction passes and connections stay open, as behind a firewall
// that has forgotten them.
func (p *Proxy) BlackHole(d Direction) {
	p.t.Helper()
	p.apply(&verb{kind: blackHole, dir: d})
}

// Drip forwards at most n bytes of each direction of each connection per
// interval.
func (p *Proxy) Drip(n int, interval time.Duration) {
	p.t.Helper()
	p.need(n >= 1 && interval >= 0, "Drip wants at least one byte per interval; Stall forwards none")
	p.apply(&verb{kind: drip, size: n, delay: interval})
}

// need ends the test at an argument that makes no sense.
func (p *Proxy) need(ok bool, what string) {
	p.t.Helper()
	if !ok {
		p.t.Fatal("faultproxy: " + what)
	}
}

// wait is the delay of the next chunk in one direction.
func (v *verb) wait() time.Duration {
	switch v.kind {
	case latency:
		return v.delay / 2
	case randomLatency:
		n, err := rand.Int(rand.Reader, big.NewInt(int64(v.delay/2)+1))
		if err != nil {
			panic(err) // never happens, see crypto/rand
		}
		return time.Duration(n.Int64())
	default:
		return v.delay
	}
}

// stops reports whether nothing of direction d passes for now.
func (v *verb) stops(d Direction) bool {
	return v.kind == stall || v.kind == blackHole && v.dir == d
}

// spend takes up to n from what v has left and reports whether that was the
// last of it; then v has struck and Pass is in force. A v that is in force no
// longer has nothing to take.
func (p *Proxy) spend(v *verb, n int) (taken int, struck, inForce bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.verb != v {
		return 0, false, false
	}
	taken = min(n, v.left)
	v.left -= taken
	if v.left > 0 {
		return taken, false, true
	}
	p.faults.Add(1)
	p.set(&verb{kind: pass})
	return taken, true, true
}
