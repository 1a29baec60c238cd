package redistest

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
)

// A Pair is a primary and its replica, under the names that they began with.
type Pair struct {
	Primary, Replica *Server
	// Link carries the replication. Break it to hold writes back from the
	// replica and so to lose them at a failover (F09).
	Link *faultproxy.Proxy

	writable atomic.Pointer[string] // the address of the one that takes writes
}

// Failover starts a primary and a replica that is in step with it. It skips the
// test without redis-server.
func Failover(t testing.TB) *Pair {
	t.Helper()
	path := binary(t, "a primary with a replica")
	at := []string{"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"}
	p := &Pair{Primary: startProcess(t, path, at), Replica: startProcess(t, path, at)}
	p.writable.Store(&p.Primary.addr)
	p.Link = faultproxy.New(t, p.Primary.addr)
	p.Replica.follow(p.Link.Addr())
	p.Replica.await("the replica has not found its primary", func() bool {
		return p.Replica.replication("master_link_status") == "up"
	})
	return p
}

// Client returns a client that connects to whichever of the two takes writes, as
// through a name that moves at a failover. Connections that are open stay where
// they are (F08).
func (p *Pair) Client() redis.UniversalClient {
	p.Primary.t.Helper()
	o := options("primary")
	o.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, *p.writable.Load())
	}
	return client(p.Primary.t, o)
}

// Sync waits until the replica has every write that the primary has answered.
func (p *Pair) Sync() {
	p.Primary.t.Helper()
	want := p.Primary.offset("master_repl_offset")
	p.Replica.await("the replica is behind", func() bool { return p.Replica.offset("slave_repl_offset") >= want })
}

// Promote is the failover: the replica becomes the primary, with what it has got
// so far, and new connections of Client go to it. The old primary, if it runs,
// becomes its replica: it refuses the writes of those who are still connected
// (READONLY), and takes over the data of the new one.
func (p *Pair) Promote() {
	p.Primary.t.Helper()
	p.Replica.follow("")
	p.writable.Store(&p.Replica.addr)
	if p.Primary.up {
		p.Primary.follow(p.Replica.addr)
	}
}

// follow makes s a replica of the server at addr, or a primary if addr is empty.
func (s *Server) follow(addr string) {
	s.t.Helper()
	host, port := "NO", "ONE"
	if addr != "" {
		var err error
		host, port, err = net.SplitHostPort(addr)
		s.must(err)
	}
	ctx, cancel := s.context()
	defer cancel()
	s.must(s.admin.Do(ctx, "REPLICAOF", host, port).Err())
}

// replication returns a field of INFO replication, or "".
func (s *Server) replication(field string) string {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	info, err := s.admin.Info(ctx, "replication").Result()
	s.must(err)
	for line := range strings.SplitSeq(info, "\r\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return value
		}
	}
	return ""
}

func (s *Server) offset(field string) int64 {
	s.t.Helper()
	n, err := strconv.ParseInt(s.replication(field), 10, 64)
	s.must(err)
	return n
}
