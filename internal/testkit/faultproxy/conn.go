package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// chunk is the most that one read takes, in bytes.
const chunk = 32 << 10

// A conn is a client's connection and its counterpart upstream.
type conn struct {
	proxy            *Proxy
	client, upstream net.Conn
	asked            atomic.Bool  // the client has sent something since the last reply began
	cut              atomic.Bool  // the last bytes are on their way: an answer to them is not
	ended            atomic.Int32 // directions that are over
	once             sync.Once
	done             chan struct{} // closed with the conn
}

func (c *conn) close() {
	c.once.Do(func() {
		close(c.done)
		_ = c.client.Close()
		_ = c.upstream.Close()
	})
}

// pump carries one direction until its end. A stream that ends closes only its
// own direction, for an answer may still be on its way in the other; anything
// else that goes wrong closes both.
func (c *conn) pump(d Direction, dst, src net.Conn) {
	buf := make([]byte, chunk)
	for {
		n, err := src.Read(buf)
		if n > 0 && !c.forward(d, dst, buf[:n]) {
			break
		}
		if errors.Is(err, io.EOF) {
			if half, ok := dst.(interface{ CloseWrite() error }); ok && c.clear(d) && half.CloseWrite() == nil && c.ended.Add(1) == 1 {
				return // the other direction goes on and cleans up
			}
			break
		}
		if err != nil {
			break
		}
	}
	c.proxy.remove(c)
	c.close()
}

// clear waits until d is not stopped and reports whether the conn is alive.
func (c *conn) clear(d Direction) bool {
	for {
		v := c.proxy.current()
		if !v.stops(d) {
			return true
		}
		if c.pause(v, -1) == closed {
			return false
		}
	}
}

// forward does to b what the verb says and reports whether the conn goes on. A
// verb that changes while b waits decides about the rest of b.
func (c *conn) forward(d Direction, dst net.Conn, b []byte) bool {
	begins := d == Down && c.asked.Swap(false) // b begins a reply
	for len(b) > 0 {
		if c.cut.Load() {
			<-c.done
			return false
		}
		v := c.proxy.current()
		n := len(b)
		switch v.kind {
		case refuse:
			return false
		case stall:
			if c.pause(v, -1) == closed {
				return false
			}
			continue
		case latency, randomLatency, drip:
			switch c.pause(v, v.wait()) {
			case closed:
				return false
			case replaced:
				continue
			}
			if v.kind == drip {
				n = min(n, v.size)
			}
		case blackHole:
			if v.dir == d {
				return true
			}
		case cut:
			if v.dir != d {
				break
			}
			taken, struck, inForce := c.proxy.spend(v, n)
			if !inForce {
				continue
			}
			if struck {
				c.cut.Store(true)
				_ = c.write(d, dst, b[:taken])
				return false
			}
		case drop:
			if !begins {
				break
			}
			_, struck, inForce := c.proxy.spend(v, 1)
			if !inForce {
				continue
			}
			if struck {
				return false
			}
		}
		if !c.write(d, dst, b[:n]) {
			return false
		}
		b, begins = b[n:], false
	}
	return true
}

func (c *conn) write(d Direction, dst net.Conn, b []byte) bool {
	if d == Up {
		// Before the write, since the reply may come at once.
		c.asked.Store(true)
	}
	// So is the count: who has seen the bytes may ask for it.
	c.proxy.bytes[d].Add(int64(len(b)))
	n, err := dst.Write(b)
	c.proxy.bytes[d].Add(int64(n - len(b)))
	return err == nil
}

// An outcome tells why a pause is over.
type outcome int

const (
	elapsed outcome = iota
	replaced
	closed
)

// pause waits for d, or without limit if d is negative, but not beyond the verb
// or the conn.
func (c *conn) pause(v *verb, d time.Duration) outcome {
	var after <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-after:
		return elapsed
	case <-v.replaced:
		return replaced
	case <-c.done:
		return closed
	}
}
