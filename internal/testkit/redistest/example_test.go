package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// A counter behind a connection that loses a reply: go-redis sends the command
// again, and the counter counts twice.
func ExampleStart() {
	faketb.Run("TestCounter", func(t testing.TB) {
		server := redistest.Start(t)
		proxy := faultproxy.New(t, server.Addr())
		client := redistest.Client(t, proxy.Addr())
		client.Ping(t.Context()) // the handshake has replies of its own

		proxy.DropReply(1)
		fmt.Println(client.Incr(t.Context(), "counter").Result())

		client.Expire(t.Context(), "counter", time.Hour)
		server.AssertTTL(t)
	})
	// Output: 2 <nil>
}
