package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/redisstore"
	"github.com/go-sallyport/auth/jwtauth/storetest"
)

var usual = jwtauth.Limits{Lifetime: 30 * time.Hour, Idle: 7 * time.Hour, PerSubject: 100}

func newID(subject string) jwtauth.FamilyID {
	var id jwtauth.FamilyID
	_, _ = rand.Read(id[:])
	b := jwtauth.BucketOf(subject)
	copy(id[:], b[:])
	return id
}

func spend(counter uint64, grace time.Duration) jwtauth.Rotation {
	r := jwtauth.Rotation{Counter: counter, Grace: grace, Idle: usual.Idle}
	_, _ = rand.Read(r.Call[:])
	return r
}

func create(t testing.TB, s *redisstore.Store, subject string) jwtauth.FamilyID {
	t.Helper()
	id := newID(subject)
	if err := s.Create(t.Context(), id, []byte("grant"), usual); err != nil {
		t.Fatal(err)
	}
	return id
}

// rotated holds a rotation to its outcome.
func rotated(t testing.TB, s *redisstore.Store, id jwtauth.FamilyID, r jwtauth.Rotation, want jwtauth.Outcome) {
	t.Helper()
	got, _, err := s.Rotate(t.Context(), id, r)
	if err != nil || got != want {
		t.Fatalf("Rotate of %d: %v, %v, want %v", r.Counter, got, err, want)
	}
}

func gone(t testing.TB, s *redisstore.Store, id jwtauth.FamilyID) {
	t.Helper()
	if _, err := s.Find(t.Context(), id); !errors.Is(err, jwtauth.ErrNoFamily) {
		t.Errorf("Find: %v, want ErrNoFamily", err)
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
		"nil pointer":        {client: (*redis.Client)(nil), wrong: "nil"},
		"ignores deadlines":  {client: options(redis.Options{}), wrong: "ContextTimeoutEnabled"},
		"cluster":            {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true})},
		"cluster, replicas":  {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}), wrong: "replicas"},
		"cluster, deadlines": {client: cluster(redis.ClusterOptions{}), wrong: "ContextTimeoutEnabled"},
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
		if c.client != nil && name != "nil pointer" {
			_ = c.client.Close()
		}
	}
}

