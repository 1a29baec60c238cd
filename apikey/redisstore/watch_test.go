package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// A watching is a Watch under way.
type watching struct {
	listening chan struct{}
	changes   chan apikey.Change
	ended     chan error
	at        time.Time // when it ended, once that is told
	cancel    context.CancelFunc
}

func watch(t *testing.T, w apikey.Watcher) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g := &watching{listening: make(chan struct{}, 1), changes: make(chan apikey.Change, 1000), ended: make(chan error, 1), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := w.Watch(ctx, func() { g.listening <- struct{}{} }, func(c apikey.Change) { g.changes <- c })
		g.at = time.Now()
		g.ended <- err
	}()
	t.Cleanup(func() { cancel(); <-done })
	return g
}

func await[T any](t *testing.T, what string, from <-chan T, limit time.Duration) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(limit):
		t.Fatalf("waiting for %s: %v", what, limit)
		panic("unreachable")
	}
}

func TestWatch(t *testing.T) {
	t.Run("a change is told once, with its kind, and none that is none", func(t *testing.T) {
		server := redistest.Start(t)
		a, b := newStore(t, server.Client(), redisstore.Config{Timeout: patience}), newStore(t, server.Client(), redisstore.Config{Timeout: patience})
		w := watch(t, a)
		await(t, "listening", w.listening, patience)
		k := create(t, b, "u-alice")
		r := rotation(k)
		at := now()
		for range 3 {
			must(t, b.Rotate(t.Context(), k.ID, r))
			must(t, b.Expire(t.Context(), k.ID, at))
			must(t, b.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: at}}))
			must(t, b.Revoke(t.Context(), r.Next.ID, at))
			must(t, b.RevokeAll(t.Context(), "u-alice", "", at))
			must(t, b.RevokeAll(t.Context(), "u-bob", "", at))
		}
		create(t, b, "u-end")
		must(t, b.RevokeAll(t.Context(), "u-end", "", at))
		for _, want := range []apikey.Change{{ID: k.ID}, {ID: k.ID}, {ID: r.Next.ID}, {Subject: "u-alice"}, {Subject: "u-end"}} {
			if got := await(t, "a change", w.changes, patience); got != want {
				t.Errorf("told %+v, want %+v", got, want)
			}
		}
	})
	t.Run("stores with other prefixes are told nothing", func(t *testing.T) {
		server := redistest.Start(t)
		a, b := newStore(t, server.Client(), redisstore.Config{Prefix: "a:", Timeout: patience}), newStore(t, server.Client(), redisstore.Config{Prefix: "b:", Timeout: patience})
		w := watch(t, a)
		await(t, "listening", w.listening, patience)
		must(t, b.Revoke(t.Context(), create(t, b, "u").ID, now()))
		k := create(t, a, "u")
		must(t, a.Revoke(t.Context(), k.ID, now()))
		if got := await(t, "a change", w.changes, patience); got.ID != k.ID {
			t.Errorf("told %+v", got)
		}
	})
	t.Run("what cannot be understood is a change of everything", func(t *testing.T) {
		server := redistest.Start(t)
		w := watch(t, newStore(t, server.Client(), redisstore.Config{Timeout: patience}))
		await(t, "listening", w.listening, patience)
		for _, payload := range []string{"", "?", "xyz"} {
			must(t, server.Client().Publish(t.Context(), redisstore.DefaultPrefix+"changes", payload).Err())
			if got := await(t, "a change", w.changes, patience); got != (apikey.Change{}) {
				t.Errorf("told %+v", got)
			}
		}
	})
}

// proxied is a store that watches through a proxy, and is doing so.
func proxied(t *testing.T) (*watching, *faultproxy.Proxy, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	proxy := faultproxy.New(t, server.Addr())
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	w := watch(t, newStore(t, c, redisstore.Config{}))
	await(t, "listening", w.listening, patience)
	return w, proxy, server
}

