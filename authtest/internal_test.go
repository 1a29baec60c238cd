package authtest

import (
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestServerLog(t *testing.T) {
	var b strings.Builder
	l := log.New(serverLog{&b}, "", 0)
	l.Print("http: TLS handshake error from 127.0.0.1:1: EOF")
	l.Print("http: panic serving 127.0.0.1:1: ouch")
	if b.String() != "http: panic serving 127.0.0.1:1: ouch\n" {
		t.Errorf("wrote %q", b.String())
	}
}

func TestJarConcurrently(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	j := newJar()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { j.put(u, &http.Cookie{Name: "last", Value: strconv.Itoa(i)}) })
		wg.Go(func() { j.find(u, "last") })
	}
	wg.Wait()
	if j.find(u, "last") == nil || len(j.set) != 1 {
		t.Errorf("one cookie, set 200 times, is kept %d times", len(j.set))
	}
}

func TestRelation(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"https://a.example.com", "https://a.example.com/x", "same-origin"},
		{"https://a.example.com", "https://b.example.com", "same-site"},
		{"https://a.example.com", "https://a.example.com:444", "same-site"},
		{"https://a.example.com", "http://a.example.com", "cross-site"},
		{"https://a.example.com", "https://a.example.org", "cross-site"},
		{"https://example.com", "https://badexample.com", "cross-site"},
		{"http://127.0.0.1:1", "http://127.0.0.1:2", "same-site"},
		{"http://127.0.0.1", "http://10.0.0.1", "cross-site"},
		{"http://[2001:db8::1]:1", "http://[2001:db8::1]:2", "same-site"},
		{"http://[2001:db8::1]", "http://[2001:db8::2]", "cross-site"},
		{"http://localhost:1", "http://localhost:2", "same-site"},
		{"http://localhost", "http://127.0.0.1", "cross-site"},
	} {
		from, err := url.Parse(test.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(test.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := relation(from, to); got != test.want {
			t.Errorf("from %s to %s is %s, want %s", from, to, got, test.want)
		}
	}
}
