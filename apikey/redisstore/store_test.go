package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/apikey/storetest"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// patience is for hundreds of calls at once on a slow machine, or on the stand-in for
// Redis where there is none.
const patience = time.Minute

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("one server", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		storetest.Run(t, func(t *testing.T) apikey.Store { return newStore(t, c, redisstore.Config{Timeout: patience}) })
		wantTTLs(t, server)
	})
	t.Run("F12 cluster of three", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		storetest.Run(t, func(t *testing.T) apikey.Store { return newStore(t, c, redisstore.Config{Timeout: patience}) })
		wantTTLs(t, nodes...)
	})
	t.Run("a shared server, under a prefix", func(t *testing.T) {
		c, prefix := redistest.Shared(t)
		storetest.Run(t, func(t *testing.T) apikey.Store {
			return newStore(t, c, redisstore.Config{Prefix: prefix, Timeout: patience})
		})
	})
}

func TestWatchConformance(t *testing.T) {
	t.Parallel()
	t.Run("one server", func(t *testing.T) {
		server := redistest.Start(t)
		storetest.RunWatcher(t, func(t *testing.T) (a, b apikey.Store) {
			return newStore(t, server.Client(), redisstore.Config{Timeout: patience}), newStore(t, server.Client(), redisstore.Config{Timeout: patience})
		})
	})
	t.Run("F12 cluster of three", func(t *testing.T) {
		c, _ := redistest.Cluster(t, 3)
		storetest.RunWatcher(t, func(t *testing.T) (a, b apikey.Store) {
			return newStore(t, c, redisstore.Config{Timeout: patience}), newStore(t, c, redisstore.Config{Timeout: patience})
		})
	})
	t.Run("a ring of two", func(t *testing.T) {
		one, two := redistest.Start(t), redistest.Start(t)
		ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": one.Addr(), "two": two.Addr()}, ContextTimeoutEnabled: true, HeartbeatFn: func(context.Context, *redis.Client) bool { return true }})
		t.Cleanup(func() { _ = ring.Close() })
		s := newStore(t, ring, redisstore.Config{Timeout: patience})
		// Subjects are random: of some runs all are on one of the servers.
		storetest.RunWatcher(t, func(*testing.T) (a, b apikey.Store) { return s, s })
		storetest.RunWatcher(t, func(*testing.T) (a, b apikey.Store) { return s, s })
	})
}

// wantTTLs: after everything that the suite did, what has no time to live has a key in
// it that has none.
func wantTTLs(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	for _, server := range servers {
		c := redistest.Client(t, server.Addr())
		for key, ttl := range server.Keys() {
			if !strings.HasPrefix(key, redisstore.DefaultPrefix) {
				t.Errorf("key %q is not under the prefix", key)
			}
			if endless := hasEndless(t, c, key); endless != (ttl <= 0) {
				t.Errorf("key %q has a TTL of %v; a key without an end in it: %v", key, ttl, endless)
			}
		}
	}
}

// hasEndless reports whether a record in a hash has no end: its times of expiry and
// revocation are zero.
func hasEndless(t *testing.T, c redis.UniversalClient, key string) bool {
	t.Helper()
	for field, value := range c.HGetAll(t.Context(), key).Val() {
		if field[0] == 'k' && len(value) > 49 && value[17:49] == strings.Repeat("0", 32) {
			return true
		}
	}
	return false
}
