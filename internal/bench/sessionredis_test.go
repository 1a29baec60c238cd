package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session/redisstore"
)

// atOnce is how many requests run at the same time, each with a connection that
// it need not wait for.
const atOnce = 32

// redisClient is a client of a server of its own.
func redisClient(b *testing.B) *redis.Client {
	b.Helper()
	c := redis.NewClient(&redis.Options{Addr: redistest.Start(b).Addr(), ContextTimeoutEnabled: true, PoolSize: atOnce})
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func sallyportOverRedis(b *testing.B, c *redis.Client) contender {
	b.Helper()
	store, err := redisstore.New(c, redisstore.Config{})
	if err != nil {
		b.Fatal(err)
	}
	return sallyport(b, store)
}

// bare is what a session in Redis cannot do without: a GET, to modify it a SET as
// well, of as many bytes as ours has.
func bare(b *testing.B, c *redis.Client) contender {
	b.Helper()
	key := c.Keys(b.Context(), redisstore.DefaultPrefix+"*").Val()[0]
	value := c.HVals(b.Context(), key).Val()[0]
	if err := c.Set(b.Context(), "plain", value, time.Hour).Err(); err != nil {
		b.Fatal(err)
	}
	get := func(_ http.ResponseWriter, r *http.Request) {
		if got, err := c.Get(r.Context(), "plain").Bytes(); err != nil || len(got) != len(value) {
			b.Error(err)
		}
	}
	return contender{who: "limit", read: http.HandlerFunc(get), modify: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get(w, r)
		if err := c.Set(r.Context(), "plain", value, time.Hour).Err(); err != nil {
			b.Error(err)
		}
	})}
}

// onConnection is a request whose context can end, as that of a server can.
func (c contender) onConnection(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", c.cookie)
	return r
}

// BenchmarkSessionRedis is 32 requests at once over one client.
func BenchmarkSessionRedis(b *testing.B) {
	c := redisClient(b)
	ours := sallyportOverRedis(b, c)
	contenders := []contender{bare(b, c), ours, scsOver(b, goredisstore.New(c))}
	for _, op := range []string{"read", "modify"} {
		for _, c := range contenders {
			h := c.read
			if op == "modify" {
				h = c.modify
			}
			b.Run("store=redis/op="+op+"/who="+c.who, func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism((atOnce + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				b.RunParallel(func(pb *testing.PB) {
					r, w := c.onConnection(b.Context()), newSink()
					for pb.Next() {
						h.ServeHTTP(w.next(), r)
					}
				})
			})
		}
	}
}

// BenchmarkSessionLatency is one request at a time, in turn with a bare GET, so
// that both find the machine in the same mood. xGET is the median of what the
// request takes in terms of its GET.
func BenchmarkSessionLatency(b *testing.B) {
	c := redisClient(b)
	ours := sallyportOverRedis(b, c)
	limit := bare(b, c)
	for _, c := range []contender{ours, scsOver(b, goredisstore.New(c))} {
		b.Run("store=redis/op=read/who="+c.who, func(b *testing.B) {
			r, w := c.onConnection(b.Context()), newSink()
			took := func(h http.Handler) float64 {
				start := time.Now()
				h.ServeHTTP(w.next(), r)
				return float64(time.Since(start))
			}
			var ratios []float64
			for b.Loop() {
				// Whoever is second finds the caches warm.
				if len(ratios)%2 == 0 {
					get := took(limit.read)
					ratios = append(ratios, took(c.read)/get)
				} else {
					request := took(c.read)
					ratios = append(ratios, request/took(limit.read))
				}
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "xGET")
		})
	}
}
