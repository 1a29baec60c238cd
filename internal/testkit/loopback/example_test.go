package loopback_test

import (
	"fmt"

	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

// A listener can be closed and opened again on its port.
func Example() {
	l, err := loopback.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	host := l.Addr().String()[:len("127.0.0.1")]
	fmt.Println(host, l.Close())
	// Output: 127.0.0.1 <nil>
}
