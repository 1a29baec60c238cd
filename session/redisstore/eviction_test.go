package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session/redisstore"
)

func TestCheckEviction(t *testing.T) {
	t.Parallel()
	t.Run("F07 at the start a server that may evict is told from one that may not", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		check := func(limit, policy string, evicts bool) {
			t.Helper()
			server.Config("maxmemory-policy", policy)
			server.Config("maxmemory", limit)
			err := redisstore.CheckEviction(t.Context(), c)
			if errors.Is(err, redisstore.ErrEviction) != evicts || evicts != (err != nil) {
				t.Errorf("maxmemory %s, %s: %v", limit, policy, err)
			}
			if evicts && !strings.Contains(err.Error(), policy) {
				t.Errorf("%s is not in %q", policy, err)
			}
		}
		check("100mb", "noeviction", false)
		for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
			check("0", policy, false)
			check("100mb", policy, true)
		}
	})
	t.Run("F07 one node of a cluster is enough", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		if err := redisstore.CheckEviction(t.Context(), c); err != nil {
			t.Error(err)
		}
		nodes[1].Config("maxmemory", "100mb")
		nodes[1].Config("maxmemory-policy", "volatile-ttl")
		if err := redisstore.CheckEviction(t.Context(), c); !errors.Is(err, redisstore.ErrEviction) {
			t.Error(err)
		}
		ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": nodes[0].Addr(), "b": nodes[1].Addr()}, ContextTimeoutEnabled: true})
		defer ring.Close()
		if err := redisstore.CheckEviction(t.Context(), ring); !errors.Is(err, redisstore.ErrEviction) {
			t.Error(err)
		}
	})
	t.Run("F01 what cannot be told is an error, and another one", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, err := range map[string]error{
			"nil":       redisstore.CheckEviction(t.Context(), nil),
			"cancelled": redisstore.CheckEviction(ctx, c),
		} {
			if err == nil || errors.Is(err, redisstore.ErrEviction) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
