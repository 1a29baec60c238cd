package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

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
		"ignores deadlines":  {client: options(redis.Options{}), wrong: "ContextTimeoutEnabled"},
		"cluster, replicas":  {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}), wrong: "replicas"},
		"wrapper":            {client: wrapper{good}, wrong: "cannot be checked"},
		"wrapper, unchecked": {client: wrapper{good}, cfg: redisstore.Config{SkipClientCheck: true}},
		"prefix with a tag":  {client: good, cfg: redisstore.Config{Prefix: "{shop}:"}, wrong: "Prefix"},
		"negative timeout":   {client: good, cfg: redisstore.Config{Timeout: -1}, wrong: "Timeout"},
	} {
		_, err := redisstore.New(c.client, c.cfg)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.wrong)
		}
		if c.client != nil {
			_ = c.client.Close()
		}
	}
}

func TestLostReplies(t *testing.T) {
	t.Parallel()
	s, proxy, _ := behindProxy(t, 5*time.Second)
	lose := func(t *testing.T, call func() error) {
		t.Helper()
		before := proxy.Faults()
		proxy.DropReply(1)
		if err := call(); err != nil {
			t.Error(err)
		}
		if proxy.Faults() != before+1 {
			t.Error("no reply was lost")
		}
		proxy.Pass()
	}
	t.Run("F03 I3 every command that is sent again gets the answer that was lost", func(t *testing.T) {
		ctx, k := t.Context(), newKey("u-alice")
		lose(t, func() error { return s.Create(ctx, k, 1) })
		r := rotation(k)
		lose(t, func() error { return s.Rotate(ctx, k.ID, r) })
		lose(t, func() error { _, err := s.Find(ctx, k.ID); return err })
		lose(t, func() error {
			list, err := s.List(ctx, k.Subject)
			if len(list) != 2 {
				t.Errorf("%d keys", len(list))
			}
			return err
		})
		at := now()
		lose(t, func() error { return s.Touch(ctx, []apikey.Use{{ID: k.ID, At: at}}) })
		lose(t, func() error { return s.Expire(ctx, k.ID, at) })
		lose(t, func() error { return s.Revoke(ctx, k.ID, at) })
		lose(t, func() error { return s.RevokeAll(ctx, k.Subject, "", at.Add(time.Second)) })
		got, next := find(t, s, k.ID), find(t, s, r.Next.ID)
		if got.Successor != r.Next.ID || !got.ExpiresAt.Equal(at) || !got.RevokedAt.Equal(at) || !got.LastUsedAt.Equal(at) || !next.RevokedAt.Equal(at.Add(time.Second)) {
			t.Errorf("%+v\n%+v", got, next)
		}
	})
	t.Run("F04 a connection that is cut after any byte of a rotation makes one successor", func(t *testing.T) {
		k := create(t, s, "u-cut")
		for _, dir := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
			for n := range 40 {
				before := proxy.Faults()
				proxy.CutAfter(dir, n*5)
				r := rotation(k)
				if err := s.Rotate(t.Context(), k.ID, r); err != nil {
					t.Fatalf("cut after %d: %v", n*5, err)
				}
				if proxy.Faults() == before {
					proxy.Pass()
				}
				if got := find(t, s, k.ID); got.Successor != r.Next.ID {
					t.Fatalf("cut after %d: the successor is another", n*5)
				}
				k = find(t, s, r.Next.ID)
			}
		}
		if list, err := s.List(t.Context(), "u-cut"); err != nil || len(list) != 81 {
			t.Errorf("%d keys, %v", len(list), err)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("F02 F15 a stalled server costs no more than the timeout", func(t *testing.T) {
		s, proxy, _ := behindProxy(t, 300*time.Millisecond)
		k := create(t, s, "u-alice")
		proxy.Stall()
		for doing, call := range map[string]func(ctx context.Context) error{
			"Find":   func(ctx context.Context) error { _, err := s.Find(ctx, k.ID); return err },
			"Revoke": func(ctx context.Context) error { return s.Revoke(ctx, k.ID, now()) },
			"Touch":  func(ctx context.Context) error { return s.Touch(ctx, []apikey.Use{{ID: k.ID, At: now()}}) },
		} {
			start := time.Now()
			storeFailed(t, doing, call(context.Background()))
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s took %v", doing, took)
			}
		}
	})
	t.Run("F01 F11 what is no answer is a failure, what cannot be read is nobody's key", func(t *testing.T) {
		s, proxy, server := behindProxy(t, time.Second)
		direct, ctx := server.Client(), t.Context()
		k, good := create(t, s, "u-alice"), create(t, s, "u-alice")
		key := redisstore.DefaultPrefix + apikey.ShardOf("u-alice")
		field := "k" + k.ID
		value := direct.HGet(ctx, key, field).Val()
		for _, bad := range []string{
			"", "x", value[:40], value[:86], value[:100], "2" + value[1:], value[:1] + "sixteen letters!" + value[17:],
			value[:81] + "999" + value[84:], value[:84] + "000" + value[87:], value[:84] + "-01" + value[87:], strings.Repeat("\xff", 300), value[:94] + "{}",
		} {
			direct.HSet(ctx, key, field, bad)
			_, err := s.Find(ctx, k.ID)
			storeFailed(t, "Find", err)
			if list, err := s.List(ctx, "u-alice"); err != nil || len(list) != 1 || list[0].ID != good.ID {
				t.Errorf("%.20q: listed are %v, %v", bad, list, err)
			}
			if err := errors.Join(s.Create(ctx, newKey("u-alice"), many), s.RevokeAll(ctx, "u-alice", good.ID, now())); err != nil {
				t.Errorf("%.20q is in the way: %v", bad, err)
			}
			revokedOthers := s.Create(ctx, newKey("u-alice"), 2) // makes room: good and this one
			if revokedOthers != nil || s.RevokeAll(ctx, "u-alice", good.ID, now()) != nil {
				t.Errorf("%.20q: %v", bad, revokedOthers)
			}
			direct.HDel(ctx, key, append(fieldsBut(direct.HKeys(ctx, key).Val(), "k"+good.ID), "-")...)
		}
		direct.HSet(ctx, key, "u"+good.ID, "?")
		if got := find(t, s, good.ID); !got.LastUsedAt.IsZero() {
			t.Error("a use that cannot be read is one")
		}
		direct.Del(ctx, key)
		direct.LPush(ctx, key, "a list")
		_, err := s.Find(ctx, k.ID)
		storeFailed(t, "WRONGTYPE", err)
		storeFailed(t, "WRONGTYPE", s.Revoke(ctx, k.ID, now()))
		storeFailed(t, "WRONGTYPE", s.Touch(ctx, []apikey.Use{{ID: k.ID, At: now()}}))
		proxy.Refuse()
		_, err = s.Find(ctx, k.ID)
		storeFailed(t, "refused", err)
	})
	t.Run("F06 without memory nothing is issued, and what is revoked is", func(t *testing.T) {
		s, _, server := behindProxy(t, time.Second)
		ctx := t.Context()
		k, other, third := create(t, s, "u-alice"), create(t, s, "u-alice"), create(t, s, "u-alice")
		server.Config("maxmemory", "1")
		storeFailed(t, "Create", s.Create(ctx, newKey("u-alice"), many))
		storeFailed(t, "Rotate", s.Rotate(ctx, k.ID, rotation(k)))
		if got := find(t, s, k.ID); got.Successor != "" || !got.Live(now()) {
			t.Errorf("half a rotation: %+v", got)
		}
		if err := errors.Join(s.Revoke(ctx, k.ID, now()), s.RevokeAll(ctx, "u-alice", third.ID, now())); err != nil {
			t.Errorf("revoke: %v", err)
		}
		server.Config("maxmemory", "0")
		for _, id := range []string{k.ID, other.ID} {
			if got, err := s.Find(ctx, id); err == nil && got.Live(now()) {
				t.Error("a revoked key is live")
			}
		}
		if got := find(t, s, third.ID); !got.Live(now()) {
			t.Error("the key that was spared is not live")
		}
	})
	t.Run("F07 F10 a shard that is lost refuses its keys, and nothing brings them back", func(t *testing.T) {
		s, _, server := behindProxy(t, time.Second)
		k := create(t, s, "u-alice")
		server.FlushAll()
		gone(t, s, k.ID)
		for doing, err := range map[string]error{
			"Rotate": s.Rotate(t.Context(), k.ID, rotation(k)), "Expire": s.Expire(t.Context(), k.ID, now()), "Revoke": s.Revoke(t.Context(), k.ID, now()),
		} {
			if !errors.Is(err, apikey.ErrNotFound) {
				t.Errorf("%s: %v", doing, err)
			}
		}
		must(t, s.RevokeAll(t.Context(), "u-alice", "", now()))
		must(t, s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}))
		if n := len(server.Keys()); n != 0 {
			t.Errorf("%d keys came back", n)
		}
	})
	t.Run("F16 a panic in the client leaves the store as it was", func(t *testing.T) {
		c := redistest.Start(t).Client()
		h := &panicking{}
		c.AddHook(h)
		s := newStore(t, c, redisstore.Config{})
		k := create(t, s, "u-alice")
		for _, call := range []func(){
			func() { _, _ = s.Find(t.Context(), k.ID) },
			func() { _ = s.Rotate(t.Context(), k.ID, rotation(k)) },
			func() { _ = s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}) },
		} {
			h.now = true
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic, so nothing was tested")
					}
				}()
				call()
			}()
			h.now = false
			if got := find(t, s, k.ID); got.Successor != "" || !got.LastUsedAt.IsZero() {
				t.Errorf("%+v", got)
			}
		}
		must(t, s.Rotate(t.Context(), k.ID, rotation(k)))
	})
	t.Run("F24 ids that nobody has leave nothing behind", func(t *testing.T) {
		s, _, server := behindProxy(t, 5*time.Second)
		before := len(server.Keys())
		var uses []apikey.Use
		for range apikey.MaxUses {
			k := newKey(newKey("u").ID)
			gone(t, s, k.ID)
			uses = append(uses, apikey.Use{ID: k.ID, At: now()})
		}
		must(t, s.Touch(t.Context(), uses))
		for _, odd := range []string{"", "a", "ab", "{}{}{}", "a b", "ab\x00cdefg", strings.Repeat("a", 10_000), "\xff\xff\xff\xff"} {
			gone(t, s, odd)
			if err := s.Revoke(t.Context(), odd, now()); !errors.Is(err, apikey.ErrNotFound) {
				t.Errorf("%.20q: %v", odd, err)
			}
			if err := s.Rotate(t.Context(), odd, rotation(newKey("u"))); !errors.Is(err, apikey.ErrNotFound) {
				t.Errorf("%.20q: %v", odd, err)
			}
		}
		if n := len(server.Keys()); n != before {
			t.Errorf("%d keys were made", n-before)
		}
	})
}

