package doors_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// hostilePaths are those of O13, and some of our own. None of them may come back in a
// Location or in a form.
var hostilePaths = []string{
	"//evil.example", "/\\evil.example", "/\t/evil.example", "\\\\evil.example", "https:evil.example", "https:/evil.example", "https://evil.example",
	"///evil.example", "/..//evil.example", "//evil.example/%2f..", "javascript:alert(1)//evil.example", "data:text/html,evil.example",
	"/foo\r\nX-Injected: evil.example", "https://app@evil.example", "https://app.evil.example", " //evil.example", "%2f%2fevil.example", "/%09/evil.example",
	".evil.example", "\x00//evil.example", "/" + strings.Repeat("a", 8<<10) + "evil.example",
	"/%5cevil.example", "/%2fevil.example", "/./evil.example", "/orders/../..//evil.example", "/orders\n//evil.example", "/\u2028/evil.example", "/\ufeff/evil.example",
	"//evil.example\\@127.0.0.1", "/%0d%0aSet-Cookie:evil.example=1", "http://127.0.0.1.evil.example", "/;/evil.example/../..//evil.example", "/%2e%2e//evil.example",
	"evil.example", "?//evil.example", "#//evil.example", "/ /evil.example", "/\x7f/evil.example", "/<evil.example>", "/\"evil.example", "/\xff/evil.example",
}

// evil reports whether a text names the attacker's place.
func evil(s string) bool { return strings.Contains(s, "evil.example") }

func TestReturnPaths(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Register(t, alice, words)
	corpus.Case(t, "O13", "41 hostile return paths to the login page: neither its form nor its links may carry them",
		"200, no such value in the page", func(t *testing.T) {
			c := s.Client()
			for _, path := range hostilePaths {
				if a := c.Want(t, c.Page(t, "/login?return_to="+url.QueryEscape(path)), 200); evil(a.Text) {
					t.Errorf("%q is on the page", path)
				}
			}
			if a := c.Page(t, "/login?return_to=/orders"); !strings.Contains(a.Text, `name="return_to" value="/orders"`) || !strings.Contains(a.Text, "return_to=%2forders") {
				t.Errorf("a good path is not on the page: %s", a.Text)
			}
		})
	corpus.Case(t, "O13", "the same at every step of a sign-in with a second factor",
		"never in a Location or a form; 303 to /account in the end", func(t *testing.T) { secondStep(t, s) })
	corpus.Case(t, "O13", "the same in the login form, in its query, and in both",
		"303 to /account", func(t *testing.T) {
			for i, path := range hostilePaths {
				c := s.Client()
				form, at := url.Values{"email": {alice}, "password": {words}}, "/login"
				if i%3 != 0 {
					form.Set("return_to", path)
				}
				if i%3 != 1 {
					at += "?return_to=" + url.QueryEscape(path)
				}
				a := c.Post(t, at, form)
				if a.StatusCode == 400 && !formable(path) && form.Has("return_to") {
					visitor(t, c)
					continue
				}
				leads(t, c, a, path, "/account")
			}
			c := s.Client()
			leads(t, c, c.Post(t, "/login", url.Values{"email": {alice}, "password": {words}, "return_to": {"/orders?x=1"}}), "", "/orders?x=1")
		})
	corpus.Case(t, "O13", "the same at the start of a sign-in by either provider",
		"303 to /account after the callback", func(t *testing.T) {
			for start := range callbacks {
				for _, path := range hostilePaths {
					c := s.Client()
					begun := c.Want(t, c.Page(t, start+"?return_to="+url.QueryEscape(path)), 303)
					if evil(begun.Header.Get("Location")) || evil(strings.Join(begun.Header.Values("Set-Cookie"), "")) {
						t.Errorf("%q is sent to the provider or into the cookie", path)
					}
					back := s.atProvider(t, parse(t, begun.Header.Get("Location")))
					if len(path) < 1000 { // or the answer is too long for one of a provider
						back += "&return_to=" + url.QueryEscape(path)
					}
					leads(t, c, c.Page(t, back), path, "/account")
				}
			}
		})
	corpus.Case(t, "O13", "the same at the API login, which tells a client where to go",
		"no member return_to", func(t *testing.T) {
			for _, path := range hostilePaths[:12] {
				c := s.Client()
				a := c.Want(t, c.Call(t, "POST", "/api/v1/auth/login?return_to="+url.QueryEscape(path), running.Credentials(alice, words)), 200)
				if a.JSON("return_to") != nil || evil(a.Text) {
					t.Errorf("%q: %s", path, a.Text)
				}
			}
		})
	corpus.Case(t, "O13", "the same when a link to an identity is begun, and when it ends",
		"303 to /account", func(t *testing.T) {
			s.idp.Good.SetUsers(oauthtest.User{Subject: "8", Email: alice, EmailVerified: true})
			c := s.Login(t, alice, words)
			for _, path := range hostilePaths {
				begun := s.beginLink(t, c, "/account/links/oidc?return_to="+url.QueryEscape(path), url.Values{"return_to": {path}})
				leads(t, c, c.Page(t, s.atProvider(t, begun)), path, "/account")
			}
		})
	corpus.Case(t, "O13", "pages that ask for a login, under hostile addresses: //evil.example/, /\\evil.example, /orders with it in the query, as an absolute form",
		"404, or 303 to /login with a path of this origin or none", func(t *testing.T) { loginRedirect(t, s) })
}

