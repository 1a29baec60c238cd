package clientip_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/clientip"
)

// FuzzResolve holds, for every header and peer: no panic; a peer that is not
// trusted is the answer whatever the header says; an answer is never a trusted
// proxy, never IPv4-mapped and has no zone; an error wraps ErrNoAddress and shows
// nothing of the header; and X-Forwarded-For is read as a simple model reads it.
func FuzzResolve(f *testing.F) {
	f.Add("10.0.0.2:1", "198.51.100.1, 203.0.113.9", "10.0.0.1")
	f.Add("[::ffff:10.0.0.2]:1", "[2001:db8::1]:80", "::ffff:10.0.0.1")
	f.Add("192.0.2.7:1", "unknown", "_hidden")
	f.Add("10.0.0.2:1", `for="[2001:db8::1]:80";host="a, \"b"`, `for=10.0.0.1;proto=https`)
	f.Add("10.0.0.2:1", "fe80::1%eth0", ",")
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	var resolvers []*clientip.Resolver
	headers := []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"}
	for _, h := range headers {
		resolvers = append(resolvers, resolver(f, h, trusted.String()))
	}
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		peer, peerErr := new(clientip.Resolver).Resolve(&http.Request{RemoteAddr: remote})
		for i, v := range resolvers {
			for _, lines := range [][]string{{first}, {first, second}} {
				r := &http.Request{RemoteAddr: remote, Header: http.Header{headers[i]: lines}}
				addr, err := v.Resolve(r)
				if err != nil {
					if !errors.Is(err, clientip.ErrNoAddress) || addr.IsValid() {
						t.Errorf("%v, %v", addr, err)
					}
					if len(first) > 12 && strings.Contains(err.Error(), first) {
						t.Errorf("the error shows the header: %v", err)
					}
				} else if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" || trusted.Contains(addr) {
					t.Errorf("%q resolves to %v", lines, addr)
				}
				if peerErr != nil || !trusted.Contains(peer) {
					if addr != peer || (err == nil) != (peerErr == nil) {
						t.Errorf("from %v: %v, %v", peer, addr, err)
					}
					continue
				}
				if headers[i] == "X-Forwarded-For" {
					if want := model(lines, trusted); want != addr {
						t.Errorf("%q resolves to %v, the model says %v", lines, addr, want)
					}
				}
			}
		}
	})
}

// FuzzPrefix holds that what a client sends has no influence on the address that
// proxies append.
func FuzzPrefix(f *testing.F) {
	f.Add(`for="`, "")
	f.Add(`for="\`, `"`)
	f.Add("10.0.0.1,", ",")
	f.Add("[", "]")
	list := resolver(f, "X-Forwarded-For", "10.0.0.0/8")
	forwarded := resolver(f, "Forwarded", "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, first, second string) {
		const element = `for="203.0.113.9:80";host="a, \"b\\", for=10.0.0.1`
		for _, lines := range [][]string{
			{first + ",203.0.113.9"},
			{first, second + ", 203.0.113.9, 10.0.0.1"},
			{first, second, "203.0.113.9:80", "10.0.0.1"},
		} {
			check(t, list, &http.Request{RemoteAddr: "10.0.0.2:1", Header: http.Header{"X-Forwarded-For": lines}}, "203.0.113.9")
		}
		for _, lines := range [][]string{
			{first + "," + element},
			{first, second + ", " + element},
			{first, second, element},
		} {
			check(t, forwarded, &http.Request{RemoteAddr: "10.0.0.2:1", Header: http.Header{"Forwarded": lines}}, "203.0.113.9")
		}
	})
}

// model reads X-Forwarded-For in the obvious way, all of it at once.
func model(lines []string, trusted netip.Prefix) netip.Addr {
	entries := strings.Split(strings.Join(lines, ","), ",")
	for i := len(entries) - 1; i >= 0 && len(entries)-i <= 32; i-- {
		e := entries[i]
		if len(e) > 64 {
			break
		}
		e = strings.Trim(e, " \t")
		addr, err := netip.ParseAddr(e)
		if err != nil {
			var p netip.AddrPort
			if p, err = netip.ParseAddrPort(e); err == nil && (len(e)-strings.LastIndexByte(e, ':') > 6 || p.Addr().Is4() && e[0] == '[') {
				break
			}
			addr = p.Addr()
		}
		if err != nil && strings.HasPrefix(e, "[") && strings.HasSuffix(e, "]") {
			if addr, err = netip.ParseAddr(e[1 : len(e)-1]); err == nil && addr.Is4() {
				break
			}
		}
		if err != nil || addr.Zone() != "" {
			break
		}
		addr = addr.Unmap()
		if addr.IsUnspecified() || addr.IsMulticast() {
			break
		}
		if !trusted.Contains(addr) {
			return addr
		}
	}
	return netip.Addr{}
}
