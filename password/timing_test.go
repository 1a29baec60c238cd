//go:build timing

package password_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
)

// timingRuns is the number of failed logins of each class: 2,400 in all.
const timingRuns = 400

// significant is the normal score of 99 % in five comparisons, on both sides.
const significant = 3.09

// TestTiming measures failed logins of all classes in random order, at the
// default parameters, and compares each class with the unknown login. The method,
// for a significance of 99 % over five comparisons: the medians may not differ by
// 5 %, nor significantly (Mann-Whitney) by 1 %; the 90th percentiles may not
// differ significantly (share of each sample above the 90th percentile of both)
// by 5 %.
func TestTiming(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	argon := must[*password.Argon2id](t)(password.NewArgon2id(password.Argon2idConfig{Pool: pool}))
	bcrypt := must[*password.Bcrypt](t)(password.NewBcrypt(password.BcryptConfig{Cost: 10, Pool: pool}))
	h := must[password.Hasher](t)(password.Upgrade(argon, bcrypt))
	classes := []class{
		{name: "unknown", err: password.ErrNoAccount, unknown: true},
		{name: "wrong password", encoded: hash(t, argon, "another one")},
		{name: "no password", encoded: ""},
		{name: "disabled", encoded: hash(t, argon, alice), err: password.ErrNoAccount},
		{name: "damaged hash", encoded: hash(t, argon, alice)[:60]},
		{name: "bcrypt, wrong password", encoded: hash(t, bcrypt, "another one")},
	}
	checkers := make([]*password.Checker, len(classes))
	for i, c := range classes {
		checkers[i] = newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
			if c.unknown {
				return "", nil, c.err
			}
			return c.encoded, &auth.Principal{Subject: "17"}, c.err
		}, password.CheckerConfig{Hasher: h, Guard: unlimited(t)})
	}
	order := make([]int, 0, timingRuns*len(classes))
	for i := range cap(order) {
		order = append(order, i%len(classes))
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })

	samples := make([][]float64, len(classes))
	for _, i := range order {
		start := time.Now()
		_, err := checkers[i].Check(t.Context(), "alice@example.com", alice)
		took := time.Since(start)
		if err != password.ErrMismatch { //nolint:errorlint // the very same
			t.Fatal(err)
		}
		samples[i] = append(samples[i], took.Seconds()*1e3)
	}
	want := samples[0]
	for i, c := range classes {
		got := samples[i]
		median, p90 := quantile(got, 0.5)/quantile(want, 0.5)-1, quantile(got, 0.9)/quantile(want, 0.9)-1
		z, z90 := mannWhitney(want, got), above(want, got, 0.9)
		t.Logf("%-24s median %6.2f ms (%+.2f %%, z %+.2f), p90 %6.2f ms (%+.2f %%, z %+.2f)",
			c.name, quantile(got, 0.5), median*100, z, quantile(got, 0.9), p90*100, z90)
		if math.Abs(median) >= 0.05 {
			t.Errorf("PWD-13 PWD-14 P05 the median of %s differs by 5 %% or more from that of an unknown login", c.name)
		}
		if math.Abs(z) > significant && math.Abs(median) >= 0.01 || math.Abs(z90) > significant && math.Abs(p90) >= 0.05 {
			t.Errorf("PWD-13 PWD-14 P05 %s can be told from an unknown login", c.name)
		}
	}
}

// unlimited is a Guard that admits the whole test.
func unlimited(t testing.TB) *throttle.Guard {
	return must[*throttle.Guard](t)(throttle.NewGuard(brokenStore{}, throttle.GuardConfig{}))
}

func quantile(sample []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(sample))
	return s[int(q*float64(len(s)-1))]
}

// above returns the normal score of the difference between the shares of a and of
// b that are above quantile q of both.
func above(a, b []float64, q float64) float64 {
	limit := quantile(slices.Concat(a, b), q)
	share := func(s []float64) (n float64) {
		for _, v := range s {
			if v > limit {
				n++
			}
		}
		return n / float64(len(s))
	}
	return (share(b) - share(a)) / math.Sqrt(q*(1-q)*(1/float64(len(a))+1/float64(len(b))))
}

// mannWhitney returns the normal score of the rank sum of b among a and b.
func mannWhitney(a, b []float64) float64 {
	type obs struct {
		v   float64
		isB bool
	}
	all := make([]obs, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, obs{v, false})
	}
	for _, v := range b {
		all = append(all, obs{v, true})
	}
	slices.SortFunc(all, func(x, y obs) int {
		switch {
		case x.v < y.v:
			return -1
		case x.v > y.v:
			return 1
		}
		return 0
	})
	var ranks float64
	for i, o := range all {
		if o.isB {
			ranks += float64(i + 1)
		}
	}
	n, m := float64(len(a)), float64(len(b))
	return (ranks - m*(n+m+1)/2) / math.Sqrt(n*m*(n+m+1)/12)
}

// BenchmarkStorm verifies 200 passwords at once at 64 MiB, 1 pass, 4 lanes, and
// reports the greatest memory of the process. Each case wants a process of its
// own, and the one without a bound 13 GiB:
//
//	go test -tags timing -run none -bench Storm/pool -benchtime 1x ./password
//	go test -tags timing -run none -bench Storm/unbounded -benchtime 1x ./password
func BenchmarkStorm(b *testing.B) {
	const atOnce = 200
	for name, cfg := range map[string]password.PoolConfig{
		"pool":      {},
		"unbounded": {Memory: 64 * atOnce, Parallel: 4 * atOnce},
	} {
		b.Run(name, func(b *testing.B) {
			pool := newPool(b, cfg)
			h := must[*password.Argon2id](b)(password.NewArgon2id(password.Argon2idConfig{Memory: 64, Time: 1, Threads: 4, Pool: newPool(b, password.PoolConfig{})}))
			stored := hash(b, h, alice)
			h = must[*password.Argon2id](b)(password.NewArgon2id(password.Argon2idConfig{Memory: 64, Time: 1, Threads: 4, Pool: pool}))
			start := time.Now()
			for b.Loop() {
				var wg sync.WaitGroup
				for range atOnce {
					wg.Go(func() {
						if ok, _, err := h.Verify(context.Background(), stored, alice); !ok || err != nil {
							b.Error(ok, err)
						}
					})
				}
				wg.Wait()
			}
			b.ReportMetric(float64(atOnce*b.N)/time.Since(start).Seconds(), "verify/s")
			b.ReportMetric(peakMiB(b), "MiB-peak")
		})
	}
}

// peakMiB is the greatest resident memory of this process so far.
func peakMiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(line, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
