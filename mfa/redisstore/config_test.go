package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
)

func TestNew(t *testing.T) {
	options := func(o redis.Options) redis.UniversalClient { return redis.NewClient(&o) }
	type wrapper struct{ redis.UniversalClient }
	good := options(redis.Options{ContextTimeoutEnabled: true})
	for name, c := range map[string]struct {
		client redis.UniversalClient
		cfg    redisstore.Config
		wrong  string // empty: no error
	}{
		"good":               {client: good},
		"nil":                {wrong: "nil"},
		"ignores deadlines":  {client: options(redis.Options{}), wrong: "ContextTimeoutEnabled"},
		"wrapper":            {client: wrapper{good}, wrong: "cannot be checked"},
		"wrapper, unchecked": {client: wrapper{good}, cfg: redisstore.Config{SkipClientCheck: true}},
		"prefix with a tag":  {client: good, cfg: redisstore.Config{Prefix: "{shop}:"}, wrong: "Prefix"},
		"negative timeout":   {client: good, cfg: redisstore.Config{Timeout: -1}, wrong: "Timeout"},
	} {
		_, err := redisstore.New(c.client, c.cfg)
		c.cfg.SkipDurabilityCheck = true
		_, err2 := redisstore.NewFactorStore(t.Context(), c.client, c.cfg)
		for _, err := range []error{err, err2} {
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("%s: %v, want an error with %q", name, err, c.wrong)
			}
		}
		if c.client != nil {
			_ = c.client.Close()
		}
	}
}

func TestAStoreOfChallengesIsNoStoreOfFactors(t *testing.T) {
	if _, ok := any((*redisstore.Store)(nil)).(mfa.FactorStore); ok {
		t.Error("factors are kept in a Redis that nobody has asked whether it keeps them")
	}
}

func TestDurability(t *testing.T) {
	t.Parallel()
	t.Run("F07 F10 factors want a server that neither evicts them nor forgets them", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		server.Config("maxmemory-policy", "noeviction")
		check := func(aof, limit, policy string, keeps bool) {
			t.Helper()
			server.Config("appendonly", aof)
			server.Config("maxmemory-policy", policy)
			server.Config("maxmemory", limit)
			_, err := redisstore.NewFactorStore(t.Context(), c, redisstore.Config{})
			if keeps != (err == nil) || !keeps && !errors.Is(err, redisstore.ErrNotDurable) {
				t.Errorf("appendonly %s, maxmemory %s, %s: %v", aof, limit, policy, err)
			}
			if _, err := redisstore.NewFactorStore(t.Context(), c, redisstore.Config{SkipDurabilityCheck: true}); err != nil {
				t.Error(err)
			}
		}
		check("no", "0", "noeviction", false)
		check("yes", "0", "noeviction", true)
		check("yes", "100mb", "noeviction", true)
		for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random"} {
			check("yes", "0", policy, true)
			check("yes", "100mb", policy, false)
		}
		for _, policy := range []string{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
			check("yes", "100mb", policy, true)
		}
	})
	t.Run("F07 volatile-* takes no factor, noeviction refuses", func(t *testing.T) {
		server := redistest.Start(t)
		s := newStore(t, server.Client(), redisstore.Config{Timeout: patience})
		f, _ := enrol(t, s, "u-alice")
		must(t, s.AddDevice(t.Context(), "u-alice", newDevice(), long, 5))
		server.Config("maxmemory-policy", "volatile-lru")
		server.Config("maxmemory", "1")
		if _, err := s.Advance(t.Context(), "u-alice", f.ID, f.Step+1, newCall()); err == nil {
			t.Error("there was memory")
		}
		server.Config("maxmemory", "0")
		wantState(t, s, "u-alice", mfa.State{TOTP: f, Codes: 3, CodesLeft: 3})
		if list, err := s.ListDevices(t.Context(), "u-alice"); err != nil || len(list) != 0 {
			t.Errorf("nothing was evicted: %v, %v", list, err)
		}
	})
	t.Run("F07 one node of a cluster, or of a ring, is enough", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		for _, node := range nodes {
			node.Config("appendonly", "yes")
		}
		must(t, redisstore.CheckDurability(t.Context(), c))
		nodes[1].Config("appendonly", "no")
		ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": nodes[0].Addr(), "b": nodes[1].Addr()}, ContextTimeoutEnabled: true})
		defer ring.Close()
		for _, client := range []redis.UniversalClient{c, ring} {
			if err := redisstore.CheckDurability(t.Context(), client); !errors.Is(err, redisstore.ErrNotDurable) {
				t.Error(err)
			}
		}
	})
	t.Run("F01 what cannot be told is an error, and another one", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, newErr := redisstore.NewFactorStore(ctx, c, redisstore.Config{})
		for name, err := range map[string]error{
			"nil":       redisstore.CheckDurability(t.Context(), nil),
			"cancelled": redisstore.CheckDurability(ctx, c),
			"new":       newErr,
		} {
			if err == nil || errors.Is(err, redisstore.ErrNotDurable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
