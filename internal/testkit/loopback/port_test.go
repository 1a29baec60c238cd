package loopback_test

import (
	"net"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

func TestListen(t *testing.T) {
	seen := make(map[string]bool)
	for range 50 {
		l, err := loopback.Listen()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addr := l.Addr().(*net.TCPAddr)
		if !addr.IP.IsLoopback() || addr.Port < 12000 || addr.Port >= 22000 {
			t.Errorf("listens on %v", addr)
		}
		if seen[addr.String()] {
			t.Errorf("%v twice", addr)
		}
		seen[addr.String()] = true
	}
}

func TestPort(t *testing.T) {
	for range 20 {
		port, err := loopback.Port(10000)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []int{port, port + 10000} {
			l, err := net.Listen("tcp4", loopback.Addr(p))
			if err != nil {
				t.Errorf("port %d of %d: %v", p, port, err)
				continue
			}
			_ = l.Close()
		}
	}
}