func TestWatchLost(t *testing.T) {
	t.Parallel()
	// What takes many seconds to be noticed happens now and is asked for at the end.
	noticed := silent(t)
	replaced := otherServers(t)
	t.Run("F01 KEY-05 a connection that is cut ends it at once, also if it could be restored", func(t *testing.T) {
		w, proxy, _ := proxied(t)
		proxy.Reset()
		if err := await(t, "the end", w.ended, 5*time.Second); err == nil {
			t.Error("no error")
		}
	})
	t.Run("F01 a server that restarts ends it", func(t *testing.T) {
		w, _, server := proxied(t)
		server.Stop()
		server.Start()
		if err := await(t, "the end", w.ended, 5*time.Second); err == nil {
			t.Error("no error")
		}
	})
	t.Run("F01 without a server it fails, and says so before it listens", func(t *testing.T) {
		server := redistest.Start(t)
		s := newStore(t, server.Client(), redisstore.Config{Timeout: time.Second})
		server.Stop()
		w := watch(t, s)
		if err := await(t, "the end", w.ended, 20*time.Second); err == nil || len(w.listening) > 0 {
			t.Errorf("%v, listening %d", err, len(w.listening))
		}
	})
	t.Run("F02 a server that takes the connection and says nothing is given up", func(t *testing.T) {
		server := redistest.Start(t)
		proxy := faultproxy.New(t, server.Addr())
		c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = c.Close() })
		proxy.Stall()
		w := watch(t, newStore(t, c, redisstore.Config{}))
		if err := await(t, "the end", w.ended, 20*time.Second); err == nil || len(w.listening) > 0 {
			t.Errorf("%v, listening %d", err, len(w.listening))
		}
	})
	t.Run("F15 while the server stalls it ends with its context", func(t *testing.T) {
		w, proxy, _ := proxied(t)
		proxy.Stall()
		w.cancel()
		if err := await(t, "the end", w.ended, 3*time.Second); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("F15 while it subscribes it ends with its context", func(t *testing.T) {
		server := redistest.Start(t)
		proxy := faultproxy.New(t, server.Addr())
		c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = c.Close() })
		must(t, c.Ping(t.Context()).Err())
		proxy.Stall()
		w := watch(t, newStore(t, c, redisstore.Config{}))
		time.AfterFunc(50*time.Millisecond, w.cancel)
		_ = await(t, "the end", w.ended, 6*time.Second)
	})
	t.Run("F01 KEY-05 a subscription that was made again without a word ends it", func(t *testing.T) {
		server := redistest.Start(t)
		c := redis.NewClient(&redis.Options{
			Addr: server.Addr(), ContextTimeoutEnabled: true,
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &twice{Conn: conn}, err
			},
		})
		t.Cleanup(func() { _ = c.Close() })
		w := watch(t, newStore(t, c, redisstore.Config{}))
		if err := await(t, "the end", w.ended, 5*time.Second); err == nil || !strings.Contains(err.Error(), "made again") {
			t.Error(err)
		}
	})
	t.Run("F12 a node of a cluster that is lost ends it", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		w := watch(t, newStore(t, c, redisstore.Config{}))
		await(t, "listening", w.listening, patience)
		nodes[2].Stop()
		if err := await(t, "the end", w.ended, 5*time.Second); err == nil {
			t.Error("no error")
		}
	})
	t.Run("KEY-05 a server that is new ends it within 15 seconds", func(t *testing.T) {
		replaced.endsWithin(t, 15*time.Second)
	})
	for name, b := range noticed {
		t.Run("F02 KEY-05 a connection that "+name+" is noticed within 30 seconds", func(t *testing.T) {
			b.endsWithin(t, 30*time.Second)
		})
	}
}

// A broken watching is one that something has happened to.
type broken struct {
	*watching
	since time.Time
}

// endsWithin holds it to end by itself with an error, so long after it was broken.
func (b *broken) endsWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	err := await(t, "the end", b.ended, max(0, time.Until(b.since.Add(limit)))+time.Second)
	if took := b.at.Sub(b.since); err == nil || took > limit {
		t.Errorf("%v after %v", err, took)
	}
}

// silent are connections that stay open and carry nothing more, one way or both.
func silent(t *testing.T) map[string]*broken {
	t.Helper()
	all := make(map[string]*broken)
	for name, fault := range map[string]func(p *faultproxy.Proxy){
		"stalls":                     func(p *faultproxy.Proxy) { p.Stall() },
		"loses what the server says": func(p *faultproxy.Proxy) { p.BlackHole(faultproxy.Down) },
		"loses what the client says": func(p *faultproxy.Proxy) { p.BlackHole(faultproxy.Up) },
	} {
		w, proxy, _ := proxied(t)
		fault(proxy)
		all[name] = &broken{w, time.Now()}
	}
	return all
}

// otherServers is a ring that has been given one more.
func otherServers(t *testing.T) *broken {
	t.Helper()
	one, two := redistest.Start(t), redistest.Start(t)
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": one.Addr()}, ContextTimeoutEnabled: true, HeartbeatFn: func(context.Context, *redis.Client) bool { return true }})
	t.Cleanup(func() { _ = ring.Close() })
	w := watch(t, newStore(t, ring, redisstore.Config{}))
	await(t, "listening", w.listening, patience)
	ring.SetAddrs(map[string]string{"one": one.Addr(), "two": two.Addr()})
	return &broken{w, time.Now()}
}

// A twice is a connection on which a subscription is confirmed twice, as after go-redis
// has connected anew by itself.
type twice struct {
	net.Conn
	again []byte
}

func (c *twice) Read(b []byte) (int, error) {
	if len(c.again) > 0 {
		n := copy(b, c.again)
		c.again = c.again[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if bytes.Contains(b[:n], []byte("\r\nsubscribe\r\n")) {
		c.again = bytes.Clone(b[:n])
	}
	return n, err
}