// A panicking hook is a client that panics.
type panicking struct{ now bool }

func (h *panicking) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h *panicking) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.now {
			panic("F16")
		}
		return next(ctx, cmd)
	}
}
func (h *panicking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.now {
			panic("F16")
		}
		return next(ctx, cmds)
	}
}

// fieldsBut are those fields but one.
func fieldsBut(fields []string, but string) (out []string) {
	for _, f := range fields {
		if f != but {
			out = append(out, f)
		}
	}
	return out
}

func TestFailover(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (*redistest.Pair, *redisstore.Store, *apikey.Key) {
		t.Helper()
		p := redistest.Failover(t)
		s := newStore(t, p.Client(), redisstore.Config{Timeout: 5 * time.Second})
		k := create(t, s, "u-alice")
		p.Sync()
		return p, s, k
	}
	lose := func(p *redistest.Pair) { p.Primary.Stop(); p.Promote() }
	t.Run("F09 I2 a revocation that reached the replica survives, one that did not is lost whole and works again", func(t *testing.T) {
		p, s, k := setUp(t)
		other := create(t, s, "u-alice")
		must(t, s.Revoke(t.Context(), k.ID, now()))
		p.Sync()
		p.Link.BlackHole(faultproxy.Down)
		must(t, s.RevokeAll(t.Context(), "u-alice", "", now()))
		lose(p)
		revoked(t, s, k.ID)
		if got := find(t, s, other.ID); !got.Live(now()) {
			t.Fatal("the link lost nothing, so nothing was tested")
		}
		must(t, s.RevokeAll(t.Context(), "u-alice", "", now()))
		revoked(t, s, other.ID)
	})
	t.Run("F09 I3 a rotation that is lost is lost whole: there is one successor at most", func(t *testing.T) {
		p, s, k := setUp(t)
		p.Link.BlackHole(faultproxy.Down)
		lost := rotation(k)
		must(t, s.Rotate(t.Context(), k.ID, lost))
		lose(p)
		gone(t, s, lost.Next.ID)
		r := rotation(k)
		must(t, s.Rotate(t.Context(), k.ID, r))
		if err := s.Rotate(t.Context(), k.ID, lost); !errors.Is(err, apikey.ErrRotated) {
			t.Errorf("%v, want ErrRotated", err)
		}
	})
	t.Run("F08 F13 while the old primary is a replica writes fail, and then go on", func(t *testing.T) {
		p, s, k := setUp(t)
		p.Promote()
		for end := time.Now().Add(20 * time.Second); ; {
			err := s.Revoke(t.Context(), k.ID, now())
			if err == nil {
				break
			}
			if errors.Is(err, apikey.ErrNotFound) || time.Now().After(end) {
				t.Fatal(err)
			}
		}
		revoked(t, s, k.ID)
	})
}
