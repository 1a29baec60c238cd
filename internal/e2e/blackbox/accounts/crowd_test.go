package accounts

import (
	"sync"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// several is how many of something a case has: long if there is time for it, and short,
// which is enough to be red without the guard, otherwise.
func several(long, short int) int {
	if running.Long() {
		return long
	}
	return short
}

// crowd sends n requests at the same moment and returns the answers. An answer that
// does not come ends the case.
func crowd(t *testing.T, n int, send func(i int) (*running.Answer, error)) []*running.Answer {
	t.Helper()
	answers, errs := make([]*running.Answer, n), make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			answers[i], errs[i] = send(i)
		})
	}
	close(start)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}
