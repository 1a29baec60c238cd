package redistest

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Numbers of Redis Cluster.
const (
	slots     = 16384 // hash slots in all
	busOffset = 10000 // from the port of a node to the one for other nodes
)

// Cluster starts a Redis Cluster of n masters, without replicas, that share the
// hash slots, and returns a client of the cluster and its nodes (F12). It skips
// the test without redis-server.
func Cluster(t testing.TB, n int) (redis.UniversalClient, []*Server) {
	t.Helper()
	if n < 1 {
		t.Fatalf("redistest: a cluster of %d nodes", n)
	}
	path := binary(t, "a cluster")
	nodes := make([]*Server, n)
	addrs := make([]string, n)
	for i := range nodes {
		nodes[i] = startProcess(t, path, []string{
			"--cluster-enabled", "yes",
			"--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", strconv.FormatInt(patience.Milliseconds(), 10), // load is no failure
		}, busOffset)
		addrs[i] = nodes[i].addr
	}
	for i, node := range nodes {
		node.join(nodes[:i], slots*i/n, slots*(i+1)/n-1)
	}
	for _, node := range nodes {
		node.await("the cluster is not complete", func() bool { return node.knows(n) })
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c, nodes
}

// join gives s its slots and makes it known to the nodes before it. They would
// hear of each other by gossip, only later.
func (s *Server) join(before []*Server, from, to int) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	// Epochs of their own spare the nodes the conflict of equal ones.
	s.must(s.admin.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", len(before)+1).Err())
	s.must(s.admin.ClusterAddSlotsRange(ctx, from, to).Err())
	for _, node := range before {
		host, port, err := net.SplitHostPort(node.addr)
		s.must(err)
		s.must(s.admin.ClusterMeet(ctx, host, port).Err())
	}
}

// knows reports whether s sees n nodes and an owner for every slot.
func (s *Server) knows(n int) bool {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	info, err := s.admin.ClusterInfo(ctx).Result()
	s.must(err)
	ranges, err := s.admin.ClusterSlots(ctx).Result() //nolint:staticcheck // CLUSTER SHARDS is not in Redis 6
	s.must(err)
	return strings.Contains(info, "cluster_state:ok\r\n") &&
		strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(n)+"\r\n") &&
		len(ranges) == n
}

// await polls until done.
func (s *Server) await(otherwise string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(poll) {
		if time.Now().After(end) {
			s.t.Fatalf("redistest: after %v %s", patience, otherwise)
		}
	}
}
