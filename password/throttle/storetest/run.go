package storetest

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

// A testCase is one demand on a store.
type testCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s throttle.Store)
}

// Run holds the stores that newStore returns to the contract of throttle.Store.
// Every case gets a store of its own, which may share its database with others:
// keys are random. The store must use a real clock; some cases wait, for no longer
// than half a second, and tell times by a margin of tens of milliseconds.
func Run(t *testing.T, newStore func(t *testing.T) throttle.Store) {
	for _, group := range [][]testCase{takeCases, allowCases, rowCases, forgiveCases, cancelCases, raceCases, contextCases} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				explain(t, c.why)
				c.run(t, newStore(t))
			})
		}
	}
}

// Shared holds two stores of one database, as two processes have them, to one
// count. It is worth most if they are behind two clients.
func Shared(t *testing.T, a, b throttle.Store) {
	t.Run("RLT-01 of many attempts through both, exactly as many are admitted as may be", func(t *testing.T) {
		explain(t, "an attacker who spreads his guesses over the processes has as many times more of them")
		key, rule := newKey(), newRule()
		var admitted atomic.Int64
		race(t, func(i int) error {
			c, err := [2]throttle.Store{a, b}[i%2].Take(t.Context(), key, rule)
			if c.Admitted {
				admitted.Add(1)
			}
			return err
		})
		if n := admitted.Load(); n != int64(rule.Max) {
			t.Fatalf("%d attempts are admitted, want %d", n, rule.Max)
		}
	})
	t.Run("what one forgives or takes back the other sees", func(t *testing.T) {
		explain(t, "an owner who has signed in stays locked for the next request")
		key, rule := newKey(), newRule()
		var last throttle.Count
		for range rule.Max {
			last = admitted(t, a, key, rule)
		}
		refused(t, b, key, rule)
		ok(t, "Cancel", b.Cancel(t.Context(), key, last.Ticket))
		last = admitted(t, a, key, rule)
		refused(t, a, key, rule)
		ok(t, "Forgive", b.Forgive(t.Context(), key, last.Ticket))
		for range rule.Max {
			admitted(t, a, key, rule)
		}
		refused(t, b, key, rule)
		ok(t, "Reset", b.Reset(t.Context(), key))
		admitted(t, a, key, rule)
	})
}

func explain(t *testing.T, why string) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("why it matters: " + why)
		}
	})
}

// newKey is a key that no other case has.
func newKey() throttle.Key { return throttle.NewKey("storetest", rand.Text()) }

// newRule is like the default for accounts.
func newRule() throttle.Rule {
	return throttle.Rule{
		Max: 5, Window: 15 * time.Minute, Lockout: 15 * time.Minute, MaxLockout: 24 * time.Hour,
		MaxInARow: 100, Memory: 90 * 24 * time.Hour,
	}
}

// admitted takes an attempt that has to be admitted.
func admitted(t *testing.T, s throttle.Store, key throttle.Key, rule throttle.Rule) throttle.Count {
	t.Helper()
	c, err := s.Take(t.Context(), key, rule)
	if err != nil || !c.Admitted {
		t.Fatalf("Take: %+v, %v; want an attempt that is admitted", c, err)
	}
	return c
}

// refused takes an attempt that has to be refused.
func refused(t *testing.T, s throttle.Store, key throttle.Key, rule throttle.Rule) throttle.Count {
	t.Helper()
	c, err := s.Take(t.Context(), key, rule)
	if err != nil || c.Admitted || c.Wait <= 0 {
		t.Fatalf("Take: %+v, %v; want an attempt that is refused for some time", c, err)
	}
	return c
}

// near holds a time to one that it began as a moment ago.
func near(t *testing.T, doing string, got, want time.Duration) {
	t.Helper()
	if got > want || got < want-max(want/4, 30*time.Millisecond) {
		t.Fatalf("%s: %s, want about %s and not more", doing, got, want)
	}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// wait lets real time pass, as the store has a clock of its own.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// within runs f with a period in which several calls have to fit. On a machine that is
// too busy for that, f returns false and has another try with twice the period.
func within(t *testing.T, period time.Duration, f func(period time.Duration) bool) {
	t.Helper()
	for range 6 {
		if f(period) {
			return
		}
		period *= 2
	}
	t.Fatalf("a handful of calls take longer than %v", period/2)
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// racers is how many goroutines each race has.
const racers = 100

// race runs f in many goroutines that start together.
func race(t *testing.T, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		wg.Go(func() {
			<-start
			if err := f(i); err != nil {
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
}
