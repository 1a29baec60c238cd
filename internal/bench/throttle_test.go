package bench

import (
	"context"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/httprate"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/ulule/limiter/v3"
	ululememory "github.com/ulule/limiter/v3/drivers/store/memory"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"
	"golang.org/x/time/rate"

	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/password/throttle/redisstore"
)

// The limits of the peers are never reached. The interval is a day because
// go-limiter, which computes its refill in nanoseconds per token, grants too few
// for a large limit in a short one.
const (
	manyTokens = 1 << 30
	interval   = 24 * time.Hour
)

// A limiterPeer counts a request under key and admits it. Keep is what it holds,
// so that the collector leaves it alone.
type limiterPeer struct {
	who   string
	allow func(ctx context.Context, key string) bool
	keep  any
}

func throttleLimiter(b *testing.B, store throttle.Store, window time.Duration) limiterPeer {
	b.Helper()
	l, err := throttle.New(store, throttle.Config{Max: throttle.MaxRequests, Window: window})
	if err != nil {
		b.Fatal(err)
	}
	return limiterPeer{"sallyport", func(ctx context.Context, key string) bool { return l.Allow(ctx, key) == nil }, store}
}

func throttleMemory(b *testing.B, cfg throttle.MemoryConfig) throttle.Store {
	b.Helper()
	store, err := throttle.NewMemoryStore(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return store
}

func goLimiter(b *testing.B) limiterPeer {
	b.Helper()
	store, err := memorystore.New(&memorystore.Config{Tokens: manyTokens, Interval: interval})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close(context.Background()) })
	return limiterPeer{"go-limiter", func(ctx context.Context, key string) bool {
		_, _, _, ok, err := store.Take(ctx, key)
		return ok && err == nil
	}, store}
}

func ulule(store limiter.Store) limiterPeer {
	l := limiter.New(store, limiter.Rate{Period: interval, Limit: manyTokens})
	return limiterPeer{"ulule", func(ctx context.Context, key string) bool {
		c, err := l.Get(ctx, key)
		return err == nil && !c.Reached
	}, l}
}

// httpRate has no way to count without a response.
func httpRate() limiterPeer {
	l := httprate.NewRateLimiter(manyTokens, interval)
	r := httptest.NewRequest("GET", "/", nil)
	sinks := sync.Pool{New: func() any { return newSink() }}
	return limiterPeer{"httprate", func(_ context.Context, key string) bool {
		w := sinks.Get().(*sink)
		defer sinks.Put(w)
		return !l.OnLimit(w.next(), r, key)
	}, l}
}

// xTime is the map of buckets that services write around golang.org/x/time/rate.
// It never shrinks.
func xTime() limiterPeer {
	var mu sync.Mutex
	buckets := make(map[string]*rate.Limiter)
	return limiterPeer{"x-time", func(_ context.Context, key string) bool {
		mu.Lock()
		defer mu.Unlock()
		l := buckets[key]
		if l == nil {
			l = rate.NewLimiter(manyTokens, manyTokens)
			buckets[key] = l
		}
		return l.Allow()
	}, buckets}
}

// mapLimit is what counting in memory cannot do without.
func mapLimit() limiterPeer {
	var mu sync.Mutex
	counts := make(map[string]int)
	return limiterPeer{"limit", func(_ context.Context, key string) bool {
		mu.Lock()
		defer mu.Unlock()
		counts[key]++
		return counts[key] < manyTokens
	}, counts}
}

func addresses(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "10." + strconv.Itoa(i>>16) + "." + strconv.Itoa(i>>8&255) + "." + strconv.Itoa(i&255)
	}
	return keys
}

