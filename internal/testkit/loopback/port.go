package loopback

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"strconv"
)

// Ports are in [first, first+span).
const (
	first = 12000
	span  = 10000
)

// attempts bounds the search: so many ports taken in a row means that something
// other than bad luck is wrong.
const attempts = 200

// Addr returns the address of a port on 127.0.0.1.
func Addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Listen listens on a free port.
func Listen() (net.Listener, error) {
	var err error
	for range attempts {
		var l net.Listener
		if l, err = net.Listen("tcp4", Addr(random())); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("loopback: no free port in %d attempts: %w", attempts, err)
}

// Port returns a port on which nobody listens, nor on the ports at these offsets
// from it.
func Port(offsets ...int) (int, error) {
	var err error
	for range attempts {
		port := random()
		if err = free(port, offsets); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("loopback: no free port in %d attempts: %w", attempts, err)
}

func free(port int, offsets []int) error {
	for _, offset := range append([]int{0}, offsets...) {
		l, err := net.Listen("tcp4", Addr(port+offset))
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func random() int {
	n, err := rand.Int(rand.Reader, big.NewInt(span))
	if err != nil {
		panic(err) // never happens, see crypto/rand
	}
	return first + int(n.Int64())
}
