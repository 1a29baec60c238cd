package clientip_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/clientip"
)

// forged is what attackers send to choose their address.
var forged = http.Header{
	"X-Forwarded-For":  {"198.51.100.1", "198.51.100.2, 198.51.100.3"},
	"X-Real-Ip":        {"198.51.100.4"},
	"Forwarded":        {"for=198.51.100.5"},
	"Cf-Connecting-Ip": {"198.51.100.6"},
	"True-Client-Ip":   {"198.51.100.7"},
	"X-Client-Ip":      {"198.51.100.8"},
}

func TestPeer(t *testing.T) {
	tests := []struct {
		name, remote, want string
	}{
		{"RLT-04 IPv4", "192.0.2.7:1234", "192.0.2.7"},
		{"RLT-04 IPv6", "[2001:db8::7]:1234", "2001:db8::7"},
		{"RLT-04 IPv4-mapped is IPv4", "[::ffff:192.0.2.7]:1234", "192.0.2.7"},
		{"RLT-04 a zone is dropped", "[fe80::1%eth0]:1234", "fe80::1"},
		{"RLT-04 without a port", "192.0.2.7", "192.0.2.7"},
		{"RLT-04 IPv6 without a port", "2001:db8::7", "2001:db8::7"},
		{"RLT-04 Unix socket", "@", ""},
		{"RLT-04 empty", "", ""},
		{"RLT-04 a name", "localhost:80", ""},
		{"RLT-04 a list", "192.0.2.7, 192.0.2.8", ""},
	}
	zero, elsewhere := resolver(t, ""), resolver(t, "", "10.0.0.0/8")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.remote, Header: forged}
			check(t, &clientip.Resolver{}, r, tt.want)
			check(t, zero, r, tt.want)
			check(t, elsewhere, r, tt.want) // the peer is not trusted
		})
	}
}

