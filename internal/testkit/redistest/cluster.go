package redistest

import (
	"net"
	"slices"
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
	nodes := masters(t, binary(t, "a cluster"), n, patience) // load is no failure
	for _, node := range nodes {
		node.await("the cluster is not complete", func() bool { return node.knows(n, n) })
	}
	return clusterClient(t, nodes), nodes
}

// ReplicatedCluster is Cluster with a replica for each master, in the same order. A
// master that is gone for timeout is replaced by its replica; what it had not passed
// on is lost then (F09). It returns the address of the cluster as go-redis parses it.
func ReplicatedCluster(t testing.TB, n int, timeout time.Duration) (url string, primaries, replicas []*Server) {
	t.Helper()
	path := binary(t, "a cluster with replicas")
	primaries = masters(t, path, n, timeout)
	for _, primary := range primaries {
		replica := startNode(t, path, timeout)
		replica.meet(primaries[0])
		replicas = append(replicas, replica)
		replica.await("the replica has not heard of its master", func() bool { return replica.hasHeardOf(primary) })
		replica.replicate(primary)
	}
	nodes := append(slices.Clone(primaries), replicas...)
	url = "redis://" + nodes[0].addr + "?addr="
	for i, node := range nodes {
		if i > 0 {
			url += node.addr + "&addr="
		}
		node.await("the cluster is not complete", func() bool { return node.knows(2*n, n) })
	}
	for _, replica := range replicas {
		replica.await("a replica is not in step", func() bool { return replica.replication("master_link_status") == "up" })
	}
	return strings.TrimSuffix(url, "&addr="), primaries, replicas
}

// masters starts n nodes that share the slots and have heard of each other.
func masters(t testing.TB, path string, n int, timeout time.Duration) []*Server {
	t.Helper()
	nodes := make([]*Server, n)
	for i := range nodes {
		nodes[i] = startNode(t, path, timeout)
	}
	for i, node := range nodes {
		node.join(nodes[:i], slots*i/n, slots*(i+1)/n-1)
	}
	return nodes
}

// startNode starts a member of a cluster that is still alone.
func startNode(t testing.TB, path string, timeout time.Duration) *Server {
	t.Helper()
	return startProcess(t, path, []string{
		"--cluster-enabled", "yes",
		"--cluster-config-file", "nodes.conf",
		"--cluster-node-timeout", strconv.FormatInt(timeout.Milliseconds(), 10),
		"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0",
	}, busOffset)
}

func clusterClient(t testing.TB, nodes []*Server) redis.UniversalClient {
	t.Helper()
	addrs := make([]string, len(nodes))
	for i, node := range nodes {
		addrs[i] = node.addr
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true, ClusterStateReloadInterval: time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return c
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
		s.meet(node)
	}
}

// meet makes s and another node known to each other.
func (s *Server) meet(node *Server) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	host, port, err := net.SplitHostPort(node.addr)
	s.must(err)
	s.must(s.admin.ClusterMeet(ctx, host, port).Err())
}

// hasHeardOf reports whether s knows another node by its name.
func (s *Server) hasHeardOf(node *Server) bool {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	list, err := s.admin.ClusterNodes(ctx).Result()
	s.must(err)
	return strings.Contains(list, node.name())
}

// replicate makes s a replica.
func (s *Server) replicate(primary *Server) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	s.must(s.admin.ClusterReplicate(ctx, primary.name()).Err())
}

// name is that of the node in its cluster.
func (s *Server) name() string {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	id, err := s.admin.ClusterMyID(ctx).Result()
	s.must(err)
	return id
}

// knows reports whether s sees so many nodes, and owners of every slot, which are in
// so many ranges.
func (s *Server) knows(nodes, owners int) bool {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	info, err := s.admin.ClusterInfo(ctx).Result()
	s.must(err)
	ranges, err := s.admin.ClusterSlots(ctx).Result() //nolint:staticcheck // CLUSTER SHARDS is not in Redis 6
	s.must(err)
	return strings.Contains(info, "cluster_state:ok\r\n") &&
		strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(nodes)+"\r\n") &&
		len(ranges) == owners
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
