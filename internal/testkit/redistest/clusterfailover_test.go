package redistest

import (
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// F09 in a cluster: a replica takes over, and the client finds it.
func TestReplicatedCluster(t *testing.T) {
	t.Parallel()
	url, primaries, replicas := ReplicatedCluster(t, 3, 500*time.Millisecond)
	o, err := redis.ParseClusterURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.ContextTimeoutEnabled = true
	o.ClusterStateReloadInterval = time.Second
	c := redis.NewClusterClient(o)
	t.Cleanup(func() { _ = c.Close() })
	for i := range 30 {
		if err := c.Set(t.Context(), strconv.Itoa(i), i, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range primaries {
		want := p.offset("master_repl_offset")
		replicas[i].await("the replica is behind", func() bool { return replicas[i].offset("slave_repl_offset") >= want })
	}
	primaries[0].Stop()
	replicas[0].await("nobody took over", func() bool { return replicas[0].replication("role") == "master" })
	for i := range 30 {
		var err error
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(poll) {
			if err = c.Get(t.Context(), strconv.Itoa(i)).Err(); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("key %d: %v", i, err)
			info, _ := replicas[0].admin.ClusterNodes(t.Context()).Result()
			t.Log(info)
		}
	}
}
