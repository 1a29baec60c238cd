package passkey_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
)

func TestPlainHTTP(t *testing.T) {
	plain := post("POST", "")
	plain.TLS, plain.RemoteAddr, plain.Host = nil, "127.0.0.1:1", "localhost"
	t.Run("a challenge over plain HTTP is a fault of the service", func(t *testing.T) {
		if w := record(plain.Clone(t.Context()), newRig(t).passkeys.LoginBeginHandler()); w.Code != 500 || len(w.Result().Cookies()) != 0 {
			t.Errorf("%d %v", w.Code, w.Result().Cookies())
		}
	})
	insecure := func(c *passkey.Config) {
		c.InsecureCookie, c.RPID, c.Origins = true, "localhost", []string{"http://localhost:8080"}
	}
	t.Run("InsecureCookie is for loopback", func(t *testing.T) {
		g := newRig(t, insecure)
		w := record(plain.Clone(t.Context()), g.passkeys.LoginBeginHandler())
		if c := w.Result().Cookies(); w.Code != 200 || len(c) != 1 || c[0].Name != "passkey" || c[0].Secure {
			t.Errorf("%d %v", w.Code, c)
		}
		far := plain.Clone(t.Context())
		far.RemoteAddr = "192.0.2.1:1"
		if w := record(far, g.passkeys.LoginBeginHandler()); w.Code != 500 {
			t.Errorf("%d", w.Code)
		}
	})
}

func TestConfig(t *testing.T) {
	for wrong, c := range map[string]func(*passkey.Config){
		"RPID is missing":      func(c *passkey.Config) { c.RPID = "" },
		"is not a domain":      func(c *passkey.Config) { c.RPID = "https://example.com" },
		"in lower case":        func(c *passkey.Config) { c.RPID = "Example.com" },
		"\"192.0.2.1\"":        func(c *passkey.Config) { c.RPID = "192.0.2.1" },
		"not as browsers":      func(c *passkey.Config) { c.Origins = []string{"https://example.com/"} },
		"https://EXAMPLE":      func(c *passkey.Config) { c.Origins = []string{"https://EXAMPLE.com"} },
		"example.com:443":      func(c *passkey.Config) { c.Origins = []string{"https://example.com:443"} },
		"example.com:0444":     func(c *passkey.Config) { c.Origins = []string{"https://example.com:0444"} },
		"example.com:65536":    func(c *passkey.Config) { c.Origins = []string{"https://example.com:65536"} },
		"example.com:0\"":      func(c *passkey.Config) { c.Origins = []string{"https://example.com:0"} },
		"example.com:\"":       func(c *passkey.Config) { c.Origins = []string{"https://example.com:"} },
		"x@example.com":        func(c *passkey.Config) { c.Origins = []string{"https://x@example.com"} },
		"is not https://":      func(c *passkey.Config) { c.Origins = []string{"http://example.com"} },
		"with InsecureCookie":  func(c *passkey.Config) { c.RPID, c.Origins = "localhost", []string{"http://localhost:8080"} },
		"is not of the domain": func(c *passkey.Config) { c.Origins = []string{"https://notexample.com"} },
		"Origins: at most":     func(c *passkey.Config) { c.Origins = make([]string, 21) },
		"Name":                 func(c *passkey.Config) { c.Name = "a\nb" },
		"Name ":                func(c *passkey.Config) { c.Name = "a\u202eb" },
		"32 random bytes":      func(c *passkey.Config) { c.Key = []byte("short") },
		"MaxPerUser":           func(c *passkey.Config) { c.MaxPerUser = 51 },
		"ChallengeTTL":         func(c *passkey.Config) { c.ChallengeTTL = 11 * 60e9 },
		"FreshFor":             func(c *passkey.Config) { c.FreshFor = -1 },
	} {
		t.Run("refused: "+wrong, func(t *testing.T) {
			g := newRig(t)
			cfg := passkey.Config{RPID: "example.com", Key: sealKey}
			c(&cfg)
			if _, err := passkey.New(nil, g.factors, cfg); err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%v, want %q in it", err, wrong)
			}
		})
	}
	t.Run("refused: no mfa.Manager", func(t *testing.T) {
		if _, err := passkey.New(nil, nil, passkey.Config{RPID: "example.com", Key: sealKey}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("wiring that panics", func(t *testing.T) {
		g := newRig(t)
		other, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: sealKey})
		g.must(err)
		secondOnly, err := passkey.New(nil, other, passkey.Config{RPID: "example.com", Key: sealKey})
		g.must(err)
		for name, f := range map[string]func(){
			"LoginHandler without Current": func() { secondOnly.LoginHandler(g.sessions) },
			"LoginHandler without next":    func() { newRig(t).passkeys.LoginHandler(nil) },
			"two kinds":                    func() { _, _ = passkey.New(nil, g.factors, passkey.Config{RPID: "example.com", Key: sealKey}) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: no panic", name)
					}
				}()
				f()
			}()
		}
	})
	t.Run("a subdomain, a port and another key", func(t *testing.T) {
		g, d := newRig(t, func(c *passkey.Config) { c.Origins = []string{"https://login.example.com:8443"} }), newDevice(t)
		d.origin = "https://login.example.com:8443"
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		old := d.get(g.begin(b, "login"), twist{})
		g.wire(func(c *passkey.Config) {
			c.Origins = []string{d.origin}
			c.Key, c.OldKeys = []byte("abcdef0123456789abcdef0123456789"), [][]byte{sealKey}
		})
		r := post("POST", encodeJSON(t, old))
		r.URL.Path = "/passkeys/login/finish"
		r.AddCookie(b.Cookie("__Host-passkey"))
		if w := record(r, g.handler); w.Code != 204 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("ClientIP that fails refuses", func(t *testing.T) {
		g := newRig(t, func(c *passkey.Config) {
			c.ClientIP = func(*http.Request) (netip.Addr, error) { return netip.Addr{}, errDown }
		})
		g.want(g.browser.PostJSON("/passkeys/login/begin", "{}"), 500)
	})
}
