package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
	"github.com/go-sallyport/auth/mfa/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("one server", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		storetest.Run(t, func(t *testing.T) mfa.Store { return newStore(t, c, redisstore.Config{Timeout: patience}) })
		wantKeys(t, server)
	})
	t.Run("F12 cluster of three", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		storetest.Run(t, func(t *testing.T) mfa.Store { return newStore(t, c, redisstore.Config{Timeout: patience}) })
		wantKeys(t, nodes...)
	})
	t.Run("ring of two", func(t *testing.T) {
		a, b := redistest.Start(t), redistest.Start(t)
		ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": a.Addr(), "b": b.Addr()}, ContextTimeoutEnabled: true, HeartbeatFn: func(context.Context, *redis.Client) bool { return true }})
		t.Cleanup(func() { _ = ring.Close() })
		storetest.Run(t, func(t *testing.T) mfa.Store { return newStore(t, ring, redisstore.Config{Timeout: patience}) })
		wantKeys(t, a, b)
	})
	t.Run("a shared server, under a prefix", func(t *testing.T) {
		c, prefix := redistest.Shared(t)
		storetest.Run(t, func(t *testing.T) mfa.Store {
			return newStore(t, c, redisstore.Config{Prefix: prefix, Timeout: patience})
		})
	})
}

func TestTwoClients(t *testing.T) {
	t.Parallel()
	t.Run("MFA-03 M01 one server", func(t *testing.T) {
		server := redistest.Start(t)
		cfg := redisstore.Config{Timeout: patience}
		storetest.Shared(t, newStore(t, server.Client(), cfg), newStore(t, server.Client(), cfg))
	})
	t.Run("MFA-03 M01 a cluster", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		other := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[1].Addr()}, ContextTimeoutEnabled: true, ClusterStateReloadInterval: time.Second})
		t.Cleanup(func() { _ = other.Close() })
		cfg := redisstore.Config{Timeout: patience}
		storetest.Shared(t, newStore(t, c, cfg), newStore(t, other, cfg))
	})
}

// factorKeys is what the keys begin with that have no time to live.
const factorKeys = redisstore.DefaultPrefix + "factor:"

// wantKeys: after everything that the suite did, no key lives for ever but those of
// factors, and those do.
func wantKeys(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	factors, others := 0, 0
	for _, s := range servers {
		c := s.Client()
		for key := range s.Keys() {
			if !strings.HasPrefix(key, redisstore.DefaultPrefix) {
				t.Errorf("key %q is not under the prefix", key)
			}
			factor := strings.HasPrefix(key, factorKeys)
			if factor {
				factors++
			} else {
				others++
			}
			if endless(t, c, key) != factor {
				t.Errorf("key %q has a time to live: %v", key, factor)
			}
		}
	}
	if factors == 0 || others == 0 {
		t.Errorf("%d keys of factors and %d others: nothing was tested", factors, others)
	}
}

// endless reports whether a key has no time to live. One that has less than a
// millisecond, or is gone meanwhile, is none of those.
func endless(t *testing.T, c redis.UniversalClient, key string) bool {
	t.Helper()
	left, err := c.PTTL(t.Context(), key).Result()
	must(t, err)
	return left == -1
}
