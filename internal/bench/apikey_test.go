package bench

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/problem"
)

// manager is a Manager whose owners are all well and may do everything.
func manager(b *testing.B, store apikey.Store, cacheFor time.Duration, size int) *apikey.Manager {
	b.Helper()
	m, err := apikey.New(store, apikey.Config{
		Owner:    func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil },
		Permits:  func(*auth.Principal, string) bool { return true },
		CacheFor: cacheFor, CacheSize: 4 * size, // a half and its shards are never quite even
		Now: still(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

// still is a clock that costs what a clock does and stands still, so that nothing that
// is in the cache expires before it is measured.
func still() func() time.Time {
	start := time.Now()
	return func() time.Time {
		_ = time.Now()
		return start
	}
}

// issue makes n keys of as many owners and returns their texts in random order, as the
// values of a header.
func issue(b *testing.B, m *apikey.Manager, n int) [][]string {
	b.Helper()
	headers := make([][]string, n)
	for i := range headers {
		text, _, err := m.Issue(b.Context(), apikey.Request{Subject: fmt.Sprint("u-", i), Name: "backup", Scopes: []string{"orders:read"}})
		if err != nil {
			b.Fatal(err)
		}
		headers[i] = []string{text}
	}
	shuffle(headers)
	return headers
}

// shuffle is that of Fisher and Yates, with a generator that needs no seed.
func shuffle(list [][]string) {
	state := uint64(0x9e3779b97f4a7c15)
	for i := len(list) - 1; i > 0; i-- {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		j := int(state % uint64(i+1))
		list[i], list[j] = list[j], list[i]
	}
}

// keyLimit is what a look-up in memory cannot do without: SHA-256 of the secret, a map
// that is found by the id, a comparison and the context. It is wide open otherwise.
func keyLimit(headers [][]string, next http.Handler) http.Handler {
	type record struct {
		hash      [32]byte
		principal *auth.Principal
	}
	split := func(text string) (id, secret string) {
		_, rest, _ := strings.Cut(text[len("sk_"):], "_")
		id, secret, _ = strings.Cut(rest, "_")
		return id, secret
	}
	records := make(map[string]*record, len(headers))
	for _, h := range headers {
		id, secret := split(h[0])
		records[strings.Clone(id)] = &record{sha256.Sum256([]byte(secret)), &auth.Principal{Subject: "u"}}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret := split(r.Header["X-Api-Key"][0])
		known := records[id]
		if known == nil {
			problem.WriteError(w, r, auth.ErrInvalidCredentials)
			return
		}
		var space [64]byte
		hash := sha256.Sum256(space[:copy(space[:], secret)])
		if subtle.ConstantTimeCompare(hash[:], known.hash[:]) != 1 {
			problem.WriteError(w, r, auth.ErrInvalidCredentials)
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), known.principal)))
	})
}

// BenchmarkAPIKey is a request from the header to the handler, with another key each
// time: of a key that is in the cache, and of one that is asked for in a MemoryStore.
func BenchmarkAPIKey(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"100k", 100_000}, {"1M", 1_000_000}} {
		b.Run("keys="+size.name, func(b *testing.B) {
			store, err := apikey.NewMemoryStore(apikey.MemoryConfig{})
			if err != nil {
				b.Fatal(err)
			}
			uncached := manager(b, store, 0, size.n)
			headers := issue(b, uncached, size.n)
			admitted := 0
			next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { admitted++ })
			cached := manager(b, store, time.Minute, size.n)
			for _, c := range []struct {
				who  string
				gate http.Handler
				warm bool
			}{
				{"limit", keyLimit(headers, next), false},
				{"sallyport", auth.Require(cached)(next), true},
				{"sallyport-uncached", auth.Require(uncached)(next), false},
			} {
				b.Run("store=memory/what=accept/who="+c.who, func(b *testing.B) {
					r, w := httptest.NewRequest("GET", "/", nil), newSink()
					if c.warm {
						for _, h := range headers {
							r.Header["X-Api-Key"] = h
							c.gate.ServeHTTP(w.next(), r)
						}
					}
					before, i := admitted, 0
					b.ReportAllocs()
					for b.Loop() {
						r.Header["X-Api-Key"] = headers[i%len(headers)]
						i++
						c.gate.ServeHTTP(w.next(), r)
					}
					if admitted-before != i {
						b.Fatalf("admitted %d of %d requests", admitted-before, i)
					}
				})
			}
		})
	}
}

