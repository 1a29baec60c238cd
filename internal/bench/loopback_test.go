package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// connections is how many a server has at once, with one request at a time each.
const connections = 16

// BenchmarkLoopback is an authenticated read on a real server, over TCP on this
// machine: each stack in a process of its own, and this process is the client. After
// every round on a stack comes one on its floor, the same handler without
// authentication that is sent the same bytes, so that both find the machine in the
// same mood. of-floor is the median of the ratios of requests per second.
//
// The client shares the cores with the server and is in Go, so it takes a larger
// part of each request than one in C: trust the order of the stacks more than their
// distance.
func BenchmarkLoopback(b *testing.B) {
	for _, group := range []struct {
		floor  string
		stacks []string
	}{
		{"floor-bearer", []string{"sallyport-hs256", "sallyport-es256", "golang-jwt-hs256", "chi-hs256", "golang-jwt-es256"}},
		{"floor-cookie", []string{"limit-memory", "sallyport-memory", "scs-memory", "gorilla-cookie"}},
		{"bare-get", []string{"sallyport-redis", "scs-redis"}},
	} {
		for _, users := range []int{100, 10_000} {
			var url string
			if strings.HasSuffix(group.stacks[0], "redis") {
				url = redistest.Start(b).URL()
			}
			floor := serveElsewhere(b, group.floor, users, url)
			for _, stack := range group.stacks {
				b.Run(fmt.Sprintf("users=%d/floor=%s/who=%s", users, group.floor, stack), func(b *testing.B) {
					s := serveElsewhere(b, stack, users, url)
					plain := floor.sending(b, s.headers) // the floor pays for the bytes of a credential, too
					loaded := newLoad(b, s.addr, s.headers)
					var rates, ratios []float64
					for b.Loop() {
						theirs := plain.round(b)
						rates = append(rates, loaded.round(b))
						ratios = append(ratios, rates[len(rates)-1]/theirs)
					}
					b.ReportMetric(median(rates), "req/s")
					b.ReportMetric(median(ratios), "of-floor")
					b.ReportMetric(s.perUser, "B/session")
				})
			}
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// A remote is a stack that a child process serves.
type remote struct {
	addr    string
	headers []string // of requests, one for each user who is signed in
	perUser float64  // bytes that the process and Redis keep for one
}

// serveElsewhere starts TestServeStack in a process of its own.
func serveElsewhere(b *testing.B, stack string, users int, redisURL string) *remote {
	b.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestServeStack$", "-test.timeout=0")
	child.Env = append(os.Environ(), stackEnv+"="+stack, usersEnv+"="+strconv.Itoa(users), redisEnv+"="+redisURL)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe() // it serves until this is closed
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = child.Wait()
	})
	s := &remote{}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != ready {
		switch name, value, _ := strings.Cut(lines.Text(), " "); name {
		case "addr":
			s.addr = value
		case "header":
			s.headers = append(s.headers, value)
		case "bytes":
			if s.perUser, err = strconv.ParseFloat(value, 64); err != nil {
				b.Fatal(err)
			}
		}
	}
	if s.addr == "" {
		b.Fatalf("%s did not start", stack)
	}
	return s
}

// sending is a load on s with the headers of another stack.
func (s *remote) sending(b *testing.B, headers []string) *load {
	b.Helper()
	return newLoad(b, s.addr, headers)
}

// A load sends requests over its connections, those of each user in turn.
type load struct {
	conns    []net.Conn
	requests [][]byte
	next     []int // request of each connection
	length   int   // of an answer
}

func newLoad(b *testing.B, addr string, headers []string) *load {
	b.Helper()
	l := &load{next: make([]int, connections)}
	for _, h := range headers {
		l.requests = append(l.requests, []byte("GET / HTTP/1.1\r\nHost: shop.example\r\n"+h+"\r\n\r\n"))
	}
	for i := range connections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		l.conns = append(l.conns, c)
		l.next[i] = i * len(l.requests) / connections
	}
	l.measure(b)
	return l
}

// measure learns the length of an answer, which is that of all of them.
func (l *load) measure(b *testing.B) {
	b.Helper()
	if _, err := l.conns[0].Write(l.requests[0]); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := l.conns[0].Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(buf[:n]), "\r\n\r\n"+body) {
		b.Fatalf("%v %s", err, buf[:n])
	}
	l.length = n
}

// perRound is how many requests a connection sends in a round: a round lasts for
// some tenths of a second.
const perRound = 500

// round returns requests per second.
func (l *load) round(b *testing.B) float64 {
	b.Helper()
	start, done := time.Now(), make(chan error)
	for i, c := range l.conns {
		go func() { done <- l.run(i, c) }()
	}
	for range l.conns {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return float64(perRound*len(l.conns)) / time.Since(start).Seconds()
}

func (l *load) run(i int, c net.Conn) error {
	buf := make([]byte, l.length)
	for range perRound {
		if _, err := c.Write(l.requests[l.next[i]]); err != nil {
			return err
		}
		l.next[i] = (l.next[i] + 1) % len(l.requests)
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		if string(buf[9:12]) != "200" {
			return fmt.Errorf("answer %s", buf)
		}
	}
	return nil
}
