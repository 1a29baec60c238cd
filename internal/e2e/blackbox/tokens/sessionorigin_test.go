package tokens_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// unsafe are routes that change something, with bodies that would do it.
func unsafe() map[string]string {
	credentials := `{"email":"` + alice + `","password":"` + password + `"}`
	return map[string]string{
		"POST " + login: credentials, "POST " + logout: "", "POST /api/v1/auth/register": `{"email":"carol@example.com","password":"` + password + `"}`,
		"POST /api/v1/auth/change-password": `{"current_password":"` + password + `","password":"` + password + ` 2"}`,
		"POST /api/v1/auth/mfa/enable":      "", "POST /api/v1/auth/mfa/disable": `{"code":"123456"}`, "POST /api/v1/auth/mfa/recovery-codes": `{"code":"123456"}`,
		"POST /api/v1/api-keys": `{"name":"a","scopes":["orders:read"]}`, "DELETE /api/v1/sessions": "", "POST /api/v1/orders": `{"item":"a"}`,
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	s.user(t, alice)
	s.user(t, bob)
	_, cookie := s.session(t, alice)
	_, access := s.family(t, bob)
	before := s.rows(t)

	corpus.Case(t, "S15", "every unsafe route with the session and Sec-Fetch-Site cross-site and same-site, Origin null, another host, another port, a host that begins or ends like ours (CSR-01, CSR-02, CSR-04)", "403, and nothing changes", func(t *testing.T) {
		host := strings.TrimPrefix(s.URL, "http://")
		h1 := s.stranger()
		h1.HTTP.Jar = nil
		for _, c := range []*running.Client{h1, h1.HTTP2()} {
			for route, body := range unsafe() {
				method, path, _ := strings.Cut(route, " ")
				for _, h := range [][]string{
					{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site", "Origin", s.URL}, {"Sec-Fetch-Site", "SAME-ORIGIN"},
					{"Origin", "null"}, {"Origin", "https://evil.example"}, {"Origin", "http://127.0.0.1:1"}, {"Origin", "http://127.0.0.1"}, {"Origin", "http://" + host + ".evil.example"}, {"Origin", "http://evil" + host},
					{"Sec-Fetch-Site", "cross-site", "X-Csrf-Token", cookie, "X-Requested-With", "XMLHttpRequest"},
				} {
					at := cookies("session=" + cookie)
					at.Set("Content-Type", "application/json")
					for i := 0; i < len(h); i += 2 {
						at[h[i]] = []string{h[i+1]}
					}
					if a := c.Send(t, method, path, at, strings.NewReader(body)); a.StatusCode != 403 || a.Code() != "CROSS_ORIGIN" {
						t.Errorf("%s %v: %d %s", route, h, a.StatusCode, a.Text)
					} else {
						grantsNothing(t, a)
					}
				}
			}
		}
		s.nothingGrew(t, before)
		s.alive(t, cookies("session="+cookie))
	})

	corpus.Case(t, "CSR-01", "the same from this origin: Sec-Fetch-Site same-origin and none, our own Origin, and neither, as from a client that is no browser", "not 403 CROSS_ORIGIN", func(t *testing.T) {
		c := s.stranger()
		c.HTTP.Jar = nil
		for _, h := range [][2]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", s.URL}, {"Accept", "*/*"}} {
			at := cookies("session=" + cookie)
			at.Set(h[0], h[1])
			at.Set("Content-Type", "application/json")
			problem(t, c.Send(t, "POST", "/api/v1/orders", at, strings.NewReader(`{"item":"a"}`)), 403, "FORBIDDEN", "INSUFFICIENT_SCOPE")
		}
	})

	corpus.Case(t, "S16", "this service relies on the origin and on no CSRF token: one in the header, the form, a cookie or the query does not open a cross-site request; tokens that are bound to sessions are in the tests of the package (CSR-03)", "403", func(t *testing.T) {
		c := s.stranger()
		c.HTTP.Jar = nil
		form := "csrf_token=x&_csrf=x&current_password=" + password + "&password=" + password + "2"
		for _, k := range []string{"csrf_token=x", "XSRF-TOKEN=x", "session-csrf=x"} {
			h := cookies("session="+cookie, k)
			h.Set("Content-Type", "application/x-www-form-urlencoded")
			h.Set("Sec-Fetch-Site", "cross-site")
			h.Set("X-Csrf-Token", "x")
			problem(t, c.Send(t, "POST", "/account/password?csrf_token=x", h, strings.NewReader(form)), 403, "CROSS_ORIGIN")
		}
	})

	corpus.Case(t, "CSR-05", "alice's session beside a bad token, and beside bob's good one, also cross-site", "401; bob, for the token decides and no browser sends it by itself", func(t *testing.T) {
		for _, authorization := range []string{"Bearer x", "Bearer " + access + "x", "Bearer"} {
			h := cookies("session=" + cookie)
			h.Set("Authorization", authorization)
			problem(t, s.with(t, "GET", profile, h), 401, "TOKEN_INVALID")
		}
		h := cookies("session=" + cookie)
		h.Set("X-API-Key", "sk_live_x_y")
		problem(t, s.with(t, "GET", profile, h), 401)
		h = cookies("session=" + cookie)
		h.Set("Authorization", "Bearer "+access)
		h.Set("Sec-Fetch-Site", "cross-site")
		if a := s.with(t, "GET", profile, h); a.String("data", "email") != bob {
			t.Errorf("%d %s", a.StatusCode, a.Text)
		}
		problem(t, s.with(t, "POST", "/api/v1/orders", h), 403, "FORBIDDEN", "INSUFFICIENT_SCOPE")
	})

	corpus.Case(t, "CSR-06", "GET, HEAD and OPTIONS to every route of the API and the pages that changes something, with method overrides", "nothing changes, and the session lives", func(t *testing.T) {
		c := s.stranger()
		c.HTTP.Jar = nil
		paths := []string{"/login", "/logout", "/register", "/account/delete", "/account/password", "/account/sessions/end-others", "/account/factor/enable", "/account/factor/disable", "/account/keys", "/orders", revoke, refresh}
		for route := range unsafe() {
			_, path, _ := strings.Cut(route, " ")
			paths = append(paths, path)
		}
		before := s.rows(t)
		for _, path := range paths {
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				h := cookies("session=" + cookie)
				h.Set("X-HTTP-Method-Override", "POST")
				if a := c.Send(t, method, path+"?_method=DELETE", h, nil); a.StatusCode >= 500 || a.Cookie("session") != nil || a.Cookie("refresh") != nil {
					t.Errorf("%s %s: %d %v", method, path, a.StatusCode, a.Header["Set-Cookie"])
				}
			}
		}
		s.nothingGrew(t, before)
		s.alive(t, cookies("session="+cookie))
	})

	corpus.Case(t, "X-S2", "a page whose name was rebound to 127.0.0.1 uses the development server: its own Host, with its own Origin as the same; and a request through a proxy", "500 and no cookie, for cookies without Secure are for this machine only", func(t *testing.T) {
		body := `{"email":"` + alice + `","password":"` + password + `"}`
		for _, lines := range [][]string{
			{"Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"}, {"Host: localhost.evil.example"}, {"Host: 127.0.0.1.evil.example:80"},
			{"Host: " + strings.TrimPrefix(s.URL, "http://"), "X-Forwarded-For: 192.0.2.1"}, {"Host: localhost", "Forwarded: for=192.0.2.1"},
		} {
			request := append([]string{"POST " + login + " HTTP/1.1"}, lines...)
			request = append(request, "Content-Type: application/json", "Content-Length: "+itoa(len(body)), "Connection: close", "", body)
			status, header, answer := s.raw(t, request...)
			if status != 500 || cookieOf(header, "session") != "" || strings.Contains(answer, alice) {
				t.Errorf("%v: %d %v %s", lines, status, header["Set-Cookie"], answer)
			}
			status, _, _ = s.raw(t, append([]string{"GET " + profile + " HTTP/1.1", "Cookie: session=" + cookie}, lines...)...)
			if status != 500 && status != 401 {
				t.Errorf("%v with a session: %d", lines, status)
			}
		}
	})
}

// cookieOf returns the value that a response gives a cookie.
func cookieOf(h http.Header, name string) string {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}