func TestResolve(t *testing.T) {
	const (
		noBrackets = "2001:db8::1:443" // all of it is the address
		trusted    = "10.0.0.1, "
	)
	type lines = []string
	tests := []struct {
		name   string
		header string
		lines  []string
		want   string // "" is an error
	}{
		{"P09 one proxy", "", lines{"203.0.113.9"}, "203.0.113.9"},
		{"P09 spoofed left entry", "", lines{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"P09 spoofed trusted left entry", "", lines{"10.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"P09 spoofed garbage on the left", "", lines{"\x00\", unknown,,,, 203.0.113.9"}, "203.0.113.9"},
		{"P09 two proxies", "", lines{"198.51.100.1, 203.0.113.9, 10.0.0.1"}, "203.0.113.9"},
		{"P09 two proxies, no spaces", "", lines{"198.51.100.1,203.0.113.9,10.0.0.1"}, "203.0.113.9"},
		{"P09 tabs and spaces", "", lines{"198.51.100.1\t, \t203.0.113.9 \t"}, "203.0.113.9"},
		{"P09 the proxy appends a line", "", lines{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"P09 lines and lists", "", lines{"198.51.100.1", "198.51.100.2, 203.0.113.9", "10.0.0.1, 10.0.0.2", "10.0.0.3"}, "203.0.113.9"},
		{"P09 IPv6", "", lines{"2001:db8::9"}, "2001:db8::9"},
		{"P09 IPv6 in brackets", "", lines{"[2001:db8::9]"}, "2001:db8::9"},
		{"P09 IPv6 with port", "", lines{"[2001:db8::9]:443"}, "2001:db8::9"},
		{"P09 IPv6 without brackets has no port", "", lines{noBrackets}, noBrackets},
		{"P09 IPv4 with port", "", lines{"203.0.113.9:65535"}, "203.0.113.9"},
		{"P09 mapped client", "", lines{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"P09 mapped client in brackets", "", lines{"[::ffff:203.0.113.9]"}, "203.0.113.9"},
		{"P09 mapped client in hexadecimal", "", lines{"::FFFF:cb00:7109"}, "203.0.113.9"},
		{"P09 mapped proxy is skipped", "", lines{"203.0.113.9, ::ffff:10.0.0.1"}, "203.0.113.9"},
		{"P09 mapped proxy with port is skipped", "", lines{"203.0.113.9, [::ffff:a00:1]:80"}, "203.0.113.9"},
		{"P09 IPv6 proxy is skipped", "", lines{"203.0.113.9, 2001:db8:ffff::1"}, "203.0.113.9"},

		{"P09 no header", "", nil, ""},
		{"P09 empty header", "", lines{""}, ""},
		{"P09 only a comma", "", lines{","}, ""},
		{"P09 empty last entry", "", lines{"203.0.113.9,"}, ""},
		{"P09 empty last line", "", lines{"203.0.113.9", ""}, ""},
		{"P09 all hops trusted", "", lines{"10.0.0.9, 10.0.0.1"}, ""},
		{"P09 garbage behind a trusted hop", "", lines{"203.0.113.9, garbage, 10.0.0.1"}, ""},
		{"P09 unknown", "", lines{trusted + "unknown"}, ""},
		{"P09 obfuscated", "", lines{trusted + "_hidden"}, ""},
		{"P09 zone", "", lines{"fe80::1%eth0"}, ""},
		{"P09 zone in brackets", "", lines{"[fe80::1%25eth0]:80"}, ""},
		{"P09 leading zeros", "", lines{"203.000.113.009"}, ""},
		{"P09 octal", "", lines{"0313.0.0161.9"}, ""},
		{"P09 a number", "", lines{"3405803785"}, ""},
		{"P09 short form", "", lines{"203.0.29001"}, ""},
		{"P09 a network", "", lines{"203.0.113.9/32"}, ""},
		{"P09 unspecified", "", lines{"0.0.0.0"}, ""},
		{"P09 unspecified IPv6", "", lines{"[::]:80"}, ""},
		{"P09 multicast", "", lines{"224.0.0.1"}, ""},
		{"P09 multicast IPv6", "", lines{"ff02::1"}, ""},
		{"P09 empty port", "", lines{"203.0.113.9:"}, ""},
		{"P09 port of letters", "", lines{"203.0.113.9:http"}, ""},
		{"P09 long port", "", lines{"203.0.113.9:123456"}, ""},
		{"P09 port over 65535", "", lines{"203.0.113.9:65536"}, ""},
		{"P09 long port of zeros", "", lines{"203.0.113.9:000080"}, ""},
		{"P09 signed port", "", lines{"203.0.113.9:+80"}, ""},
		{"P09 empty port behind brackets", "", lines{"[2001:db8::9]:"}, ""},
		{"P09 text behind brackets", "", lines{"[2001:db8::9]x"}, ""},
		{"P09 text and digits behind brackets", "", lines{"[2001:db8::9]x80"}, ""},
		{"P09 open bracket", "", lines{"[2001:db8::9"}, ""},
		{"P09 closed bracket", "", lines{"2001:db8::9]"}, ""},
		{"P09 IPv4 in brackets", "", lines{"[203.0.113.9]"}, ""},
		{"P09 nested brackets", "", lines{"[[2001:db8::9]]"}, ""},
		{"P09 quoted", "", lines{`"203.0.113.9"`}, ""},
		{"P09 inner space", "", lines{"203.0.113.9 203.0.113.10"}, ""},
		{"P09 no-break space", "", lines{"203.0.113.9\u00a0"}, ""},
		{"P09 NUL", "", lines{"203.0.113.9\x00"}, ""},
		{"P09 full-width digits", "", lines{"２03.0.113.9"}, ""},
		{"P09 semicolons", "", lines{"198.51.100.1; 203.0.113.9"}, ""},
		{"P09 Forwarded syntax", "", lines{"for=203.0.113.9"}, ""},

		{"P09 a name in another case", "x-forwarded-FOR", lines{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},

		{"P09 Forwarded", "Forwarded", lines{"for=203.0.113.9"}, "203.0.113.9"},
		{"P09 Forwarded spoofed", "Forwarded", lines{"for=198.51.100.1, for=203.0.113.9;proto=https;by=10.0.0.2"}, "203.0.113.9"},
		{"P09 Forwarded two proxies", "Forwarded", lines{"for=198.51.100.1", `proto=https;for=203.0.113.9,for="10.0.0.1:80"`, "for=10.0.0.2"}, "203.0.113.9"},
		{"P09 Forwarded IPv6", "Forwarded", lines{`For="[2001:db8::9]:4711"`}, "2001:db8::9"},
		{"P09 Forwarded IPv6 unquoted", "Forwarded", lines{`for=[2001:db8::9]`}, "2001:db8::9"},
		{"P09 Forwarded mapped proxy", "Forwarded", lines{`for=203.0.113.9, for="[::ffff:10.0.0.1]"`}, "203.0.113.9"},
		{"P09 Forwarded open quote on the left", "Forwarded", lines{`for=", for=203.0.113.9`}, "203.0.113.9"},
		{"P09 Forwarded open quote, quoted right", "Forwarded", lines{`for="x, for="[2001:db8::9]"`}, "2001:db8::9"},
		{"P09 Forwarded open escape on the left", "Forwarded", lines{`for="\, for="203.0.113.9"`}, "203.0.113.9"},
		{"P09 Forwarded open quote on an earlier line", "Forwarded", lines{`for="`, `for=203.0.113.9`}, "203.0.113.9"},
		{"P09 Forwarded comma in a quoted value", "Forwarded", lines{`for=203.0.113.9;host="x, for=198.51.100.1"`}, "203.0.113.9"},
		{"P09 Forwarded escaped quotes in a value", "Forwarded", lines{`for=203.0.113.9;host="\", for=198.51.100.1;x=\""`}, "203.0.113.9"},
		{"P09 Forwarded escaped backslash in a value", "Forwarded", lines{`for=203.0.113.9;host="\\"`}, "203.0.113.9"},
		{"P09 Forwarded for in a quoted value", "Forwarded", lines{`host="for=198.51.100.1;";for=203.0.113.9`}, "203.0.113.9"},
		{"P09 Forwarded unknown", "Forwarded", lines{"for=unknown"}, ""},
		{"P09 Forwarded obfuscated", "Forwarded", lines{"for=_hidden, for=10.0.0.1"}, ""},
		{"P09 Forwarded obfuscated port", "Forwarded", lines{`for="203.0.113.9:_port"`}, ""},
		{"P09 Forwarded without for", "Forwarded", lines{"for=203.0.113.9, proto=https"}, ""},
		{"P09 Forwarded for twice", "Forwarded", lines{"for=203.0.113.9;for=198.51.100.1"}, ""},
		{"P09 Forwarded For and for", "Forwarded", lines{"for=203.0.113.9;For=203.0.113.9"}, ""},
		{"P09 Forwarded all trusted", "Forwarded", lines{"for=10.0.0.5"}, ""},
		{"P09 Forwarded empty", "Forwarded", lines{""}, ""},
		{"P09 Forwarded empty value", "Forwarded", lines{"for="}, ""},
		{"P09 Forwarded empty quoted value", "Forwarded", lines{`for=""`}, ""},
		{"P09 Forwarded no value", "Forwarded", lines{"for"}, ""},
		{"P09 Forwarded no name", "Forwarded", lines{"=203.0.113.9"}, ""},
		{"P09 Forwarded space around =", "Forwarded", lines{"for = 203.0.113.9"}, ""},
		{"P09 Forwarded trailing semicolon", "Forwarded", lines{"for=203.0.113.9;"}, ""},
		{"P09 Forwarded text behind quotes", "Forwarded", lines{`for="203.0.113.9"1`}, ""},
		{"P09 Forwarded pair behind quotes", "Forwarded", lines{`for="203.0.113.9"xproto=https`}, ""},
		{"P09 Forwarded name that is none", "Forwarded", lines{`a b=c;for=203.0.113.9`}, ""},
		{"P09 Forwarded empty other value", "Forwarded", lines{`for=203.0.113.9;host=`}, ""},
		{"P09 Forwarded space in another value", "Forwarded", lines{`for=203.0.113.9;host=a b`}, ""},
		{"P09 Forwarded quotes in another value", "Forwarded", lines{`for=203.0.113.9;host=a"b"`}, ""},
		{"P09 Forwarded quote in the middle", "Forwarded", lines{`for=203.0.113.9"";host=a`}, ""},
		{"P09 Forwarded open quote at the end", "Forwarded", lines{`for=203.0.113.9;host="`}, ""},
		{"P09 Forwarded escaped closing quote", "Forwarded", lines{`for=203.0.113.9;host="a\"`}, ""},
		{"P09 Forwarded escapes in the address", "Forwarded", lines{`for="203.0.113.\9"`}, ""},
		{"P09 Forwarded bare address", "Forwarded", lines{"203.0.113.9"}, ""},

		{"P09 CF-Connecting-IP", "CF-Connecting-IP", lines{"203.0.113.9"}, "203.0.113.9"},
		{"P09 X-Real-IP IPv6", "X-Real-IP", lines{"2001:db8::9"}, "2001:db8::9"},
		{"P09 single address, mapped", "X-Real-IP", lines{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"P09 single address is a list", "X-Real-IP", lines{"198.51.100.1, 203.0.113.9"}, ""},
		{"P09 single address on two lines", "X-Real-IP", lines{"203.0.113.9", "203.0.113.9"}, ""},
		{"P09 single address missing", "X-Real-IP", nil, ""},
		{"P09 single address empty", "X-Real-IP", lines{""}, ""},
		{"P09 single address is a proxy", "X-Real-IP", lines{"10.0.0.1"}, ""},
		{"P09 single address too long", "X-Real-IP", lines{strings.Repeat(" ", 60) + "203.0.113.9"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := resolver(t, tt.header, "10.0.0.0/8", "2001:db8:ffff::/48")
			for _, peer := range []string{"10.0.0.2:1", "[::ffff:10.0.0.2]:1", "[2001:db8:ffff::2]:1"} {
				r := &http.Request{RemoteAddr: peer, Header: forged.Clone()}
				name := tt.header
				if name == "" {
					name = "X-Forwarded-For"
				}
				r.Header.Del(name)
				for _, line := range tt.lines {
					r.Header.Add(name, line)
				}
				check(t, v, r, tt.want)
			}
			// The same header from a peer that is not trusted is not read.
			stranger := &http.Request{RemoteAddr: "192.0.2.7:1", Header: forged.Clone()}
			for _, line := range tt.lines {
				stranger.Header.Add("X-Forwarded-For", line)
			}
			check(t, v, stranger, "192.0.2.7")
		})
	}
}

func TestBounds(t *testing.T) {
	v := resolver(t, "", "10.0.0.0/8")
	forwarded := resolver(t, "Forwarded", "10.0.0.0/8")
	request := func(name string, lines ...string) *http.Request {
		return &http.Request{RemoteAddr: "10.0.0.2:1", Header: http.Header{name: lines}}
	}
	t.Run("P09 at most 32 entries are read", func(t *testing.T) {
		check(t, v, request("X-Forwarded-For", "203.0.113.9"+strings.Repeat(",10.0.0.1", 31)), "203.0.113.9")
		check(t, v, request("X-Forwarded-For", "203.0.113.9"+strings.Repeat(",10.0.0.1", 32)), "")
		lines := append([]string{"203.0.113.9"}, strings.Split(strings.Repeat(",10.0.0.1", 31)[1:], ",")...)
		check(t, v, request("X-Forwarded-For", lines...), "203.0.113.9")
		check(t, v, request("X-Forwarded-For", append(lines, "10.0.0.1")...), "")
	})
	t.Run("P09 an entry has at most 64 bytes", func(t *testing.T) {
		pad := strings.Repeat(" ", 53)
		check(t, v, request("X-Forwarded-For", pad+"203.0.113.9"), "203.0.113.9")
		check(t, v, request("X-Forwarded-For", pad+" 203.0.113.9"), "")
		check(t, v, request("X-Forwarded-For", "x,"+pad[1:]+"203.0.113.9"), "203.0.113.9")
		check(t, v, request("X-Forwarded-For", "x,"+pad+" 203.0.113.9"), "")
	})
	t.Run("P09 an element has at most 512 bytes", func(t *testing.T) {
		element := func(n int) string {
			const frame = `for=203.0.113.9;host=""`
			return frame[:len(frame)-1] + strings.Repeat("h", n-len(frame)) + `"`
		}
		check(t, forwarded, request("Forwarded", element(512)), "203.0.113.9")
		check(t, forwarded, request("Forwarded", element(513)), "")
		check(t, forwarded, request("Forwarded", "x,"+element(511)), "203.0.113.9")
		check(t, forwarded, request("Forwarded", "x,"+element(512)), "")
	})
	t.Run("P09 a megabyte on the left is not looked at", func(t *testing.T) {
		for _, junk := range hostile() {
			check(t, v, request("X-Forwarded-For", junk+",203.0.113.9"), "203.0.113.9")
			check(t, forwarded, request("Forwarded", junk+",for=203.0.113.9"), "203.0.113.9")
			check(t, v, request("X-Forwarded-For", junk), "")
			check(t, forwarded, request("Forwarded", junk), "")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name    string
		trusted []netip.Prefix
		header  string
		want    string
	}{
		{"XCT-05 everybody", prefixes("0.0.0.0/0"), "", "so wide that clients are in it"},
		{"XCT-05 everybody by IPv6", prefixes("::/0"), "", "so wide"},
		{"XCT-05 half of everybody", prefixes("128.0.0.0/1"), "", "so wide"},
		{"XCT-05 IPv4 shorter than /8", prefixes("10.0.0.0/8", "12.0.0.0/7"), "", "12.0.0.0/7 is so wide"},
		{"XCT-05 everybody, mapped", prefixes("::ffff:0.0.0.0/96"), "", "so wide"},
		{"XCT-05 half of everybody, mapped", prefixes("::ffff:128.0.0.0/97"), "", "so wide"},
		{"XCT-05 all public IPv6", prefixes("2000::/3"), "", "so wide"},
		{"XCT-05 IPv6 shorter than /16", prefixes("2000::/15"), "", "so wide"},
		{"XCT-05 more than the private IPv6 addresses", prefixes("fc00::/6"), "", "so wide"},
		{"XCT-05 more than the link-local addresses", prefixes("fe80::/9"), "", "so wide"},
		{"XCT-05 bits after the length", prefixes("10.0.0.5/8"), "", "write 10.0.0.0/8 for the network or 10.0.0.5/32"},
		{"XCT-05 IPv6 bits after the length", prefixes("2001:db8::1/32"), "", "write 2001:db8::/32 for the network or 2001:db8::1/128"},
		{"XCT-05 mapped shorter than the mapping", prefixes("::ffff:10.0.0.0/90"), "", "bits set after its length"},
		{"XCT-05 zero network", []netip.Prefix{{}}, "", "invalid network"},
		{"XCT-05 a header without proxies", nil, "X-Forwarded-For", "TrustedProxies is empty"},
		{"XCT-05 a header with a space", prefixes("10.0.0.0/8"), "X-Forwarded-For ", "not the name of a header"},
		{"XCT-05 two headers", prefixes("10.0.0.0/8"), "X-Forwarded-For,Forwarded", "not the name of a header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := clientip.New(clientip.Config{TrustedProxies: tt.trusted, Header: tt.header})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
			if v != nil {
				t.Error("a Resolver came with the error")
			}
		})
	}
	t.Run("networks that can be proxies", func(t *testing.T) {
		resolver(t, "", "10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16", "192.0.2.1/32", "fc00::/7", "fd00::/8", "fe80::/10", "2400:cb00::/32", "2600::/16", "::1/128")
	})
	t.Run("a mapped network is IPv4", func(t *testing.T) {
		v := resolver(t, "", "::ffff:10.0.0.0/104")
		check(t, v, &http.Request{RemoteAddr: "10.9.9.9:1", Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}}, "203.0.113.9")
	})
	t.Run("XCT-05 New copies", func(t *testing.T) {
		trusted := prefixes("10.0.0.0/8")
		v, err := clientip.New(clientip.Config{TrustedProxies: trusted})
		if err != nil {
			t.Fatal(err)
		}
		trusted[0] = netip.MustParsePrefix("192.0.2.0/24")
		check(t, v, &http.Request{RemoteAddr: "192.0.2.7:1", Header: forged}, "192.0.2.7")
	})
}

// TestServer sends forged headers over real connections.
func TestServer(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		direct, behind := &clientip.Resolver{}, resolver(t, "", "127.0.0.0/8", "::1/128")
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v := direct
			if r.URL.Path == "/behind" {
				v = behind
			}
			addr, err := v.Resolve(r)
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, r.Proto+" "+addr.String())
		}))
		server.EnableHTTP2 = http2
		proto := "HTTP/1.1 "
		if http2 {
			server.StartTLS()
			proto = "HTTP/2.0 "
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		get := func(path string, h http.Header) string {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = h
			res, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		t.Run("P09 forged headers, no proxies, "+proto, func(t *testing.T) {
			if got := get("/direct", forged.Clone()); got != proto+"127.0.0.1" {
				t.Errorf("got %q", got)
			}
		})
		t.Run("P09 forged headers, one proxy, "+proto, func(t *testing.T) {
			if got := get("/behind", forged.Clone()); got != proto+"198.51.100.3" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	tests := []struct{ name, addr, want string }{
		{"RLT-04 IPv4 by itself", "192.0.2.1", "192.0.2.1/32"},
		{"RLT-04 IPv4-mapped is IPv4", "::ffff:192.0.2.1", "192.0.2.1/32"},
		{"RLT-04 IPv6 by /64", "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"},
		{"RLT-04 the next /64 is another", "2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"RLT-04 a zone is not in the group", "fe80::1:2:3:4%eth0", "fe80::/64"},
		{"RLT-04 6to4 by its IPv4 address", "2002:c000:201:ffff::1", "2002:c000:201::/48"},
		{"RLT-04 6to4 with a zone", "2002:c000:201:ffff::1%eth0", "2002:c000:201::/48"},
		{"RLT-04 the neighbour of 6to4", "2003:c000:201:ffff::1", "2003:c000:201:ffff::/64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clientip.Group(netip.MustParseAddr(tt.addr)); got.String() != tt.want {
				t.Errorf("Group(%s) = %s, want %s", tt.addr, got, tt.want)
			}
		})
	}
	t.Run("P09 65,536 addresses of one /64 are one", func(t *testing.T) {
		groups := make(map[netip.Prefix]bool)
		a := netip.MustParseAddr("2001:db8:1:2::").As16()
		for i := range 1 << 16 {
			a[14], a[15] = byte(i>>8), byte(i)
			a[8] = byte(i)
			groups[clientip.Group(netip.AddrFrom16(a))] = true
		}
		if len(groups) != 1 {
			t.Errorf("%d groups", len(groups))
		}
	})
	t.Run("the zero Addr has the zero group", func(t *testing.T) {
		if got := clientip.Group(netip.Addr{}); got != (netip.Prefix{}) {
			t.Errorf("got %s", got)
		}
	})
}

// check resolves r; a want of "" is an error.
func check(t *testing.T, v *clientip.Resolver, r *http.Request, want string) {
	t.Helper()
	addr, err := v.Resolve(r)
	if want == "" {
		if !errors.Is(err, clientip.ErrNoAddress) {
			t.Errorf("from %s: %v, %v; want ErrNoAddress", r.RemoteAddr, addr, err)
		}
		if addr.IsValid() {
			t.Errorf("%v came with the error %v", addr, err)
		}
		return
	}
	if err != nil || addr.String() != want {
		t.Errorf("from %s: %v, %v; want %s", r.RemoteAddr, addr, err, want)
	}
}

func resolver(t testing.TB, header string, trusted ...string) *clientip.Resolver {
	t.Helper()
	v, err := clientip.New(clientip.Config{TrustedProxies: prefixes(trusted...), Header: header})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// hostile is a megabyte each of what a parser might stumble over.
func hostile() map[string]string {
	const size = 1 << 20
	return map[string]string{
		"trusted":     strings.Repeat("10.0.0.1,", size/9) + "10.0.0.1",
		"commas":      strings.Repeat(",", size),
		"spaces":      strings.Repeat(" ", size),
		"quotes":      strings.Repeat(`"`, size),
		"backslashes": strings.Repeat(`\`, size-1) + `"`,
		"elements":    strings.Repeat("for=10.0.0.1,", size/13) + "for=10.0.0.1",
		"pairs":       strings.Repeat("a=b;", size/4) + "for=10.0.0.1",
	}
}

func TestPeerForRecords(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:4711": "192.0.2.1", "[::ffff:192.0.2.1]:4711": "192.0.2.1", "[fe80::1%eth0]:4711": "fe80::1", "@": "invalid IP", "": "invalid IP",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if got := clientip.Peer(r).String(); got != want {
			t.Errorf("RLT-04 %q: %s, want %s", remote, got, want)
		}
	}
}
