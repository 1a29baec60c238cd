package clientip_test

import (
	"net/http"
	"testing"

	"github.com/go-sallyport/auth/internal/clientip"
)

func BenchmarkResolve(b *testing.B) {
	run := func(name string, v *clientip.Resolver, header string, lines ...string) {
		b.Run(name, func(b *testing.B) {
			r := &http.Request{RemoteAddr: "10.0.0.2:1234", Header: http.Header{header: lines}}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = v.Resolve(r)
			}
		})
	}
	networks := []string{ // as many as a content delivery network has
		"173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18", "108.162.192.0/18", "190.93.240.0/20",
		"188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13",
		"131.0.72.0/22", "2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "10.0.0.0/8",
	}
	list, forwarded := resolver(b, "", networks...), resolver(b, "Forwarded", networks...)
	run("peer", &clientip.Resolver{}, "X-Forwarded-For", "203.0.113.9")
	run("one proxy", list, "X-Forwarded-For", "203.0.113.9")
	run("two proxies", list, "X-Forwarded-For", "203.0.113.9, 172.64.0.1")
	run("forwarded", forwarded, "Forwarded", `for=203.0.113.9;proto=https`)
	for name, junk := range hostile() {
		run("hostile/list/"+name, list, "X-Forwarded-For", junk)
		run("hostile/forwarded/"+name, forwarded, "Forwarded", junk)
	}
	lines := make([]string, 100_000)
	for i := range lines {
		lines[i] = "10.0.0.1"
	}
	run("hostile/list/lines", list, "X-Forwarded-For", lines...)
}

func BenchmarkGroup(b *testing.B) {
	v := &clientip.Resolver{}
	addr, err := v.Resolve(&http.Request{RemoteAddr: "[2001:db8::7]:1"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = clientip.Group(addr)
	}
}
