package scale

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// A tap is between a process and PostgreSQL. It counts, and can be shut.
type tap struct {
	listener net.Listener
	target   string

	statements atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	shut  bool
}

// newTap returns a tap, and the address of the database by way of it.
func newTap(t *testing.T, database string) (*tap, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{target: u.Host}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	t.Cleanup(p.close)
	go func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			go p.join(client)
		}
	}()
	return p, u.String()
}

// close refuses connections, and ends those that are there.
func (p *tap) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	for _, c := range p.conns {
		_ = c.Close()
	}
}

func (p *tap) join(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	shut := p.shut
	p.mu.Unlock()
	if shut {
		p.close()
	}
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	p.read(client, server)
	_ = server.Close()
}

// read passes on the messages of a client: the first one has a length, all others a type
// before it (PostgreSQL, "Frontend/Backend Protocol", §55.7).
func (p *tap) read(client io.Reader, server io.Writer) {
	for first := true; ; first = false {
		header := make([]byte, 5)
		if first {
			header = header[1:]
		}
		if _, err := io.ReadFull(client, header); err != nil {
			return
		}
		if !first && (header[0] == 'E' || header[0] == 'Q') { // Execute, and a query without parameters
			p.statements.Add(1)
		}
		if _, err := server.Write(header); err != nil {
			return
		}
		size := int64(binary.BigEndian.Uint32(header[len(header)-4:])) - 4
		if _, err := io.CopyN(server, client, size); err != nil {
			return
		}
	}
}
