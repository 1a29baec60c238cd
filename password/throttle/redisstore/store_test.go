package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/password/throttle/redisstore"
	"github.com/go-sallyport/auth/password/throttle/storetest"
)

func newStore(t testing.TB, c redis.UniversalClient, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// patient does not give up while a hundred goroutines share two cores.
var patient = redisstore.Config{Timeout: 20 * time.Second}

func TestConformance(t *testing.T) {
	t.Run("one server, two clients", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		storetest.Run(t, func(t *testing.T) throttle.Store { return newStore(t, c, patient) })
		storetest.Shared(t, newStore(t, c, patient), newStore(t, server.Client(), patient))
		wantTTLs(t, server)
	})
	t.Run("F12 cluster of three", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		storetest.Run(t, func(t *testing.T) throttle.Store { return newStore(t, c, patient) })
		wantTTLs(t, nodes...)
	})
	t.Run("a shared server, under a prefix", func(t *testing.T) {
		c, prefix := redistest.Shared(t)
		storetest.Run(t, func(t *testing.T) throttle.Store {
			return newStore(t, c, redisstore.Config{Prefix: prefix, Timeout: patient.Timeout})
		})
	})
}

// wantTTLs is RLT-06: after everything that the suite did, no key lives for ever,
// and all are of one length.
func wantTTLs(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	for _, s := range servers {
		s.AssertTTL(t)
		for key := range s.Keys() {
			if !strings.HasPrefix(key, redisstore.DefaultPrefix) || len(key) != len(redisstore.DefaultPrefix)+43 {
				t.Errorf("RLT-06 key %q", key)
			}
		}
	}
}

func TestNew(t *testing.T) {
	options := func(o redis.Options) redis.UniversalClient { return redis.NewClient(&o) }
	cluster := func(o redis.ClusterOptions) redis.UniversalClient {
		o.Addrs, o.ClusterStateReloadInterval = []string{"127.0.0.1:1"}, time.Second
		return redis.NewClusterClient(&o)
	}
	type wrapper struct{ redis.UniversalClient }
	good := options(redis.Options{ContextTimeoutEnabled: true})
	for name, c := range map[string]struct {
		client redis.UniversalClient
		cfg    redisstore.Config
		wrong  string // empty: no error
	}{
		"good":               {client: good},
		"nil":                {wrong: "nil"},
		"nil client":         {client: (*redis.Client)(nil), wrong: "nil"},
		"nil cluster":        {client: (*redis.ClusterClient)(nil), wrong: "nil"},
		"nil ring":           {client: (*redis.Ring)(nil), wrong: "nil"},
		"ignores deadlines":  {client: options(redis.Options{}), wrong: "ContextTimeoutEnabled"},
		"cluster":            {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true})},
		"cluster, deadlines": {client: cluster(redis.ClusterOptions{}), wrong: "ContextTimeoutEnabled"},
		"cluster, replicas":  {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}), wrong: "replicas"},
		"ring":               {client: redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true, HeartbeatFn: func(context.Context, *redis.Client) bool { return true }})},
		"ring, moves keys":   {client: redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), wrong: "HeartbeatFn"},
		"ring, deadlines":    {client: redis.NewRing(&redis.RingOptions{}), wrong: "ContextTimeoutEnabled"},
		"wrapper":            {client: wrapper{good}, wrong: "cannot be checked"},
		"wrapper, unchecked": {client: wrapper{good}, cfg: redisstore.Config{SkipClientCheck: true}},
		"prefix with a tag":  {client: good, cfg: redisstore.Config{Prefix: "{shop}:"}, wrong: "Prefix"},
		"negative timeout":   {client: good, cfg: redisstore.Config{Timeout: -1}, wrong: "Timeout"},
	} {
		_, err := redisstore.New(c.client, c.cfg)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.wrong)
		}
		if c.client != nil && !strings.HasPrefix(name, "nil") {
			_ = c.client.Close()
		}
	}
}
