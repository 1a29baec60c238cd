package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/redisstore"
	"github.com/go-sallyport/auth/jwtauth/storetest"
)

func newStore(t testing.TB, c redis.UniversalClient, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// patience is for a thousand calls at once on a slow machine, or on the stand-in
// for Redis where there is none, which is slower by far.
const patience = time.Minute

func TestConformance(t *testing.T) {
	t.Run("one server", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		storetest.Run(t, func(t *testing.T) jwtauth.FamilyStore { return newStore(t, c, redisstore.Config{Timeout: patience}) })
		wantTTLs(t, server)
	})
	t.Run("F12 cluster of three", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		storetest.Run(t, func(t *testing.T) jwtauth.FamilyStore { return newStore(t, c, redisstore.Config{Timeout: patience}) })
		wantTTLs(t, nodes...)
	})
	t.Run("a shared server, under a prefix", func(t *testing.T) {
		c, prefix := redistest.Shared(t)
		storetest.Run(t, func(t *testing.T) jwtauth.FamilyStore {
			return newStore(t, c, redisstore.Config{Prefix: prefix, Timeout: patience})
		})
	})
}

// wantTTLs: after everything that the suite did, no key lives for ever.
func wantTTLs(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	for _, s := range servers {
		s.AssertTTL(t)
		for key := range s.Keys() {
			if !strings.HasPrefix(key, redisstore.DefaultPrefix) {
				t.Errorf("key %q is not under the prefix", key)
			}
		}
	}
}