func TestR06Logout(t *testing.T) {
	t.Run("R06 1000 rounds of refreshes against a sign-out, by two clients: nothing is good afterwards", func(t *testing.T) {
		server := redistest.Start(t)
		stores := []*redisstore.Store{newStore(t, server.Client(), redisstore.Config{Timeout: 20 * time.Second}), newStore(t, server.Client(), redisstore.Config{Timeout: 20 * time.Second})}
		before, rounds := 0, testkit.Rounds(1000)
		for range rounds {
			id := create(t, stores[0], "u-alice")
			var wg sync.WaitGroup
			var won atomic.Int64
			for i := range 3 {
				wg.Go(func() {
					if _, _, err := stores[i%2].Rotate(t.Context(), id, spend(1, time.Hour)); err == nil {
						won.Add(1)
					}
				})
			}
			wg.Go(func() {
				if err := stores[1].Revoke(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			for counter := range uint64(3) {
				if _, _, err := stores[0].Rotate(t.Context(), id, spend(counter+1, time.Hour)); !errors.Is(err, jwtauth.ErrNoFamily) {
					t.Fatalf("%v", err)
				}
			}
			if won.Load() > 0 {
				before++
			}
		}
		if before == 0 || before == rounds {
			t.Logf("in %d rounds a refresh came before the sign-out: they hardly met", before)
		}
	})
}

func TestHistory(t *testing.T) {
	t.Run("F23 I2 I3 two clients of one server", func(t *testing.T) {
		server := redistest.Start(t)
		a, b := newStore(t, server.Client(), redisstore.Config{Timeout: 20 * time.Second}), newStore(t, server.Client(), redisstore.Config{Timeout: 20 * time.Second})
		storetest.History(t, 1500*time.Millisecond, nil, a, b)
		wantTTLs(t, server)
	})
}

// behindProxy is a store whose client is warm, so that the proxy counts the
// replies of the store only.
func behindProxy(t *testing.T, timeout time.Duration) (*redisstore.Store, *faultproxy.Proxy, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	proxy := faultproxy.New(t, server.Addr())
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true, PoolSize: 1})
	t.Cleanup(func() { _ = c.Close() })
	s := newStore(t, c, redisstore.Config{Timeout: timeout})
	// The scripts are known to the server from here on.
	id := create(t, s, "u-warm")
	rotated(t, s, id, spend(1, 0), jwtauth.Rotated)
	for _, err := range []error{
		s.RevokeAll(t.Context(), id.Bucket(), id), s.Revoke(t.Context(), id),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.List(t.Context(), id.Bucket()); err != nil {
		t.Fatal(err)
	}
	gone(t, s, id)
	return s, proxy, server
}

func TestLostReplies(t *testing.T) {
	s, proxy, _ := behindProxy(t, 5*time.Second)
	lose := func(t *testing.T, call func()) {
		t.Helper()
		before := proxy.Faults()
		proxy.DropReply(1)
		call()
		if proxy.Faults() != before+1 {
			t.Error("no reply was lost")
		}
		proxy.Pass()
	}
	t.Run("RFT-08 RFT-10 F03 R08 a rotation whose reply was lost is no reuse, without a grace", func(t *testing.T) {
		id := create(t, s, "u-alice")
		for counter := range uint64(10) {
			lose(t, func() { rotated(t, s, id, spend(counter+1, 0), jwtauth.Repeated) })
		}
		rotated(t, s, id, spend(11, 0), jwtauth.Rotated)
		lose(t, func() { rotated(t, s, id, spend(3, time.Hour), jwtauth.Reused) })
		if f, err := s.Find(t.Context(), id); err != nil || f.Counter != 12 || !f.Ended {
			t.Errorf("%+v, %v", f, err)
		}
	})
	t.Run("F03 every other command that is sent again gets the answer that was lost", func(t *testing.T) {
		var id jwtauth.FamilyID
		lose(t, func() { id = create(t, s, "u-bob") })
		lose(t, func() {
			if list, err := s.List(t.Context(), id.Bucket()); err != nil || len(list) != 1 {
				t.Errorf("%d, %v", len(list), err)
			}
		})
		for _, call := range []func() error{
			func() error { return s.RevokeAll(t.Context(), id.Bucket(), id) },
			func() error { return s.Revoke(t.Context(), id) },
			func() error { return s.RevokeAll(t.Context(), id.Bucket(), jwtauth.FamilyID{}) },
		} {
			lose(t, func() {
				if err := call(); err != nil {
					t.Error(err)
				}
			})
		}
		gone(t, s, id)
	})
	t.Run("F04 a connection that is cut after any byte of a rotation spends one token", func(t *testing.T) {
		id := create(t, s, "u-cut")
		counter := uint64(1)
		for _, dir := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
			for n := range 40 {
				before := proxy.Faults()
				proxy.CutAfter(dir, n*5)
				outcome, _, err := s.Rotate(t.Context(), id, spend(counter, 0))
				if err != nil || outcome != jwtauth.Rotated && outcome != jwtauth.Repeated {
					t.Fatalf("cut after %d: %v, %v", n*5, outcome, err)
				}
				if proxy.Faults() == before {
					proxy.Pass()
				}
				counter++
			}
		}
		if f, err := s.Find(t.Context(), id); err != nil || f.Counter != counter || f.Ended {
			t.Errorf("%+v, %v, want %d", f, err, counter)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Run("F02 a stalled server costs no more than the timeout", func(t *testing.T) {
		s, proxy, _ := behindProxy(t, 300*time.Millisecond)
		id := create(t, s, "u-alice")
		proxy.Stall()
		start := time.Now()
		if _, _, err := s.Rotate(context.Background(), id, spend(1, 0)); err == nil || errors.Is(err, jwtauth.ErrNoFamily) {
			t.Errorf("Rotate: %v, want the store's failure", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
	t.Run("F01 F11 what is no answer is a failure, what cannot be read is signed out", func(t *testing.T) {
		s, proxy, server := behindProxy(t, time.Second)
		direct, ctx := server.Client(), t.Context()
		id := create(t, s, "u-alice")
		key := direct.Keys(ctx, "*").Val()[0]
		field := direct.HKeys(ctx, key).Val()[0]
		value := direct.HGet(ctx, key, field).Val()
		for _, bad := range []string{"", "x", value[:15], value[:47], value[:112], value[:127], "sixteen letters!" + value[16:], value[:112] + "?" + value[113:], strings.Repeat("\xff", 300)} {
			direct.HSet(ctx, key, field, bad)
			direct.Expire(ctx, key, time.Hour)
			if _, err := s.Find(ctx, id); !errors.Is(err, jwtauth.ErrNoFamily) {
				t.Errorf("%.20q: %v, want ErrNoFamily", bad, err)
			}
			if list, err := s.List(ctx, id.Bucket()); err != nil || len(list) != 0 {
				t.Errorf("%.20q is listed: %v, %v", bad, list, err)
			}
			direct.HSet(ctx, key, field, bad)
			direct.Expire(ctx, key, time.Hour)
			if other := newID("u-alice"); s.Create(ctx, other, nil, usual) != nil || s.Revoke(ctx, other) != nil {
				t.Errorf("%.20q keeps the user from signing in", bad)
			}
		}
		direct.Del(ctx, key)
		direct.LPush(ctx, key, "a list")
		direct.Expire(ctx, key, time.Hour)
		if _, _, err := s.Rotate(ctx, id, spend(1, 0)); err == nil || errors.Is(err, jwtauth.ErrNoFamily) {
			t.Errorf("WRONGTYPE: %v, want the store's failure", err)
		}
		proxy.Refuse()
		if _, err := s.Find(ctx, id); err == nil || errors.Is(err, jwtauth.ErrNoFamily) {
			t.Errorf("refused: %v, want the store's failure", err)
		}
	})
	t.Run("F06 without memory a refresh fails and spends nothing, sign-outs go on", func(t *testing.T) {
		s, _, server := behindProxy(t, time.Second)
		ctx := t.Context()
		id, other := create(t, s, "u-alice"), create(t, s, "u-alice")
		server.Config("maxmemory", "1")
		if _, _, err := s.Rotate(ctx, id, spend(1, 0)); err == nil || errors.Is(err, jwtauth.ErrNoFamily) {
			t.Errorf("Rotate: %v", err)
		}
		if s.Create(ctx, newID("u-alice"), nil, usual) == nil {
			t.Error("Create: no error")
		}
		if _, err := s.Find(ctx, id); err != nil {
			t.Errorf("Find: %v", err)
		}
		if err := errors.Join(s.RevokeAll(ctx, id.Bucket(), id), s.Revoke(ctx, newID("u-alice"))); err != nil {
			t.Errorf("revoke: %v", err)
		}
		gone(t, s, other)
		server.Config("maxmemory", "0")
		rotated(t, s, id, spend(1, 0), jwtauth.Rotated)
	})
	t.Run("F07 F10 a key that is lost signs its user out, and brings nobody back", func(t *testing.T) {
		s, _, server := behindProxy(t, time.Second)
		one, two := create(t, s, "u-alice"), create(t, s, "u-bob")
		rotated(t, s, one, spend(1, 0), jwtauth.Rotated)
		client := server.Client()
		key := client.Keys(t.Context(), "*").Val()[0]
		client.Del(t.Context(), key)
		alive := 0
		for _, id := range []jwtauth.FamilyID{one, two} {
			if _, _, err := s.Rotate(t.Context(), id, spend(2, time.Hour)); err == nil {
				alive++
			}
		}
		if alive != 1 {
			t.Errorf("%d of two are alive", alive)
		}
		server.FlushAll()
		gone(t, s, one)
		gone(t, s, two)
		if n := len(server.Keys()); n != 0 {
			t.Errorf("%d keys came back", n)
		}
	})
}

func TestFailover(t *testing.T) {
	setUp := func(t *testing.T) (*redistest.Pair, *redisstore.Store, jwtauth.FamilyID) {
		t.Helper()
		p := redistest.Failover(t)
		s := newStore(t, p.Client(), redisstore.Config{Timeout: 5 * time.Second})
		id := create(t, s, "u-alice")
		rotated(t, s, id, spend(1, 0), jwtauth.Rotated)
		p.Sync()
		return p, s, id
	}
	lose := func(p *redistest.Pair) { p.Primary.Stop(); p.Promote() }
	t.Run("F09 I4 rotations that are lost do not sign an honest client out", func(t *testing.T) {
		p, s, id := setUp(t)
		p.Link.BlackHole(faultproxy.Down)
		rotated(t, s, id, spend(2, 0), jwtauth.Rotated)
		rotated(t, s, id, spend(3, 0), jwtauth.Rotated)
		lose(p)
		rotated(t, s, id, spend(4, 0), jwtauth.Rotated)
		rotated(t, s, id, spend(5, 0), jwtauth.Rotated)
		rotated(t, s, id, spend(2, time.Hour), jwtauth.Reused)
	})
	t.Run("F09 I3 an old token may be good again, and never two", func(t *testing.T) {
		p, s, id := setUp(t)
		p.Link.BlackHole(faultproxy.Down)
		rotated(t, s, id, spend(2, 0), jwtauth.Rotated)
		lose(p)
		// The thief is first, with the token that was spent: his successor is the
		// one that the victim has.
		rotated(t, s, id, spend(2, 0), jwtauth.Rotated)
		rotated(t, s, id, spend(3, 0), jwtauth.Rotated)
		rotated(t, s, id, spend(3, 0), jwtauth.Reused)
		rotated(t, s, id, spend(4, time.Hour), jwtauth.Reused)
	})
	t.Run("F09 I2 a sign-out that reached the replica survives, one that did not is lost whole and works again", func(t *testing.T) {
		p, s, id := setUp(t)
		other := create(t, s, "u-alice")
		if err := s.Revoke(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		p.Sync()
		p.Link.BlackHole(faultproxy.Down)
		if err := s.RevokeAll(t.Context(), id.Bucket(), jwtauth.FamilyID{}); err != nil {
			t.Fatal(err)
		}
		lose(p)
		gone(t, s, id)
		if list, err := s.List(t.Context(), id.Bucket()); err != nil || len(list) != 1 || list[0].ID != other {
			t.Errorf("%v, %v", list, err)
		}
		if err := s.RevokeAll(t.Context(), id.Bucket(), jwtauth.FamilyID{}); err != nil {
			t.Fatal(err)
		}
		gone(t, s, other)
	})
	t.Run("F08 while the old primary is a replica writes fail, and then go on", func(t *testing.T) {
		p, s, id := setUp(t)
		p.Promote()
		counter, end := uint64(2), time.Now().Add(20*time.Second)
		for {
			outcome, _, err := s.Rotate(t.Context(), id, spend(counter, 0))
			if err == nil && outcome == jwtauth.Rotated {
				break
			}
			if err == nil || errors.Is(err, jwtauth.ErrNoFamily) || time.Now().After(end) {
				t.Fatalf("%v, %v", outcome, err)
			}
		}
	})
}

func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	s := newStore(t, client, redisstore.Config{})
	left := func() time.Duration {
		t.Helper()
		keys := server.Keys()
		if len(keys) != 1 {
			t.Fatalf("keys %v", keys)
		}
		for _, ttl := range keys {
			return ttl
		}
		return 0
	}
	near := func(got, want time.Duration) bool { return got <= want+want/8+time.Second && got > want }
	with := func(idle time.Duration) jwtauth.FamilyID {
		t.Helper()
		id := newID("u-alice")
		if err := s.Create(t.Context(), id, nil, jwtauth.Limits{Lifetime: 10 * time.Hour, Idle: idle, PerSubject: 9}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	t.Run("a user's key lives as long as the family that lasts longest", func(t *testing.T) {
		short := with(time.Hour)
		if !near(left(), time.Hour) {
			t.Errorf("TTL %v", left())
		}
		with(3 * time.Hour)
		with(2 * time.Hour)
		if !near(left(), 3*time.Hour) {
			t.Errorf("TTL %v", left())
		}
		r := spend(1, 0)
		r.Idle = 4 * time.Hour
		rotated(t, s, short, r, jwtauth.Rotated)
		if !near(left(), 4*time.Hour) {
			t.Errorf("TTL %v", left())
		}
	})
	t.Run("a TTL that was lost comes back", func(t *testing.T) {
		server.FlushAll()
		id := with(time.Hour)
		for key := range server.Keys() {
			client.Persist(t.Context(), key)
		}
		rotated(t, s, id, spend(1, 0), jwtauth.Rotated)
		if !near(left(), usual.Idle) {
			t.Errorf("TTL %v", left())
		}
	})
	t.Run("RFT-16 RFT-01 a value is of constant size, and no token is in it", func(t *testing.T) {
		server.FlushAll()
		id := with(time.Hour)
		key := client.Keys(t.Context(), "*").Val()[0]
		size := func() int { return len(client.HGet(t.Context(), key, client.HKeys(t.Context(), key).Val()[0]).Val()) }
		before := size()
		for counter := range uint64(200) {
			rotated(t, s, id, spend(counter+1, 0), jwtauth.Rotated)
		}
		if after := size(); after != before {
			t.Errorf("%d bytes have become %d", before, after)
		}
	})
	t.Run("a rotation is one command", func(t *testing.T) {
		if !server.Real() {
			return // miniredis keeps no such statistics
		}
		id := with(time.Hour)
		rotated(t, s, id, spend(1, 0), jwtauth.Rotated)
		calls := func() (n int) {
			for line := range strings.Lines(client.Info(t.Context(), "commandstats").Val()) {
				name, stats, _ := strings.Cut(line, ":")
				var k int
				if name == "cmdstat_evalsha" || name == "cmdstat_eval" {
					if _, err := fmt.Sscanf(stats, "calls=%d", &k); err != nil {
						t.Fatal(err)
					}
				}
				n += k
			}
			return n
		}
		before := calls()
		rotated(t, s, id, spend(2, 0), jwtauth.Rotated)
		if n := calls() - before; n != 1 {
			t.Errorf("%d commands", n)
		}
	})
}

// BenchmarkRotate is a rotation over Redis, beside the bare GET of a value of the
// same size.
func BenchmarkRotate(b *testing.B) {
	c := redistest.Start(b).Client()
	s := newStore(b, c, redisstore.Config{})
	id := newID("u-alice")
	if err := s.Create(b.Context(), id, []byte(strings.Repeat("x", 200)), usual); err != nil {
		b.Fatal(err)
	}
	c.Set(b.Context(), "plain", strings.Repeat("x", 330), time.Hour)
	b.Run("bare GET", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Get(b.Context(), "plain").Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
	counter := uint64(1)
	b.Run("Rotate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if outcome, _, err := s.Rotate(b.Context(), id, spend(counter, 0)); err != nil || outcome != jwtauth.Rotated {
				b.Fatal(outcome, err)
			}
			counter++
		}
	})
}
