package faultproxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
)

// A counter whose reply gets lost has counted all the same: the fault that a
// retry must be safe against.
func ExampleProxy_DropReply() {
	var count int
	server, _ := net.Listen("tcp", "127.0.0.1:0")
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			for lines := bufio.NewScanner(c); lines.Scan(); {
				count++
				_, _ = fmt.Fprintf(c, "%d\n", count)
			}
		}
	}()

	faketb.Run("TestCounter", func(t testing.TB) {
		proxy := faultproxy.New(t, server.Addr().String())
		increment := func() {
			c, err := net.Dial("tcp", proxy.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, "increment\n")
			reply, err := bufio.NewReader(c).ReadString('\n')
			fmt.Printf("%q %v\n", reply, err)
		}
		proxy.DropReply(1)
		increment()
		increment()
		fmt.Println("faults:", proxy.Faults())
	})
	// Output:
	// "" EOF
	// "2\n" <nil>
	// faults: 1
}
