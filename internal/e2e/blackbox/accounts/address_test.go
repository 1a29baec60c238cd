package accounts

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// claims are headers by which a client says that it is somebody else.
var claims = []func(h http.Header, ip string){
	func(h http.Header, ip string) { h.Set("X-Forwarded-For", ip) },
	func(h http.Header, ip string) { h.Set("X-Forwarded-For", ip+", 127.0.0.1") },
	func(h http.Header, ip string) { h["X-Forwarded-For"] = []string{ip, ip, "127.0.0.1"} },
	func(h http.Header, ip string) { h.Set("X-Real-IP", ip) },
	func(h http.Header, ip string) { h.Set("Forwarded", "for="+ip+";proto=https") },
	func(h http.Header, ip string) { h.Set("CF-Connecting-IP", ip) },
	func(h http.Header, ip string) { h.Set("True-Client-IP", ip) },
	func(h http.Header, ip string) { h.Set("X-Client-IP", ip) },
	func(h http.Header, ip string) { h.Set("X-Forwarded-For", "::ffff:"+ip) },
	func(h http.Header, ip string) { h.Set("X-Forwarded-For", "[2001:db8::"+ip[len(ip)-1:]+"]:80") },
}

// The guesses come by a proxy that nobody has told the server to trust.
func TestClaimedAddresses(t *testing.T) {
	s, _ := production(t)
	// claiming is c with one of the claims.
	claiming := func(c *running.Client, claim int, ip string) *running.Client {
		h := http.Header{}
		claims[claim](h, ip)
		return &running.Client{HTTP: c.HTTP, Header: h, Server: c.Server}
	}

	corpus.Case(t, "P09", "another X-Forwarded-For, X-Real-IP, Forwarded, CF-Connecting-IP with each guess; that /64 and ::ffff: are one address, and one trusted proxy, is for the package",
		"the 21st guess of the connection's address is 429 (RLT-04)", func(t *testing.T) {
			c := s.through("app.example.com")
			for n := range 20 {
				denied(t, try(t, claiming(c, n%len(claims), fmt.Sprintf("198.51.100.%d", n)), fmt.Sprintf("p09-%d@example.com", n), words), 401, "INVALID_CREDENTIALS")
			}
			for claim := range claims {
				denied(t, try(t, claiming(c, claim, "203.0.113.7"), alice, words), 429, "TOO_MANY_REQUESTS")
			}
			honest := s.through("app.example.com")
			honest.Want(t, try(t, honest, alice, words), 200)
		})
	corpus.Case(t, "P09", "25 guesses that claim a victim's address", "the victim is not locked out", func(t *testing.T) {
		victim := net.IPv4(127, 16, 255, 1)
		for n := range 25 {
			denied(t, try(t, claiming(s.through("app.example.com"), n%len(claims), victim.String()), fmt.Sprintf("p09-victim-%d@example.com", n), words), 401, "INVALID_CREDENTIALS")
		}
		c := s.from(victim)
		c.HTTP.Transport = proxied{"app.example.com", c.HTTP.Transport}
		c.Want(t, try(t, c, alice, words), 200)
	})
}

func TestLimits(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})

	corpus.Case(t, "XCT-08", "X-User-Id, X-Auth-Subject, Remote-User and Authorization: Basic in place of a credential", "401", func(t *testing.T) {
		for name, value := range map[string]string{
			"X-User-Id": "id-alice", "X-User-Email": alice, "X-Auth-Subject": alice, "Remote-User": alice, "X-Remote-User": alice, "X-Forwarded-User": alice,
			"X-Roles": "admin", "Authorization": "Basic YWxpY2VAZXhhbXBsZS5jb206Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==",
		} {
			a := s.visitor().With(name, value).Call(t, "GET", v1+"/profile", nil)
			noCredential(t, a)
			if a.StatusCode != 401 {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
			}
		}
	})
	// What allows nothing but needs a limit all the same: each has its own count.
	limits := []struct {
		path string
		in   object
		most int
		want []int // the answers within the limit
	}{
		{"/auth/register", object{"email": "no address", "password": other}, 60, []int{422}},
		{"/auth/verify-email", object{"token": "none"}, 60, []int{400}},
		{"/auth/reset-password", object{"token": "none", "password": other}, 60, []int{400}},
		{"/auth/token/refresh", object{}, 60, []int{400, 401}},
	}
	for _, limit := range limits {
		corpus.Case(t, "RLT-09", "61 requests of one address to "+limit.path, "the 61st is 429, and other addresses go on", func(t *testing.T) {
			c := s.visitor()
			for n := range limit.most {
				if a := c.Call(t, "POST", v1+limit.path, limit.in); a.StatusCode != limit.want[0] && a.StatusCode != limit.want[len(limit.want)-1] {
					t.Fatalf("%d: %d %s", n, a.StatusCode, a.Text)
				}
			}
			denied(t, c.Call(t, "POST", v1+limit.path, limit.in), 429, "TOO_MANY_REQUESTS")
			if a := s.visitor().Call(t, "POST", v1+limit.path, limit.in); a.StatusCode == 429 {
				t.Error("another address is limited as well")
			}
		})
	}
	corpus.Case(t, "RST-11", "61 requests of one address to forgot-password, the 61st for an account", "202 all the same, and no mail", func(t *testing.T) {
		s.add(t, "rst11@example.com")
		c := s.visitor()
		first := ""
		for n := range 62 {
			email := fmt.Sprintf("rst11-%d@example.com", n)
			if n > 60 {
				email = "rst11@example.com"
			}
			a := visible(empty(t, c.Call(t, "POST", v1+"/auth/forgot-password", object{"email": email}), 202))
			if n == 0 {
				first = a
			} else if a != first {
				t.Fatalf("%d: %s", n, a)
			}
		}
		s.reset(t, alice, 1) // by then the mail would be there, too
		if list := s.sent(t, "rst11@example.com", "reset"); len(list) != 0 {
			t.Error("beyond the limit there was mail")
		}
	})
}
