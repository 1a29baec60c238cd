package doors_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// public are the routes that need no login: what they do is to refuse or to take a body.
var public = []route{
	{"POST", "/api/v1/auth/register", object{}}, {"POST", "/api/v1/auth/verify-email", object{}}, {"POST", "/api/v1/auth/login", object{}},
	{"POST", "/api/v1/auth/mfa/challenge", object{}}, {"POST", "/api/v1/auth/logout", nil}, {"POST", "/api/v1/auth/forgot-password", object{}},
	{"POST", "/api/v1/auth/reset-password", object{}}, {"POST", "/api/v1/auth/token", object{}}, {"POST", "/api/v1/auth/token/refresh", nil},
	{"POST", "/api/v1/auth/token/revoke", nil}, {"GET", oidc, nil}, {"GET", oidc + "/callback", nil}, {"GET", github, nil},
	{"GET", "/.well-known/jwks.json", nil}, {"GET", "/healthz", nil}, {"GET", "/dev/mailbox", nil},
}

func contract() []route {
	return append(append(append([]route{}, public...), accountChanges...), guarded...)
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Register(t, alice, words)
	corpus.Case(t, "B03", "every route of the contract by HEAD, OPTIONS, TRACE, CONNECT, PATCH, an unknown and a lower-case method, and with the method overridden, as a visitor and as a customer",
		"nothing succeeds that the route refuses; a GET route by HEAD is as by GET, without a body", func(t *testing.T) {
			for _, c := range []*running.Client{s.Client(), s.Login(t, alice, words)} {
				otherMethods(t, s.Server, c)
			}
		})
	corpus.Case(t, "B03", "every guarded route under //path, /path/, /./path, /x/../path, %2e, in capitals, with an escaped slash or letter, a semicolon, a dot behind it, an absolute address, a NUL",
		"not more than the base route allows: 401, 404, 400 or a redirect to the plain path", func(t *testing.T) { otherPaths(t, s.Server) })
	corpus.Case(t, "B03", "X-Original-URL, X-Rewrite-URL, X-Forwarded-Prefix, X-Forwarded-Uri, X-Original-Method, _method in query and form",
		"as without them", func(t *testing.T) {
			for name, v := range map[string]string{"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz", "X-Forwarded-Uri": "/healthz", "X-Forwarded-Prefix": "/healthz", "X-Original-Method": "OPTIONS", "X-Method-Override": "GET", "X-HTTP-Method": "GET"} {
				for _, r := range guarded {
					c := s.Client().With(name, v)
					if a := c.Call(t, r.method, r.path+"?_method=GET", r.body); a.StatusCode != 401 {
						t.Errorf("%s: %s %s: %d", name, r.method, r.path, a.StatusCode)
					}
				}
				c := s.Client().With(name, orders)
				c.Want(t, c.Call(t, "GET", "/healthz", nil), 200)
			}
		})
}

func otherMethods(t *testing.T, s *running.Server, c *running.Client) {
	for _, r := range contract() {
		if r.path == "/api/v1/auth/logout" || r.path == "/api/v1/sessions" || strings.HasSuffix(r.path, "change-password") {
			continue // they would end what the rest of the case needs
		}
		plain := c.Call(t, r.method, r.path, r.body)
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "POST", "PUT", "DELETE", "PROPFIND", strings.ToLower(r.method)} {
			if method == r.method || isRoute(method, r.path) || method == "HEAD" && r.method != "GET" && isRoute("GET", r.path) {
				continue
			}
			a, err := c.Try(t, method, r.path, http.Header{"Content-Type": {"application/json"}, "X-Http-Method-Override": {r.method}}, nil)
			if err != nil {
				continue // the client or the server will not have the method
			}
			switch {
			case method == "HEAD" && r.method == "GET":
				if a.StatusCode != plain.StatusCode && a.StatusCode != 405 || a.Text != "" {
					t.Errorf("HEAD %s: %d, %d bytes; GET %d", r.path, a.StatusCode, len(a.Text), plain.StatusCode)
				}
			case a.StatusCode < 400:
				t.Errorf("%s %s: %d %s", method, r.path, a.StatusCode, a.Text)
			}
			if a.StatusCode == 501 || a.StatusCode == 500 {
				t.Errorf("%s %s: %d", method, r.path, a.StatusCode)
			}
		}
	}
}

// isRoute reports whether the contract has that route as well.
func isRoute(method, path string) bool {
	for _, r := range contract() {
		if r.method == method && r.path == path {
			return true
		}
	}
	return false
}

func otherPaths(t *testing.T, s *running.Server) {
	for _, r := range guarded {
		p, last := r.path, r.path[strings.LastIndex(r.path, "/")+1:]
		dir := strings.TrimSuffix(p, last)
		for _, path := range []string{
			"/" + p, p + "/", "/." + p, "/x/.." + p, "/%2e" + p, "/%2e/" + p[1:], dir + "%2e/" + last, dir + "%2E%2E/v1/" + last, strings.ToUpper(p), dir + strings.ToUpper(last[:1]) + last[1:],
			strings.Replace(p, "/v1/", "%2fv1%2f", 1), strings.Replace(p, "api", "%61pi", 1), p + ";x=y", p + ".", p + ".json", p + "%00", p + "%20", p + "?", p + "#", p + "%3f", p + "\\", "/\\" + p,
			"http://localhost" + p, "*", dir + "/" + last, p + "//", p + "/..", p + "/.", strings.Replace(p, "/api", "/api;x", 1), "/%252e" + p,
		} {
			status, header := raw(t, s, r.method+" "+path+" HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			switch status {
			case 0, 400, 401, 404, 405:
			case 301, 307, 308: // the plain path, which will ask
				to, err := url.Parse(header.Get("Location"))
				if err != nil || to.Host != "" || !strings.HasPrefix(to.Path, "/") || strings.HasPrefix(header.Get("Location"), "//") {
					t.Errorf("%s %s leads to %q", r.method, path, header.Get("Location"))
				}
			default:
				t.Errorf("%s %s: %d", r.method, path, status)
			}
		}
	}
}
