package redisstore_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestTimeToLive(t *testing.T) {
	server := redistest.Start(t)
	s := newStore(t, server.Client(), redisstore.Config{})
	key := redisstore.DefaultPrefix + apikey.ShardOf("u-alice")
	// holds the hash to living until its last record may be forgotten and a day.
	holds := func(t *testing.T, dies time.Duration) {
		t.Helper()
		keys := server.Keys()
		got, there := keys[key]
		if want := dies + apikey.Retention + 24*time.Hour; !there || len(keys) != 1 || got > want+time.Minute || got < want-time.Minute {
			t.Errorf("TTL %v, want %v; %d keys", got, want, len(keys))
		}
	}
	endless := func(t *testing.T) {
		t.Helper()
		if ttl, there := server.Keys()[key]; !there || ttl != 0 {
			t.Errorf("TTL %v of a key without an end", ttl)
		}
	}
	with := func(t *testing.T, life time.Duration) *apikey.Key {
		t.Helper()
		k := newKey("u-alice")
		k.ExpiresAt = now().Add(life)
		if life == 0 {
			k.ExpiresAt = time.Time{}
		}
		must(t, s.Create(t.Context(), k, many))
		return k
	}
	t.Run("a hash lives as long as the record that lasts longest", func(t *testing.T) {
		with(t, time.Hour)
		holds(t, time.Hour)
		long := with(t, 48*time.Hour)
		with(t, 2*time.Hour)
		holds(t, 48*time.Hour)
		must(t, s.Expire(t.Context(), long.ID, now().Add(24*time.Hour)))
		holds(t, 24*time.Hour)
		must(t, s.Revoke(t.Context(), long.ID, now()))
		holds(t, 2*time.Hour)
		must(t, s.RevokeAll(t.Context(), "u-alice", "", now()))
		holds(t, 0)
	})
	t.Run("a key without an end has none, until it gets one", func(t *testing.T) {
		for name, ending := range map[string]func(k *apikey.Key) error{
			"Expire":    func(k *apikey.Key) error { return s.Expire(t.Context(), k.ID, now().Add(-time.Hour)) },
			"Revoke":    func(k *apikey.Key) error { return s.Revoke(t.Context(), k.ID, now()) },
			"RevokeAll": func(k *apikey.Key) error { return s.RevokeAll(t.Context(), k.Subject, "", now()) },
			"Rotate": func(k *apikey.Key) error {
				r := rotation(k)
				r.Next.ExpiresAt = r.Next.CreatedAt.Add(time.Second)
				return s.Rotate(t.Context(), k.ID, r)
			},
		} {
			server.FlushAll()
			k := with(t, 0)
			endless(t)
			with(t, time.Second)
			endless(t)
			must(t, s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}))
			endless(t)
			must(t, ending(k))
			if ttl := server.Keys()[key]; ttl < apikey.Retention || ttl > apikey.Retention+26*time.Hour {
				t.Errorf("after %s: TTL %v", name, ttl)
			}
		}
	})
	t.Run("a TTL that was lost comes back with the next write", func(t *testing.T) {
		server.FlushAll()
		with(t, time.Hour)
		server.Client().Persist(t.Context(), key)
		with(t, time.Second)
		holds(t, time.Hour)
	})
	t.Run("F17 the clock of Redis forgets nothing early, if that of the Manager is months behind", func(t *testing.T) {
		server.FlushAll()
		k := newKey("u-alice")
		k.CreatedAt, k.ExpiresAt = now().Add(-3000*time.Hour), now().Add(-2000*time.Hour)
		must(t, s.Create(t.Context(), k, many))
		holds(t, 0)
	})
	t.Run("what may be forgotten goes with the next write to the shard", func(t *testing.T) {
		server.FlushAll()
		with(t, 0)
		k := newKey("u-alice")
		k.CreatedAt, k.ExpiresAt = now().Add(-2*apikey.Retention), now().Add(-apikey.Retention+time.Second)
		must(t, s.Create(t.Context(), k, many))
		must(t, s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}))
		with(t, time.Hour)
		find(t, s, k.ID)
		late := newKey("u-alice")
		late.CreatedAt = now().Add(time.Minute)
		must(t, s.Create(t.Context(), late, many))
		gone(t, s, k.ID)
		for _, field := range server.Client().HKeys(t.Context(), key).Val() {
			if field[1:] == k.ID {
				t.Errorf("field %q is left", field)
			}
		}
	})
}

