package storetest

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa"
)

// A testCase is one demand on a store.
type testCase[S any] struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s S)
}

// Run holds the stores that newStore returns to the contract of mfa.Store. Every
// case gets a store of its own, which may share its database with others: subjects
// are random. The clock of the store must run; some cases wait for it, for no
// longer than a second.
func Run(t *testing.T, newStore func(t *testing.T) mfa.Store) {
	RunFactors(t, func(t *testing.T) mfa.FactorStore { return newStore(t) })
	RunChallenges(t, func(t *testing.T) mfa.ChallengeStore { return newStore(t) })
	RunDevices(t, func(t *testing.T) mfa.DeviceStore { return newStore(t) })
	t.Run("manager", func(t *testing.T) {
		s := newStore(t)
		Shared(t, s, s)
	})
}

// RunFactors is the part of Run for a FactorStore.
func RunFactors(t *testing.T, newStore func(t *testing.T) mfa.FactorStore) {
	t.Run("factors", func(t *testing.T) {
		runCases(t, newStore, enrolCases, totpCases, codeCases, factorRaceCases, factorContextCases)
	})
}

// RunChallenges is the part of Run for a ChallengeStore.
func RunChallenges(t *testing.T, newStore func(t *testing.T) mfa.ChallengeStore) {
	t.Run("challenges", func(t *testing.T) {
		runCases(t, newStore, challengeCases, challengeRaceCases)
	})
}

// RunDevices is the part of Run for a DeviceStore.
func RunDevices(t *testing.T, newStore func(t *testing.T) mfa.DeviceStore) {
	t.Run("devices", func(t *testing.T) { runCases(t, newStore, deviceCases) })
}

func runCases[S any](t *testing.T, newStore func(t *testing.T) S, groups ...[]testCase[S]) {
	for _, group := range groups {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				explain(t, c.why)
				c.run(t, newStore(t))
			})
		}
	}
}

func explain(t *testing.T, why string) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("why it matters: " + why)
		}
	})
}

// newSubject is one that nobody else has, of any bytes that a subject can have.
func newSubject() string { return "u-'\"%_\\é-" + rand.Text() }

// newID is an id of a factor or a device.
func newID() string { return rand.Text()[:mfa.IDSize] }

// newCall is the name of a call that nobody has made.
func newCall() (c mfa.CallID) {
	_, _ = rand.Read(c[:])
	return c
}

func newHash() (h [32]byte) {
	_, _ = rand.Read(h[:])
	return h
}

// long is a ttl that no case waits for.
const long = time.Hour

// short is one that cases wait for, see expire.
const short = 100 * time.Millisecond

// expire waits until what was kept for short has expired.
func expire(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(short + 100*time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// race runs f in n goroutines that start together.
func race(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// racers is how many goroutines a race has.
const racers = 200
