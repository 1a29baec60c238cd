package storetest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"
)

// A testCase is one demand on a store of type S.
type testCase[S any] struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s S)
}

func runCases[S any](t *testing.T, newStore func(t *testing.T) S, groups ...[]testCase[S]) {
	for _, group := range groups {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("why it matters: " + c.why)
					}
				})
				c.run(t, newStore(t))
			})
		}
	}
}

// race runs f in n goroutines that start together and returns what they returned.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
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

// fill pads s to n bytes.
func fill(s string, n int) string { return s + strings.Repeat("x", n-len(s)) }

func newUser() string    { return "u-" + rand.Text() }
func newSubject() string { return "s-" + rand.Text() }

const issuer = "https://provider.example.com"

// now is a time as it comes back from a store.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
