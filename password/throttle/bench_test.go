package throttle_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

// limiterOf is a Limiter that admits the whole benchmark, and n keys for it.
func limiterOf(b *testing.B, n int) (*throttle.Limiter, []string) {
	b.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "10.0." + strconv.Itoa(i/256) + "." + strconv.Itoa(i%256)
	}
	return newLimiter(b, nil, throttle.Config{Max: throttle.MaxRequests, Window: time.Millisecond}), keys
}

// BenchmarkAllow is a request that is counted: the work of a limiter alone.
func BenchmarkAllow(b *testing.B) {
	for _, n := range []int{1, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			l, keys := limiterOf(b, n)
			ctx := context.Background()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				_ = l.Allow(ctx, keys[i])
				if i += 7919; i >= n {
					i %= n
				}
			}
		})
	}
}

// BenchmarkLogin is an attempt that succeeds, by account and address.
func BenchmarkLogin(b *testing.B) {
	g := newGuard(b, nil, throttle.GuardConfig{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		a, err := g.Begin(ctx, throttle.Source{Account: "subject:17", Subject: "17", Address: home})
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Succeed(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParallel(b *testing.B) {
	l, keys := limiterOf(b, 1024)
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		ctx, i := context.Background(), 0
		for pb.Next() {
			if a, err := l.Begin(ctx, keys[i%len(keys)]); err == nil {
				_ = a.Succeed(ctx)
			}
			i++
		}
	})
}
