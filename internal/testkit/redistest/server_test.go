package redistest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// within returns a context that ends soon enough for a test to hang no longer.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStart(t *testing.T) {
	ctx := t.Context()
	a, b := redistest.Start(t), redistest.Start(t)
	if a.Addr() == b.Addr() {
		t.Fatalf("two servers at %s", a.Addr())
	}
	must(t, a.Client().Set(ctx, "k", "of a", time.Minute).Err())
	if n, err := b.Client().DBSize(ctx).Result(); n != 0 || err != nil {
		t.Errorf("b has %d keys, %v", n, err)
	}
	o, err := redis.ParseURL(a.URL())
	if err != nil || o.Addr != a.Addr() {
		t.Errorf("URL %q: %v", a.URL(), err)
	}
	if c := a.Client().(*redis.Client); !c.Options().ContextTimeoutEnabled {
		t.Error("the client ignores deadlines")
	}
}

func TestStartEndsWithTheTest(t *testing.T) {
	var addr string
	var client redis.UniversalClient
	r := faketb.Run("TestX", func(t testing.TB) {
		s := redistest.Start(t)
		addr, client = s.Addr(), s.Client()
		if s.Real() {
			s.Pause() // also when it is stopped
		}
	})
	if r.Failed {
		t.Fatal(r.Log)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Error("the server is still there")
	}
	if err := client.Ping(t.Context()).Err(); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("the client is still open: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			must(t, s.Client().Set(t.Context(), "k", i, time.Minute).Err())
			if got, err := s.Client().Get(t.Context(), "k").Int(); got != i || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}

func TestStopAndStart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := s.Client()
	must(t, c.Set(t.Context(), "k", "v", time.Minute).Err())
	t.Run("F01 a stopped server refuses", func(t *testing.T) {
		s.Stop()
		s.Stop() // again is fine
		if conn, err := net.Dial("tcp", s.Addr()); err == nil {
			_ = conn.Close()
			t.Error("a connection was accepted")
		}
		if err := c.Ping(t.Context()).Err(); err == nil {
			t.Error("a command was answered")
		}
	})
	t.Run("F10 a restart comes back empty at the same address", func(t *testing.T) {
		s.Start()
		s.Start() // again is fine
		if n, err := c.DBSize(t.Context()).Result(); n != 0 || err != nil {
			t.Errorf("%d keys, %v", n, err)
		}
		if keys := s.Keys(); len(keys) != 0 {
			t.Errorf("keys %v", keys)
		}
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	t.Run("F02 a paused server accepts and stalls, and the client obeys its deadline", func(t *testing.T) {
		s := redistest.Start(t)
		c := s.Client()
		must(t, c.Ping(t.Context()).Err())
		s.Pause()
		conn, err := net.Dial("tcp", s.Addr())
		must(t, err)
		_ = conn.Close()
		before := time.Now()
		if err := c.Set(within(t, 300*time.Millisecond), "k", "v", time.Minute).Err(); err == nil {
			t.Error("a command was answered")
		}
		if took := time.Since(before); took < 250*time.Millisecond || took > 3*time.Second {
			t.Errorf("gave up after %v, want about 300ms", took)
		}
		s.Resume()
		must(t, c.Ping(t.Context()).Err())
	})
}

func TestConfig(t *testing.T) {
	t.Run("F06 out of memory", func(t *testing.T) {
		s := redistest.Start(t)
		s.Config("maxmemory-policy", "noeviction")
		s.Config("maxmemory", "1")
		if err := s.Client().Set(t.Context(), "k", "v", time.Minute).Err(); err == nil || !strings.HasPrefix(err.Error(), "OOM") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an unknown parameter ends the test", func(t *testing.T) {
		r := faketb.Run("TestX", func(t testing.TB) { redistest.Start(t).Config("no-such", "thing"); t.Log("went on") })
		if !r.Failed && !r.Skipped {
			t.Errorf("%+v", r)
		}
	})
}

func TestKeys(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	assert := func() faketb.Result { return faketb.Run("TestX", s.AssertTTL) }
	if r := assert(); !r.Failed {
		t.Error("AssertTTL is content with nothing")
	}
	for i := range 2500 { // more than one page
		must(t, c.Set(t.Context(), fmt.Sprint("k", i), "v", time.Minute).Err())
	}
	keys := s.Keys()
	if len(keys) != 2500 || keys["k7"] <= 50*time.Second || keys["k7"] > time.Minute {
		t.Errorf("%d keys, k7 has %v left", len(keys), keys["k7"])
	}
	if r := assert(); r.Failed {
		t.Error(r.Log)
	}
	must(t, c.Set(t.Context(), "eternal", "v", 0).Err())
	if left, ok := s.Keys()["eternal"]; !ok || left != 0 {
		t.Errorf("eternal has %v left, %v", left, ok)
	}
	if r := assert(); !r.Failed || !strings.Contains(r.Log[0], "1 of 2501") || !strings.HasSuffix(r.Log[0], ": eternal") {
		t.Errorf("%+v", r)
	}
	s.FlushAll()
	if keys := s.Keys(); len(keys) != 0 {
		t.Errorf("%d keys after FlushAll", len(keys))
	}
}

// F03 to F05 through a proxy, against what go-redis does by default.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	direct := s.Client()
	proxy := faultproxy.New(t, s.Addr())
	c := redistest.Client(t, proxy.Addr())
	ctx := t.Context()
	must(t, c.Ping(ctx).Err())

	t.Run("F03 a command whose reply is lost is carried out twice", func(t *testing.T) {
		proxy.DropReply(1)
		if n, err := c.Incr(ctx, "counter").Result(); n != 2 || err != nil {
			t.Errorf("got %d, %v, want 2: the retry of go-redis", n, err)
		}
		if proxy.Faults() != 1 {
			t.Errorf("%d faults", proxy.Faults())
		}
	})
	t.Run("F03 a pipeline or a script is one reply", func(t *testing.T) {
		pipeline := func() {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
				for range 10 {
					p.Incr(ctx, "piped")
				}
				return nil
			})
			must(t, err)
		}
		must(t, c.Ping(ctx).Err()) // warm both connections up
		pipeline()
		before := proxy.Faults()
		proxy.DropReply(3)
		pipeline()
		must(t, c.Eval(ctx, "for i = 1, 100 do redis.call('INCR', KEYS[1]) end return 1", []string{"scripted"}).Err())
		if proxy.Faults() != before {
			t.Error("struck before the third reply")
		}
		must(t, c.Incr(ctx, "third").Err())
		if n, err := direct.Get(ctx, "third").Int(); n != 2 || err != nil || proxy.Faults() != before+1 {
			t.Errorf("the third was carried out %d times, %v", n, err)
		}
	})
	t.Run("F04 after a cut no reply is taken for another's", func(t *testing.T) {
		const keys = 10
		value := func(i int) string { return fmt.Sprintf("value of %d", i) }
		for i := range keys {
			must(t, direct.Set(ctx, fmt.Sprint("key", i), value(i), time.Minute).Err())
		}
		for n := 1; n <= 200; n += 7 {
			for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
				before := proxy.Faults()
				proxy.CutAfter(d, n)
				for i := 0; proxy.Faults() == before; i++ {
					got, err := c.Get(ctx, fmt.Sprint("key", i%keys)).Result()
					if err == nil && got != value(i%keys) {
						t.Fatalf("cut after %d bytes: key%d is %q", n, i%keys, got)
					}
				}
			}
		}
	})
	t.Run("F05 under random latency no command takes longer than its deadline", func(t *testing.T) {
		proxy.RandomLatency(200 * time.Millisecond)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				before := time.Now()
				_ = c.Get(ctx, "key1").Err()
				if took := time.Since(before); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
			})
		}
		wg.Wait()
		proxy.Pass()
		if got, err := c.Get(ctx, "key1").Result(); got != "value of 1" || err != nil {
			t.Errorf("afterwards %q, %v", got, err)
		}
	})
}
