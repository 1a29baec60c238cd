package session_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/session"
)

func TestSignInAndOut(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			spy := newSpy(t, nil)
			s := newSite(t, spy, session.Config{})
			b := s.browser(t)
			if proto == "HTTP/1.1" {
				b.http1()
			}
			b.do("GET /me").wants(t, http.StatusUnauthorized)
			a := b.do("POST /login").wants(t, http.StatusNoContent)
			if a.Proto != proto {
				t.Fatalf("spoke %s", a.Proto)
			}
			c := a.sessionCookie(t)
			if c == nil || c.Name != cookieName || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
				t.Fatalf("SES-12: cookie %v", c)
			}
			if a := b.do("GET /me").wants(t, http.StatusOK); a.body != "u-alice" {
				t.Fatalf("body %q", a.body)
			}
			b.do("POST /put?cart=3").wants(t, http.StatusOK)
			if a := b.do("GET /get?cart"); a.body != "3" {
				t.Fatalf("cart %q", a.body)
			}
			old := b.token()
			a = b.do("POST /logout").wants(t, http.StatusNoContent)
			if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 || c.Value != "" || c.Path != "/" || !c.Secure {
				t.Fatalf("SES-07: the cookie is not cleared: %v", c)
			}
			b.do("GET /me").wants(t, http.StatusUnauthorized)
			thief := s.browser(t)
			thief.do("GET /me", "Cookie", cookieName+"="+old).wants(t, http.StatusUnauthorized)
			if spy.Len() != 0 {
				t.Fatalf("%d sessions left", spy.Len())
			}
		})
	}
}

func TestBrowserIsRedirected(t *testing.T) {
	s := newSite(t, nil, session.Config{Landing: "/home"})
	b := s.browser(t)
	a := b.do("POST /login?return_to=%2Forders%3Fpage%3D2", "Accept", "text/html").wants(t, http.StatusSeeOther)
	if l := a.Header.Get("Location"); l != "/orders?page=2" {
		t.Fatalf("Location %q", l)
	}
	a = b.do("POST /logout", "Accept", "text/html").wants(t, http.StatusSeeOther)
	if l := a.Header.Get("Location"); l != "/home" {
		t.Fatalf("Location %q", l)
	}
	a = b.do("GET /logout")
	if a.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(a.Header.Get("Allow"), "POST") {
		t.Fatalf("CSR-06: GET /logout: %d", a.StatusCode)
	}
}
