package origin_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/origin"
)

// Everything that the standard library refuses is refused, and besides, where the
// cookie is Secure and the browser does not say more, this host but not over HTTPS.
func TestCheck(t *testing.T) {
	theirs := http.NewCrossOriginProtection()
	if err := theirs.AddTrustedOrigin("https://pay.example"); err != nil {
		t.Fatal(err)
	}
	theirs.AddInsecureBypassPattern("POST /hooks")
	sites := [][]string{nil, {}, {""}, {"same-origin"}, {"none"}, {"same-site"}, {"cross-site"}, {"Same-Origin"}, {" none"}, {"none", "cross-site"}, {"cross-site", "none"}, {"", "cross-site"}}
	origins := [][]string{
		nil, {}, {""}, {"https://shop.example"}, {"HTTPS://shop.example"}, {"https://shop.example:443"}, {"https://SHOP.example"}, {"https://evil.example"}, {"https://pay.example"},
		{"https://"}, {"null"}, {"::"}, {"", "https://evil.example"}, {"https://shop.example", "https://evil.example"}, {"http://shop.example"}, {"ftp://shop.example"}, {"//shop.example"},
	}
	refusedMore := 0
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "get", "QUERY", ""} {
		for _, path := range []string{"/", "/hooks"} {
			for _, site := range sites {
				for _, from := range origins {
					for _, secure := range []bool{true, false} {
						r := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, nil)
						r.Method = method
						r.Header["Sec-Fetch-Site"], r.Header["Origin"] = site, from
						refused := theirs.Check(r) != nil
						told := len(site) > 0 && site[0] != ""
						plain := len(from) > 0 && (strings.HasPrefix(from[0], "http:") || strings.HasPrefix(from[0], "ftp:") || strings.HasPrefix(from[0], "//"))
						if !refused && secure && !origin.Safe(method) && !told && plain {
							refused = true
							refusedMore++
						}
						if err := origin.Check(r, theirs, secure); (err != nil) != refused {
							t.Errorf("%s %s, site %q, origin %q, secure %v: %v", method, path, site, from, secure, err)
						}
					}
				}
			}
		}
	}
	if refusedMore == 0 {
		t.Error("CSR-04 nothing was refused that the standard library lets pass")
	}
}

func TestPlainHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		host, peer, header, value  string
		tls, plain, local, unknown bool
	}{
		"loopback":                  {host: "localhost:80", peer: "127.0.0.1:1", plain: true, local: true},
		"loopback without ports":    {host: "LOCALHOST", peer: "127.0.0.1", plain: true, local: true},
		"IPv6":                      {host: "[::1]:80", peer: "[::1]:1", plain: true, local: true},
		"IPv4 in IPv6":              {host: "[::ffff:127.0.0.1]", peer: "[::ffff:127.9.9.9]:1", plain: true, local: true},
		"TLS":                       {host: "localhost", peer: "127.0.0.1:1", tls: true, local: true},
		"a peer elsewhere":          {host: "localhost", peer: "192.0.2.1:1"},
		"no peer":                   {host: "localhost", unknown: true},
		"a host elsewhere":          {host: "shop.example", peer: "127.0.0.1:1"},
		"a host like it":            {host: "localhost.evil.example", peer: "127.0.0.1:1"},
		"no host":                   {peer: "127.0.0.1:1"},
		"a proxy":                   {host: "localhost", peer: "127.0.0.1:1", header: "X-Forwarded-For", value: "127.0.0.1"},
		"a proxy by the standard":   {host: "localhost", peer: "127.0.0.1:1", header: "Forwarded", value: "for=127.0.0.1"},
		"a proxy of a host":         {host: "localhost", peer: "127.0.0.1:1", header: "X-Forwarded-Host", value: "localhost"},
		"the proxy says HTTP":       {host: "shop.example", peer: "10.0.0.1:1", header: "X-Forwarded-Proto", value: "HTTP", plain: true},
		"the first proxy says HTTP": {host: "shop.example", peer: "10.0.0.1:1", header: "X-Forwarded-Proto", value: "http , https", plain: true},
		"the first says HTTPS":      {host: "localhost", peer: "127.0.0.1:1", header: "X-Forwarded-Proto", value: "https, http"},
	} {
		t.Run("S13 "+name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "http://x.example/", nil)
			r.Host, r.RemoteAddr = c.host, c.peer
			if c.header != "" {
				r.Header.Set(c.header, c.value)
			}
			if c.tls {
				r.TLS = new(tls.ConnectionState)
			}
			if got := origin.PlainHTTP(r); got != c.plain {
				t.Errorf("plain %v", got)
			}
			if got := origin.Local(r); got != c.local {
				t.Errorf("local %v", got)
			}
			if _, err := origin.Peer(r); (err != nil) != c.unknown {
				t.Errorf("peer: %v", err)
			}
		})
	}
}
