package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// watched is the name by which Sentinel knows the primary.
	watched = "sallyport"
	// sentinels is how many there are, and quorum how many of them must miss the
	// primary.
	sentinels, quorum = 3, 2
	// downAfter is how long a primary may be silent: more than one of a loaded
	// machine, and no more than a test can wait for.
	downAfter = 1500 * time.Millisecond
	// failoverTimeout bounds an attempt. The next one may begin after twice that.
	failoverTimeout = 3 * time.Second
)

// A Watch is a primary and its replica, under the names that they began with, and
// the Sentinels that watch them and replace a primary that is silent for 1.5 s.
type Watch struct {
	Primary, Replica *Server
	Sentinels        []*Server
}

// Sentinel starts a primary, a replica that is in step with it, and three
// Sentinels of which two decide. It skips the test without redis-server.
func Sentinel(t testing.TB) *Watch {
	t.Helper()
	path := binary(t, "Sentinel")
	at := []string{"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}
	w := &Watch{Primary: startProcess(t, path, at), Replica: startProcess(t, path, at)}
	w.Replica.follow(w.Primary.addr)
	w.Replica.await("the replica has not found its primary", func() bool {
		return w.Replica.replication("master_link_status") == "up"
	})
	for range sentinels {
		w.Sentinels = append(w.Sentinels, startSentinel(t, path, w.Primary.addr))
	}
	for _, s := range w.Sentinels {
		s.await("the Sentinels do not know each other and the replica", s.watches)
	}
	return w
}

func startSentinel(t testing.TB, path, primary string) *Server {
	t.Helper()
	host, port, err := net.SplitHostPort(primary)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{path: path, dir: t.TempDir(), conf: "sentinel.conf", args: []string{"--sentinel"}}
	conf := fmt.Sprintf("sentinel monitor %s %s %s %d\n", watched, host, port, quorum) +
		fmt.Sprintf("sentinel down-after-milliseconds %s %d\n", watched, downAfter.Milliseconds()) +
		fmt.Sprintf("sentinel failover-timeout %s %d\n", watched, failoverTimeout.Milliseconds())
	if err := os.WriteFile(filepath.Join(p.dir, p.conf), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, p)
}

// watches reports whether s, a Sentinel, knows whom it needs for a failover.
func (s *Server) watches() bool {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	info, err := s.admin.Info(ctx, "sentinel").Result()
	s.must(err)
	return strings.Contains(info, fmt.Sprintf("status=ok,address=%s,slaves=1,sentinels=%d", s.primary(), sentinels))
}

// primary is the address that s, a Sentinel, gives to clients.
func (s *Server) primary() string {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	addr, err := s.admin.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", watched).StringSlice()
	s.must(err)
	return net.JoinHostPort(addr[0], addr[1])
}

// Options returns the options of a client that asks the Sentinels for the
// primary. Like those of Client they obey the deadlines of contexts.
func (w *Watch) Options() *redis.FailoverOptions {
	o := &redis.FailoverOptions{MasterName: watched, ContextTimeoutEnabled: true, DisableIdentity: true}
	for _, s := range w.Sentinels {
		o.SentinelAddrs = append(o.SentinelAddrs, s.addr)
	}
	return o
}

// Client returns a client that follows the primary. It is closed when the test
// ends.
func (w *Watch) Client() redis.UniversalClient {
	w.Primary.t.Helper()
	c := redis.NewFailoverClient(w.Options())
	w.Primary.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Hold makes the replica follow nobody that answers, so that what is written from
// here on is lost if the primary dies soon (F09). Sentinel puts it right after a
// few seconds.
func (w *Watch) Hold() {
	w.Primary.t.Helper()
	w.Replica.follow("127.0.0.1:1")
}

// AwaitPromotion returns when the replica takes writes and all Sentinels say so.
func (w *Watch) AwaitPromotion() {
	w.Primary.t.Helper()
	w.Replica.await("no replica was promoted", func() bool {
		if w.Replica.replication("role") != "master" {
			return false
		}
		for _, s := range w.Sentinels {
			if s.primary() != w.Replica.addr {
				return false
			}
		}
		return true
	})
}

// Replicated waits until the replica has every write of the last connection of c,
// whose pool must have one: WAIT knows those of its own.
func Replicated(ctx context.Context, c redis.UniversalClient) error {
	n, err := c.Do(ctx, "WAIT", 1, patience.Milliseconds()).Int()
	if err == nil && n < 1 {
		err = fmt.Errorf("redistest: no replica after %v", patience)
	}
	return err
}