// BenchmarkAPIKeyRefuse is a request that is refused: for a text that is no key, and for
// a key that looks well and does not exist, which is in the cache as such.
func BenchmarkAPIKeyRefuse(b *testing.B) {
	m := manager(b, nil, time.Minute, 1000)
	good := issue(b, m, 1)[0][0]
	gone, k, err := m.Issue(b.Context(), apikey.Request{Subject: "u-gone", Scopes: []string{"orders:read"}})
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Revoke(b.Context(), k.ID); err != nil {
		b.Fatal(err)
	}
	gate := auth.Require(m)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.Error("admitted") }))
	for what, text := range map[string]string{
		"garbage": strings.Repeat("g4rb", 18), "typo": good[:len(good)-1] + "!", "revoked": gone,
	} {
		b.Run("what="+what+"/who=sallyport", func(b *testing.B) {
			r, w := httptest.NewRequest("GET", "/", nil), newSink()
			r.Header.Set("X-Api-Key", text)
			b.ReportAllocs()
			for b.Loop() {
				gate.ServeHTTP(w.next(), r)
			}
		})
	}
}

// keysInRedis are keys in a server of its own, and the gate that asks it for each.
func keysInRedis(b *testing.B, c *redis.Client, n int) (gate http.Handler, headers [][]string) {
	b.Helper()
	store, err := redisstore.New(c, redisstore.Config{})
	if err != nil {
		b.Fatal(err)
	}
	m := manager(b, store, 0, n)
	return auth.Require(m)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), issue(b, m, n)
}

// bareGet is what a key in Redis cannot do without: the GET of as many bytes.
func bareGet(b *testing.B, c *redis.Client) http.Handler {
	b.Helper()
	key := c.Keys(b.Context(), redisstore.DefaultPrefix+"*").Val()[0]
	value := c.HVals(b.Context(), key).Val()[0]
	if err := c.Set(b.Context(), "plain", value, time.Hour).Err(); err != nil {
		b.Fatal(err)
	}
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got, err := c.Get(r.Context(), "plain").Bytes(); err != nil || len(got) != len(value) {
			b.Error(err)
		}
	})
}

// BenchmarkAPIKeyRedis is 32 requests at once over one client, without a cache.
func BenchmarkAPIKeyRedis(b *testing.B) {
	c := redisClient(b)
	ours, headers := keysInRedis(b, c, 1000)
	for who, h := range map[string]http.Handler{"limit": bareGet(b, c), "sallyport": ours} {
		b.Run("store=redis/what=accept/who="+who, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism((atOnce + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				r, w := httptest.NewRequestWithContext(b.Context(), "GET", "/", nil), newSink()
				for i := 0; pb.Next(); i++ {
					r.Header["X-Api-Key"] = headers[i%len(headers)]
					h.ServeHTTP(w.next(), r)
				}
			})
		})
	}
}

// BenchmarkAPIKeyLatency is one request at a time, in turn with a bare GET, so that both
// find the machine in the same mood. xGET is the median of what the request takes in
// terms of its GET.
func BenchmarkAPIKeyLatency(b *testing.B) {
	c := redisClient(b)
	ours, headers := keysInRedis(b, c, 1000)
	limit := bareGet(b, c)
	b.Run("store=redis/what=accept/who=sallyport", func(b *testing.B) {
		r, w := httptest.NewRequestWithContext(b.Context(), "GET", "/", nil), newSink()
		took := func(h http.Handler) float64 {
			start := time.Now()
			h.ServeHTTP(w.next(), r)
			return float64(time.Since(start))
		}
		var ratios []float64
		for b.Loop() {
			r.Header["X-Api-Key"] = headers[len(ratios)%len(headers)]
			// Whoever is second finds the caches warm.
			if len(ratios)%2 == 0 {
				get := took(limit)
				ratios = append(ratios, took(ours)/get)
			} else {
				request := took(ours)
				ratios = append(ratios, request/took(limit))
			}
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "xGET")
	})
}

// BenchmarkAPIKeyMemory is what a million keys take on the heap, in the store and in the
// cache, without the texts that the benchmark keeps itself.
func BenchmarkAPIKeyMemory(b *testing.B) {
	const n = 1_000_000
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	b.Run("keys=1M/who=sallyport", func(b *testing.B) {
		var stored, cached float64
		for b.Loop() {
			before := heap()
			store, err := apikey.NewMemoryStore(apikey.MemoryConfig{})
			if err != nil {
				b.Fatal(err)
			}
			m := manager(b, store, time.Minute, n)
			headers := issue(b, m, n)
			full := heap()
			texts := make([][]string, 0, n)
			for _, h := range headers {
				texts = append(texts, []string{strings.Clone(h[0])})
			}
			stored = full - before - (heap() - full)
			full = heap()
			for _, h := range headers {
				if _, err := m.Authenticate(&http.Request{Header: http.Header{"X-Api-Key": h}}); err != nil {
					b.Fatal(err)
				}
			}
			cached = heap() - full
			runtime.KeepAlive(headers)
			runtime.KeepAlive(texts)
		}
		b.ReportMetric(stored/n, "B/stored")
		b.ReportMetric(cached/n, "B/cached")
	})
}
