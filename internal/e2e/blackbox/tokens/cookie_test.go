package tokens_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestProductionCookies is about a server as it runs behind a proxy that ends TLS. A
// server of development on the same database makes the users.
func TestProductionCookies(t *testing.T) {
	t.Parallel()
	b := running.On(t, "SQLite", nil)
	dev := open(t, b, running.Options{})
	dev.user(t, alice)
	s := open(t, b, running.Options{Args: []string{"-dev=false", "-base-url", "https://auth.example.com"}, Env: []string{"SMTP_URL=smtp://127.0.0.1:9?from=no-reply@example.com"}})
	credentials := `{"email":"` + alice + `","password":"` + password + `"}`
	post := func(path, body string, h http.Header) *running.Answer {
		c := s.stranger()
		c.HTTP.Jar = nil
		if h == nil {
			h = http.Header{}
		}
		h.Set("Content-Type", "application/json")
		return c.Send(t, "POST", path, h, strings.NewReader(body))
	}
	secure := func(pairs ...string) http.Header {
		h := cookies(pairs...)
		h.Set("X-Forwarded-Proto", "https")
		return h
	}

	corpus.Case(t, "S13", "a sign-in by plain HTTP at a server with the production settings: no proxy, and one that says http", "500 that asks for HTTPS, no cookie", func(t *testing.T) {
		for _, path := range []string{login, signIn} {
			for _, h := range []http.Header{nil, {"X-Forwarded-Proto": {"http"}}, {"X-Forwarded-Proto": {"http, https"}}} {
				a := post(path, credentials, h)
				problem(t, a, 500, "INTERNAL_ERROR")
				if !strings.Contains(a.String("detail"), "HTTPS") || strings.Contains(strings.Join(a.Header["Set-Cookie"], " "), "session=") || strings.Contains(strings.Join(a.Header["Set-Cookie"], " "), "refresh=") {
					t.Errorf("%s %v", a.Text, a.Header["Set-Cookie"])
				}
			}
		}
	})

	corpus.Case(t, "SES-12", "the Set-Cookie of sign-in, step-up, sign-out, refresh and revocation with the production settings (RFT-11)", "__Host- or __Secure-, Secure, HttpOnly, SameSite, Path=/, no Domain", func(t *testing.T) {
		session := post(login, credentials, secure())
		id := cookieOf(session.Header, "__Host-session")
		tokens := post(signIn, credentials, secure())
		token := cookieOf(tokens.Header, "__Host-refresh")
		if id == "" || token == "" {
			t.Fatalf("%v %v", session.Header["Set-Cookie"], tokens.Header["Set-Cookie"])
		}
		answers := []*running.Answer{
			session, tokens, post(refresh, "", secure("__Host-refresh="+token)), post(revoke, "", secure("__Host-refresh="+token)),
			post("/api/v1/auth/change-password", `{"current_password":"`+password+`","password":"`+password+`"}`, secure("__Host-session="+id)), post(logout, "", secure()),
		}
		seen := make(map[string]int)
		for _, a := range answers {
			for _, line := range a.Header["Set-Cookie"] {
				k, err := http.ParseSetCookie(line)
				if err != nil {
					t.Fatal(err)
				}
				seen[k.Name]++
				if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite == http.SameSiteNoneMode || k.SameSite == http.SameSiteDefaultMode || k.SameSite == 0 || k.Path != "/" || k.Domain != "" {
					t.Errorf("%s: %s", a.Request.URL.Path, line)
				}
			}
		}
		if seen["__Host-session"] < 2 || seen["__Host-refresh"] < 3 {
			t.Errorf("cookies: %v", seen)
		}
	})

	corpus.Case(t, "CSR-04", "the Origin of a Secure cookie's host over http, with a port, with a dot; and the exact one", "403; not 403", func(t *testing.T) {
		id := cookieOf(post(login, credentials, secure()).Header, "__Host-session")
		for from, want := range map[string]bool{
			"http://auth.example.com": false, "https://auth.example.com:8443": false, "https://auth.example.com.": false, "ftp://auth.example.com": false, "https://example.com": false, "https://auth.example.com": true,
		} {
			status, _, body := s.raw(t, "POST "+logout+" HTTP/1.1", "Host: auth.example.com", "X-Forwarded-Proto: https", "Cookie: __Host-session="+id, "Origin: "+from, "Content-Length: 0")
			if ok := status == 204; ok != want || !ok && !strings.Contains(body, "CROSS_ORIGIN") {
				t.Errorf("%s: %d %s", from, status, body)
			}
			if want {
				id = cookieOf(post(login, credentials, secure()).Header, "__Host-session")
			}
		}
	})

	corpus.Case(t, "SES-19", "the headers of what depends on a session, of what sets one, and of what does neither, over HTTP/1.1 and HTTP/2 (SES-21)", "no-store and Vary: Cookie", func(t *testing.T) {
		c, _ := dev.session(t, alice)
		for _, c := range []*running.Client{c, c.HTTP2()} {
			for _, a := range []*running.Answer{c.Call(t, "GET", profile, nil), c.Page(t, "/account"), c.Call(t, "GET", "/api/v1/sessions", nil), c.Call(t, "POST", login, running.Credentials(alice, password))} {
				if a.StatusCode != 200 || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(strings.Join(a.Header["Vary"], " "), "Cookie") {
					t.Errorf("%s: %d %v", a.Request.URL.Path, a.StatusCode, a.Header)
				}
				if a.Request.URL.Path == login && a.Cookie("session") == nil {
					t.Errorf("%s: no cookie", a.Proto)
				}
			}
		}
	})
}
