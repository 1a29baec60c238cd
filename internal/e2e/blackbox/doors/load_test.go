package doors_test

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

func body(s string) io.Reader { return strings.NewReader(s) }

// underLoad lets c ask for the orders n times, 8 at a time, and calls change when a third
// of it is done. It returns how many of the requests that began after change had returned
// did not get the status that change names, and how many got 200 before.
func underLoad(t *testing.T, n int, c *running.Client, change func() (status int)) (late, before int) {
	t.Helper()
	var next, changed, wrong, good atomic.Int32
	third := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n && changed.Load() != 0 { // go on until it has happened, and n are done
					return
				}
				if i == n/3 {
					close(third)
				}
				want := changed.Load()
				a, err := c.Try(t, "GET", orders, nil, nil)
				switch {
				case err != nil:
					wrong.Add(1)
				case want != 0 && a.StatusCode != int(want):
					wrong.Add(1)
				case want == 0 && a.StatusCode == 200:
					good.Add(1)
				}
			}
		})
	}
	<-third
	changed.Store(int32(change()))
	// Some must begin after it, however fast the load was.
	for range 3 {
		if a, err := c.Try(t, "GET", orders, nil, nil); err != nil || a.StatusCode != int(changed.Load()) {
			wrong.Add(1)
		}
	}
	all.Wait()
	return int(wrong.Load()), int(good.Load())
}
