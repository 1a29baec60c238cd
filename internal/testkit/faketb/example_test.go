package faketb_test

import (
	"fmt"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func Example() {
	positive := func(t testing.TB, n int) {
		if n <= 0 {
			t.Errorf("%d is not positive", n)
		}
	}
	r := faketb.Run("TestPositive", func(t testing.TB) { positive(t, -1) })
	fmt.Println(r.Failed, r.Log)
	// Output: true [-1 is not positive]
}
