package redisclient_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/redisclient"
)

// A wrapper is a client of a type that nobody knows.
type wrapper struct{ redis.UniversalClient }

// up is what a ring is told of a shard that is down.
func up(context.Context, *redis.Client) bool { return true }

// cluster is a client that notices a failover in time.
func cluster(o redis.ClusterOptions) redis.UniversalClient {
	o.ClusterStateReloadInterval = redisclient.MaxReload
	return redis.NewClusterClient(&o)
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name   string
		client redis.UniversalClient
		skip   bool
		good   bool
	}{
		{"nil", nil, false, false},
		{"nil, skipped", nil, true, false},
		{"a nil *redis.Client", (*redis.Client)(nil), false, false},
		{"a nil *redis.ClusterClient", (*redis.ClusterClient)(nil), false, false},
		{"a nil *redis.Ring", (*redis.Ring)(nil), false, false},
		{"single", redis.NewClient(&redis.Options{ContextTimeoutEnabled: true}), false, true},
		{"single, deaf to deadlines", redis.NewClient(&redis.Options{}), false, false},
		{"single, deaf to deadlines, skipped", redis.NewClient(&redis.Options{}), true, false},
		{"cluster", cluster(redis.ClusterOptions{ContextTimeoutEnabled: true}), false, true},
		{"cluster, late to notice a failover", redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true}), false, false},
		{"cluster, deaf to deadlines", cluster(redis.ClusterOptions{}), false, false},
		{"cluster that reads from replicas", cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}), false, false},
		{"cluster that goes to the nearest", cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, RouteByLatency: true}), false, false},
		{"cluster that goes anywhere", cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, RouteRandomly: true}), false, false},
		{"ring", redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true, HeartbeatFn: up}), false, true},
		{"ring, deaf to deadlines", redis.NewRing(&redis.RingOptions{HeartbeatFn: up}), false, false},
		{"I2 ring that moves the keys of a shard that is down", redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), false, false},
		{"unknown", wrapper{}, false, false},
		{"unknown, skipped", wrapper{}, true, true},
	} {
		t.Run("XCT-05 F02 "+tc.name, func(t *testing.T) {
			if err := redisclient.Check(tc.client, tc.skip); (err == nil) != tc.good {
				t.Errorf("got %v", err)
			}
		})
	}
}