// BenchmarkThrottle counts requests in memory and admits all of them.
func BenchmarkThrottle(b *testing.B) {
	peers := func(b *testing.B) []limiterPeer {
		return []limiterPeer{mapLimit(), goLimiter(b), xTime(), ulule(ululememory.NewStore()), httpRate()}
	}
	run := func(b *testing.B, keys []string, l limiterPeer) {
		ctx := b.Context()
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if !l.allow(ctx, keys[i]) {
				b.Fatal("refused")
			}
			if i++; i == len(keys) {
				i = 0
			}
		}
	}
	// The largest limit is out of reach of one key in a millisecond.
	one := throttleLimiter(b, throttleMemory(b, throttle.MemoryConfig{}), time.Millisecond)
	for _, l := range append(peers(b), one) {
		b.Run("keys=1/who="+l.who, func(b *testing.B) { run(b, []string{"192.0.2.1"}, l) })
	}
	keys := addresses(100_000)
	table := throttleLimiter(b, throttleMemory(b, throttle.MemoryConfig{MaxKeys: 1 << 17}), interval)
	many := append(peers(b), table)
	for _, l := range many {
		for _, key := range keys {
			l.allow(b.Context(), key)
		}
	}
	for _, l := range many {
		b.Run("keys=100000/who="+l.who, func(b *testing.B) { run(b, keys, l) })
	}
	for _, l := range many {
		b.Run("keys=100000/atonce=16/who="+l.who, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			b.SetParallelism((16 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			var from atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for i := int(from.Add(9973)) % len(keys); pb.Next(); i = (i + 1) % len(keys) {
					if !l.allow(ctx, keys[i]) {
						b.Error("refused")
						return
					}
				}
			})
		})
	}
}

// BenchmarkThrottleMemory is what a limiter keeps when 1,000,000 addresses have
// been there once.
func BenchmarkThrottleMemory(b *testing.B) {
	keys := addresses(1_000_000)
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for _, tc := range []struct {
		who  string
		make func(b *testing.B) limiterPeer
	}{
		{"limit", func(*testing.B) limiterPeer { return mapLimit() }},
		{"sallyport", func(b *testing.B) limiterPeer { // the store that New makes
			return throttleLimiter(b, throttleMemory(b, throttle.MemoryConfig{}), interval)
		}},
		{"go-limiter", goLimiter},
		{"ulule", func(*testing.B) limiterPeer { return ulule(ululememory.NewStore()) }},
		{"httprate", func(*testing.B) limiterPeer { return httpRate() }},
	} {
		b.Run("keys=1000000/who="+tc.who, func(b *testing.B) {
			var kept float64
			for b.Loop() {
				before := heap()
				l := tc.make(b)
				for _, key := range keys {
					l.allow(b.Context(), key)
				}
				kept = heap() - before
				runtime.KeepAlive(l)
			}
			b.ReportMetric(kept/(1<<20), "MiB")
			runtime.KeepAlive(keys)
		})
	}
}

// BenchmarkThrottleRedis counts requests of one address of many, 16 at once.
func BenchmarkThrottleRedis(b *testing.B) {
	c := redisClient(b)
	count := redis.NewScript(`local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n`)
	theirs, err := ululeredis.NewStore(c)
	if err != nil {
		b.Fatal(err)
	}
	store, err := redisstore.New(c, redisstore.Config{})
	if err != nil {
		b.Fatal(err)
	}
	rates := redis_rate.NewLimiter(c)
	limit := redis_rate.Limit{Rate: manyTokens, Burst: manyTokens, Period: interval}
	keys := addresses(10_000)
	for _, l := range []limiterPeer{
		{who: "limit", allow: func(ctx context.Context, key string) bool {
			return count.Run(ctx, c, []string{"bare:" + key}, interval.Milliseconds()).Err() == nil
		}},
		throttleLimiter(b, store, time.Minute),
		ulule(theirs),
		{who: "redis_rate", allow: func(ctx context.Context, key string) bool {
			got, err := rates.Allow(ctx, key, limit)
			return err == nil && got.Allowed == 1
		}},
	} {
		b.Run("store=redis/atonce=16/who="+l.who, func(b *testing.B) {
			ctx := b.Context()
			l.allow(ctx, keys[0]) // the script is known from here on
			b.ReportAllocs()
			b.SetParallelism((16 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			var from atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for i := int(from.Add(997)) % len(keys); pb.Next(); i = (i + 1) % len(keys) {
					if !l.allow(ctx, keys[i]) {
						b.Error("refused")
						return
					}
				}
			})
		})
	}
}