// Subjects whose keys are in one hash have nothing to do with each other.
func TestSharedShard(t *testing.T) {
	seen := make(map[string]string)
	var a, b string
	for i := 0; a == ""; i++ {
		subject := fmt.Sprint("u-", i)
		shard := apikey.ShardOf(subject)
		if other, ok := seen[shard]; ok {
			a, b = other, subject
		}
		seen[shard] = subject
	}
	server := redistest.Start(t)
	s := newStore(t, server.Client(), redisstore.Config{})
	ka, kb := create(t, s, a), create(t, s, b)
	if n := len(server.Keys()); n != 1 {
		t.Fatalf("%d hashes, so nothing was tested", n)
	}
	if err := s.Create(t.Context(), newKey(a), 1); !errors.Is(err, apikey.ErrTooMany) {
		t.Errorf("%v, want ErrTooMany", err)
	}
	must(t, s.Create(t.Context(), newKey(a), 2))
	must(t, s.Rotate(t.Context(), ka.ID, rotation(ka)))
	must(t, s.RevokeAll(t.Context(), a, "", now()))
	if got := find(t, s, kb.ID); !got.Live(now()) {
		t.Error("the key of the other is revoked")
	}
	must(t, s.Create(t.Context(), newKey(b), 2))
	if list, err := s.List(t.Context(), b); err != nil || len(list) != 2 {
		t.Errorf("%d keys of the other, %v", len(list), err)
	}
	dead := 0
	must(t, s.Create(t.Context(), newKey(a), 3)) // forgets dead ones of a, and of nobody else
	list, err := s.List(t.Context(), a)
	must(t, err)
	for _, k := range list {
		if !k.Live(now()) {
			dead++
		}
	}
	if dead != 2 || len(list) != 3 {
		t.Errorf("%d keys, of which %d are dead", len(list), dead)
	}
}

// commands counts the commands that a server has run, but not those within scripts.
func commands(t *testing.T, c redis.UniversalClient) (n int) {
	t.Helper()
	for line := range strings.Lines(c.Info(t.Context(), "commandstats").Val()) {
		name, stats, _ := strings.Cut(line, ":")
		var k int
		switch name {
		case "cmdstat_evalsha", "cmdstat_eval", "cmdstat_hmget":
			if _, err := fmt.Sscanf(stats, "calls=%d", &k); err != nil {
				t.Fatal(err)
			}
		}
		n += k
	}
	return n
}

func TestCost(t *testing.T) {
	server := redistest.Start(t)
	if !server.Real() {
		t.Log("does not apply: the stand-in keeps no statistics")
		return
	}
	c := server.Client()
	s := newStore(t, c, redisstore.Config{})
	k := create(t, s, "u-alice")
	must(t, s.Rotate(t.Context(), k.ID, rotation(k)))
	k = create(t, s, "u-alice")
	for doing, call := range map[string]func() error{
		"Find":   func() error { _, err := s.Find(t.Context(), k.ID); return err },
		"Rotate": func() error { return s.Rotate(t.Context(), k.ID, rotation(k)) },
	} {
		before := commands(t, c)
		must(t, call())
		if n := commands(t, c) - before; n != 1 {
			t.Errorf("%s takes %d commands, want 1", doing, n)
		}
	}
}

func TestKEY10TouchIsOnePipeline(t *testing.T) {
	s, proxy, server := behindProxy(t, 5*time.Second)
	var uses []apikey.Use
	for i := range apikey.MaxUses {
		k := create(t, s, fmt.Sprint("u-", i))
		uses = append(uses, apikey.Use{ID: k.ID, At: now(), From: netip.MustParseAddr("fe80::1%eth0")})
	}
	// The only answer there is: with one more, that would be lost. So many commands are
	// read at once, so that they have one.
	proxy.DropReply(2)
	before := proxy.Faults()
	must(t, s.Touch(t.Context(), uses[:40]))
	if proxy.Faults() != before {
		t.Error("more than one round trip")
	}
	proxy.Pass()
	must(t, server.Client().ScriptFlush(t.Context()).Err())
	for i := range uses {
		uses[i].At = uses[i].At.Add(time.Second)
	}
	must(t, s.Touch(t.Context(), uses))
	for _, u := range uses {
		if k := find(t, s, u.ID); !k.LastUsedAt.Equal(u.At) || k.LastUsedFrom != u.From {
			t.Fatalf("%v from %v, want %+v", k.LastUsedAt, k.LastUsedFrom, u)
		}
	}
}

// Neither Redis nor the channel has anything of which a key could be made: what is kept
// of the secret is the hash that the record has.
func TestKEY02WhatIsStored(t *testing.T) {
	server := redistest.Start(t)
	s := newStore(t, server.Client(), redisstore.Config{})
	k := newKey("u-alice")
	must(t, s.Create(t.Context(), k, many))
	key := redisstore.DefaultPrefix + apikey.ShardOf("u-alice")
	fields := server.Client().HGetAll(t.Context(), key).Val()
	if len(fields) != 1 || fields["k"+k.ID][49:81] != string(k.Hash[:]) {
		t.Errorf("%q", fields)
	}
	if n := len(server.Keys()); n != 1 {
		t.Errorf("%d keys of Redis for one key", n)
	}
}
