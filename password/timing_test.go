//go:build timing

package password_test

import (
	"context"
	"flag"
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
	"github.com/go-sallyport/auth/password/legacy"
	"github.com/go-sallyport/auth/password/throttle"
)

// timingBudget is how long the measurement takes. Fewer runs see less, and may fail by
// chance: what is shown by a run of ten seconds is that the test works.
var timingBudget = flag.Duration("timing", 4*time.Minute, "how long TestTiming measures")

const (
	// timingLeast is how many logins of each class are measured whatever the budget
	// is; under it the scores below are not normal.
	timingLeast = 20
	// significant is the normal score of 99 % in seven comparisons, on both sides.
	significant = 3.19
)

// TestTiming measures failed logins of all classes in random order and compares each
// class with the unknown login. The method, for a significance of 99 % over all
// comparisons: the medians may not differ by 5 %, nor significantly (Mann-Whitney) by
// 1 %; the 90th percentiles may not differ significantly (share of each sample above
// the 90th percentile of both) by 5 %.
//
// The current scheme has its default parameters. The old ones, whose hashes come on
// top for every class, have less work than a table would: a difference that is the
// same in milliseconds is a larger part of a shorter login, so that makes the test
// stricter, and four minutes are enough for some 500 logins of each class.
//
//	go test -tags timing -run Timing -v ./password -timing 10s
func TestTiming(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	argon := must[*password.Argon2id](t)(password.NewArgon2id(password.Argon2idConfig{Pool: pool}))
	bcrypt := password.CheapBcrypt(pool, 8, nil)
	const iterations = 40_000
	django := must[*legacy.PBKDF2](t)(legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: iterations, Pool: pool}))
	h := must[password.Hasher](t)(password.Upgrade(argon, bcrypt, django))
	classes := []class{
		{name: "unknown", err: password.ErrNoAccount, unknown: true},
		{name: "wrong password", encoded: hash(t, argon, "another one")},
		{name: "no password", encoded: ""},
		{name: "disabled", encoded: hash(t, argon, alice), err: password.ErrNoAccount},
		{name: "damaged hash", encoded: hash(t, argon, alice)[:60]},
		{name: "bcrypt, wrong password", encoded: hash(t, bcrypt, "another one")},
		{name: "Django, wrong password", encoded: djangoHash(iterations)},
		{name: "Django of old, wrong password", encoded: djangoHash(iterations / 4)},
	}
	login := make([]func() float64, len(classes))
	for i, c := range classes {
		checker := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
			if c.unknown {
				return "", nil, c.err
			}
			return c.encoded, &auth.Principal{Subject: "17"}, c.err
		}, password.CheckerConfig{Hasher: h, Guard: unlimited(t)})
		login[i] = func() float64 {
			start := time.Now()
			_, err := checker.Check(t.Context(), "alice@example.com", alice)
			took := time.Since(start)
			if err != password.ErrMismatch { //nolint:errorlint // the very same
				t.Fatal(err)
			}
			return took.Seconds() * 1e3
		}
	}
	runs := timingRuns(login)
	order := make([]int, 0, runs*len(classes))
	for i := range cap(order) {
		order = append(order, i%len(classes))
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })

	samples := make([][]float64, len(classes))
	for _, i := range order {
		samples[i] = append(samples[i], login[i]())
	}
	t.Logf("%d logins of each class", runs)
	want := samples[0]
	for i, c := range classes {
		got := samples[i]
		median, p90 := quantile(got, 0.5)/quantile(want, 0.5)-1, quantile(got, 0.9)/quantile(want, 0.9)-1
		z, z90 := mannWhitney(want, got), above(want, got, 0.9)
		t.Logf("%-29s median %6.2f ms (%+.2f %%, z %+.2f), p90 %6.2f ms (%+.2f %%, z %+.2f)",
			c.name, quantile(got, 0.5), median*100, z, quantile(got, 0.9), p90*100, z90)
		if math.Abs(median) >= 0.05 {
			t.Errorf("PWD-13 PWD-14 P05 the median of %s differs by 5 %% or more from that of an unknown login", c.name)
		}
		if math.Abs(z) > significant && math.Abs(median) >= 0.01 || math.Abs(z90) > significant && math.Abs(p90) >= 0.05 {
			t.Errorf("PWD-13 PWD-14 P05 %s can be told from an unknown login", c.name)
		}
	}
}

// timingRuns returns how many logins of each class fit the budget. What it measures
// for that warms the machine up and counts for nothing else.
func timingRuns(login []func() float64) int {
	var each []float64
	for range 3 {
		for _, l := range login {
			each = append(each, l())
		}
	}
	budget := float64(timingBudget.Milliseconds()) / float64(len(login))
	return max(int(budget/quantile(each, 0.5)), timingLeast)
}

// djangoHash is a string of Django that no password has been found for.
func djangoHash(iterations int) string {
	return fmt.Sprintf("pbkdf2_sha256$%d$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=", iterations)
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