func secondStep(t *testing.T, s *site) {
	_, codes := s.Member(t, bob, words).Enrol(t)
	for i, path := range hostilePaths {
		c := s.Client()
		at := "/login?return_to=" + url.QueryEscape(path)
		if !formable(path) {
			continue
		}
		a := c.Want(t, c.Post(t, at, url.Values{"email": {bob}, "password": {words}, "return_to": {path}}), 303)
		if to := a.Header.Get("Location"); evil(to) || !strings.HasPrefix(to, "/login/factor") {
			t.Errorf("%q leads to %q", path, to)
		}
		if a := c.Want(t, c.Page(t, "/login/factor?return_to="+url.QueryEscape(path)), 200); evil(a.Text) {
			t.Errorf("%q is on the page", path)
		}
		if i < len(codes) {
			leads(t, c, c.Post(t, "/login/factor?return_to="+url.QueryEscape(path), url.Values{"recovery_code": {codes[i]}, "return_to": {path}}), path, "/account")
		}
	}
}

// formable reports whether a form with s is read at all.
func formable(s string) bool {
	return utf8.ValidString(s) && !strings.Contains(s, "\x00") && len(s) < 4<<10
}

// leads fails the test unless the answer leads to want on this origin.
func leads(t *testing.T, c *running.Client, a *running.Answer, from, want string) {
	t.Helper()
	c.Want(t, a, 303)
	if got := a.Header.Values("Location"); len(got) != 1 || got[0] != want || a.Header.Get("X-Injected") != "" || a.Cookie("evil.example") != nil {
		t.Errorf("%q leads to %q", from, got)
	}
}

func loginRedirect(t *testing.T, s *site) {
	c := s.Client()
	for _, target := range []string{"/orders", "/account", "/orders?return_to=//evil.example", "/account?next=https://evil.example/%0d%0aX-Injected:1"} {
		a := c.Want(t, c.Page(t, target), 303)
		to := parse(t, a.Header.Get("Location"))
		if to.Host != "" || to.Path != "/login" || a.Header.Get("X-Injected") != "" {
			t.Errorf("%s leads to %s", target, to)
		}
	}
	for _, line := range []string{
		"GET //evil.example/ HTTP/1.1", "GET //evil.example/orders HTTP/1.1", `GET /\evil.example HTTP/1.1`, "GET /%2fevil.example/ HTTP/1.1", "GET http://evil.example//evil.example/orders HTTP/1.1",
		"GET /./orders HTTP/1.1", "GET //orders HTTP/1.1", "GET /evil.example/..//orders HTTP/1.1", "GET /%2e%2e//evil.example HTTP/1.1",
	} {
		status, header := raw(t, s.Server, line+"\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		to, err := url.Parse(header.Get("Location"))
		if err != nil || to.Host != "" || strings.HasPrefix(header.Get("Location"), "//") || strings.HasPrefix(header.Get("Location"), `/\`) || status == 200 {
			t.Errorf("%s: %d, leads to %q", line, status, header.Get("Location"))
		}
	}
}

// beginLink begins to link an identity, by the form of the account page, and returns the
// authorization request.
func (s *site) beginLink(t *testing.T, c *running.Client, path string, form url.Values) *url.URL {
	t.Helper()
	a := c.Want(t, c.Post(t, path, form), http.StatusOK) // a page that goes on by itself
	_, to, ok := strings.Cut(a.Header.Get("Refresh"), "url=")
	if !ok {
		t.Fatalf("no Refresh in %v", a.Header)
	}
	return parse(t, to)
}
