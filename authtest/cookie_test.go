package authtest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/authtest"
)

// cookies answers /set?… by setting the cookie in the query, and everything else
// with the Cookie header.
func cookies(w http.ResponseWriter, r *http.Request) {
	if c := r.URL.Query().Get("c"); c != "" {
		w.Header().Add("Set-Cookie", c)
		return
	}
	fmt.Fprint(w, r.Header.Get("Cookie"))
}

func set(b *authtest.Browser, cookie string) *authtest.Response {
	return b.Get("/set?c=" + url.QueryEscape(cookie))
}

func TestBrowserCookies(t *testing.T) {
	browsers := map[string]func(testing.TB, http.Handler) *authtest.Browser{"HTTP/1.1": authtest.NewBrowser, "HTTP/2.0": newHTTP2Browser}
	for proto, open := range browsers {
		t.Run("S01 __Host- cookies come back over TLS, "+proto, func(t *testing.T) {
			b := open(t, http.HandlerFunc(cookies))
			resp := set(b, "__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax")
			if resp.Proto != proto {
				t.Errorf("spoke %s", resp.Proto)
			}
			if got := b.Get("/deep/down").Body; got != "__Host-session=abc" {
				t.Errorf("sent %q", got)
			}
			c := b.Cookie("__Host-session")
			if c == nil || c.Value != "abc" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
				t.Errorf("kept %+v", c)
			}
			if c := resp.Cookie("__Host-session"); c == nil || c.Value != "abc" {
				t.Errorf("received %+v", c)
			}
			if got := b.Get("/", "Cookie", "").Body; got != "" {
				t.Errorf("sent %q when told to send none", got)
			}
			if got := b.Get("/", "Cookie", "mine=1").Body; got != "mine=1" {
				t.Errorf("sent %q when told what to send", got)
			}

			other := b.Another(t)
			if got := other.Get("/"); got.Body != "" || other.Cookie("__Host-session") != nil || got.Proto != proto {
				t.Errorf("another browser sent %q over %s", got.Body, got.Proto)
			}

			set(b, "__Host-session=def; Path=/; Secure")
			if c := b.Cookie("__Host-session"); c == nil || c.Value != "def" {
				t.Errorf("after a change: %+v", c)
			}
			set(b, "__Host-session=; Path=/; Secure; Max-Age=0")
			if got := b.Get("/").Body; got != "" || b.Cookie("__Host-session") != nil {
				t.Errorf("after deletion sent %q, kept %+v", got, b.Cookie("__Host-session"))
			}
		})
	}
}

func TestBrowserRefusesBrokenCookies(t *testing.T) {
	tests := []struct {
		cookie      string
		tls, plain  bool // is kept
		description string
	}{
		{"a=1", true, true, "ordinary"},
		{"a=1; Secure", true, false, "Secure"},
		{"__Host-a=1; Path=/; Secure", true, false, "good __Host-"},
		{"__Host-a=1; Path=/", false, false, "__Host- without Secure"},
		{"__Host-a=1; Secure", false, false, "__Host- without Path"},
		{"__Host-a=1; Path=/set; Secure", false, false, "__Host- with a path"},
		{"__host-a=1; Path=/set; Secure", false, false, "__host- in small letters"},
		{"__Host-a=1; Path=/; Secure; Domain=127.0.0.1", false, false, "__Host- with Domain"},
		{"__Secure-a=1; Path=/set; Secure", true, false, "good __Secure-"},
		{"__Secure-a=1", false, false, "__Secure- without Secure"},
		{"a=1; SameSite=None; Secure", true, false, "good SameSite=None"},
		{"a=1; SameSite=None", false, false, "SameSite=None without Secure"},
		{"a=1; Domain=other.example", false, false, "another's domain"},
		{"a=" + strings.Repeat("x", 4095), true, true, "4096 bytes"},
		{"a=" + strings.Repeat("x", 4096), false, false, "4097 bytes"},
	}
	for _, test := range tests {
		t.Run(test.description, func(t *testing.T) {
			name, _, _ := strings.Cut(test.cookie, "=")
			if kept := kept(t, authtest.NewBrowser, test.cookie, name); kept != test.tls {
				t.Errorf("over TLS kept: %v, want %v", kept, test.tls)
			}
			if kept := kept(t, newPlainBrowser, test.cookie, name); kept != test.plain {
				t.Errorf("without TLS kept: %v, want %v", kept, test.plain)
			}
		})
	}
}

func kept(t *testing.T, open func(testing.TB, http.Handler) *authtest.Browser, cookie, name string) bool {
	t.Helper()
	b := open(t, http.HandlerFunc(cookies))
	set(b, cookie)
	sent := strings.Contains(b.Get("/set").Body, name)
	if (b.Cookie(name) != nil) != sent {
		t.Errorf("sends it: %v, but Cookie says %v", sent, b.Cookie(name))
	}
	return sent
}

func TestBrowserCookiePaths(t *testing.T) {
	b := authtest.NewBrowser(t, http.HandlerFunc(cookies))
	set(b, "__Secure-refresh=r; Path=/api/token; Secure")
	if got := b.Get("/").Body; got != "" {
		t.Errorf("sent %q to /", got)
	}
	if got := b.Get("/api/token/revoke").Body; got != "__Secure-refresh=r" {
		t.Errorf("sent %q below its path", got)
	}
	if c := b.Cookie("__Secure-refresh"); c == nil || c.Path != "/api/token" {
		t.Errorf("kept %+v", c)
	}
	b.Get("/a/b/c?c=x%3D1")
	if c := b.Cookie("x"); c == nil || c.Path != "/a/b" || b.Get("/a/b/d").Body != "x=1" || b.Get("/a").Body != "" {
		t.Errorf("without a path kept %+v", c)
	}
	t.Run("S03 two of one name", func(t *testing.T) {
		b.SetCookie(&http.Cookie{Name: "session", Value: "short"})
		b.SetCookie(&http.Cookie{Name: "session", Value: "long", Path: "/deep"})
		if got := b.Get("/deep/x").Body; got != "session=long; session=short" {
			t.Errorf("sent %q", got)
		}
		if c := b.Cookie("session"); c == nil || c.Value != "long" {
			t.Errorf("the newest is %+v", c)
		}
		b.SetCookie(&http.Cookie{Name: "session", Path: "/deep", MaxAge: -1})
		if c := b.Cookie("session"); c == nil || c.Value != "short" {
			t.Errorf("after deletion the newest is %+v", c)
		}
	})
	t.Run("S01 a planted cookie needs no rules", func(t *testing.T) {
		c := &http.Cookie{Name: "__Host-session", Value: "stolen"}
		b.SetCookie(c)
		if got := b.Get("/").Body; !strings.Contains(got, "__Host-session=stolen") {
			t.Errorf("sent %q", got)
		}
		if c.Path != "" {
			t.Error("the argument has changed")
		}
	})
}
