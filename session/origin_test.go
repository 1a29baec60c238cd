package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

func TestCrossOrigin(t *testing.T) {
	s := newSite(t, nil, session.Config{})
	b := s.signedIn(t)
	host := strings.TrimPrefix(s.URL, "https://")
	cases := []struct {
		name   string
		header []string
		status int
	}{
		{"no headers: not a browser", nil, 200},
		{"same-origin", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"typed by the user", []string{"Sec-Fetch-Site", "none"}, 200},
		{"cross-site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"same-site is another origin", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"cross-site with a matching Origin", []string{"Sec-Fetch-Site", "cross-site", "Origin", s.URL}, 403},
		{"unknown", []string{"Sec-Fetch-Site", "elsewhere"}, 403},
		{"Origin", []string{"Origin", s.URL}, 200},
		{"Origin null", []string{"Origin", "null"}, 403},
		{"CSR-04 Origin http", []string{"Origin", "http://" + host}, 403},
		{"CSR-04 Origin of another scheme", []string{"Origin", "ftp://" + host}, 403},
		{"CSR-04 Origin with another port", []string{"Origin", "https://127.0.0.1:1"}, 403},
		{"CSR-04 Origin without the port", []string{"Origin", "https://127.0.0.1"}, 403},
		{"another host", []string{"Origin", "https://evil.example"}, 403},
		{"garbage", []string{"Origin", "::"}, 403},
	}
	for _, c := range cases {
		t.Run("CSR-01 S15 "+c.name, func(t *testing.T) {
			a := b.do("POST /me", c.header...).wants(t, c.status)
			if c.status == 403 && !strings.Contains(a.body, `"code":"CROSS_ORIGIN"`) {
				t.Errorf("body %s", a.body)
			}
			b.do("GET /me", c.header...).wants(t, 200)
		})
		t.Run("CSR-02 sign-in, sign-out and a visitor's session "+c.name, func(t *testing.T) {
			b := s.signedIn(t)
			before := b.token()
			want := func(ok int) int {
				if c.status == 403 {
					return 403
				}
				return ok
			}
			a := b.do("POST /login", c.header...).wants(t, want(204))
			if c.status == 403 && (a.sessionCookie(t) != nil || b.token() != before) {
				t.Error("a session was started")
			}
			a = b.do("POST /logout", c.header...).wants(t, want(204))
			if c.status == 403 {
				if a.sessionCookie(t) != nil {
					t.Error("the cookie was cleared")
				}
				b.do("GET /me").wants(t, 200)
			}
			// Another site's POST comes without the cookie (SameSite); an answer
			// that sets one would replace the user's session.
			if a := s.browser(t).do("POST /put?x=1", c.header...).wants(t, want(200)); c.status == 403 && a.sessionCookie(t) != nil {
				t.Error("a visitor's session was started")
			}
		})
	}
	t.Run("CSR-01 S15 an Origin that is not the Host", func(t *testing.T) {
		w := serve(s.Handler(s.mux), "POST", "/me", "Origin", s.URL, "Cookie", cookieName+"="+b.token())
		if w.Code != http.StatusForbidden {
			t.Fatalf("status %d", w.Code)
		}
		w = serve(s.Handler(s.mux), "POST", "/me", "Origin", "https://shop.example", "Cookie", cookieName+"="+b.token())
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
	})
	t.Run("CSR-01 without a session there is nothing to forge", func(t *testing.T) {
		s.browser(t).do("POST /me", "Sec-Fetch-Site", "cross-site").wants(t, http.StatusUnauthorized)
		s.browser(t).do("POST /me", "Sec-Fetch-Site", "cross-site", "Cookie", cookieName+"="+strings.Repeat("A", 59)).wants(t, http.StatusUnauthorized)
	})
	t.Run("CSR-04 a trusted origin is scheme, host and port", func(t *testing.T) {
		trusting := http.NewCrossOriginProtection()
		if err := trusting.AddTrustedOrigin("https://app.example"); err != nil {
			t.Fatal(err)
		}
		s := newSite(t, nil, session.Config{CrossOrigin: trusting})
		b := s.signedIn(t)
		b.do("POST /me", "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example").wants(t, 200)
		b.do("POST /me", "Sec-Fetch-Site", "cross-site", "Origin", "http://app.example").wants(t, 403)
		b.do("POST /me", "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example:444").wants(t, 403)
		b.do("POST /me", "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.evil.example").wants(t, 403)
	})
	t.Run("CSR-06 GET and HEAD neither sign in nor out by our handlers", func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
			w := serve(s.SignOutHandler(), method, "/logout", "Cookie", cookieName+"="+b.token())
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" || w.Header()["Set-Cookie"] != nil {
				t.Errorf("%s: %d %v", method, w.Code, w.Header())
			}
		}
		b.do("GET /me").wants(t, 200)
	})
}

// TestCrossOriginAgrees: the check takes short cuts, and none that the standard
// library would not have taken.
func TestCrossOriginAgrees(t *testing.T) {
	theirs := http.NewCrossOriginProtection()
	if err := theirs.AddTrustedOrigin("https://pay.example"); err != nil {
		t.Fatal(err)
	}
	theirs.AddInsecureBypassPattern("POST /hooks")
	m := newManager(t, nil, session.Config{CrossOrigin: theirs})
	c := newCSRF(t, m, session.CSRFConfig{})
	sites := [][]string{nil, {}, {""}, {"same-origin"}, {"none"}, {"same-site"}, {"cross-site"}, {"Same-Origin"}, {" none"}, {"none", "cross-site"}, {"cross-site", "none"}, {"", "cross-site"}}
	origins := [][]string{nil, {}, {""}, {"https://shop.example"}, {"HTTPS://shop.example"}, {"https://shop.example:443"}, {"https://SHOP.example"}, {"https://evil.example"}, {"https://pay.example"}, {"https://"}, {"null"}, {"::"}, {"", "https://evil.example"}, {"https://shop.example", "https://evil.example"}, {"http://shop.example"}, {"ftp://shop.example"}, {"//shop.example"}}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "get", "QUERY", ""} {
		for _, path := range []string{"/", "/hooks"} {
			for _, site := range sites {
				for _, origin := range origins {
					r := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, nil)
					r.Method = method
					r.Header["Sec-Fetch-Site"], r.Header["Origin"] = site, origin
					want := theirs.Check(r)
					// What is refused besides: this host, but not over HTTPS.
					safe := method == "GET" || method == "HEAD" || method == "OPTIONS"
					told := len(site) > 0 && site[0] != ""
					plain := len(origin) > 0 && (strings.HasPrefix(origin[0], "http:") || strings.HasPrefix(origin[0], "ftp:") || strings.HasPrefix(origin[0], "//"))
					refused := want != nil || !safe && !told && plain
					if err := c.Check(r); (err != nil) != refused {
						t.Errorf("%s %s, site %q, origin %q: %v, the standard library says %v", method, path, site, origin, err, want)
					}
				}
			}
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	t.Run("S13 over plain HTTP there is no cookie but a clear error", func(t *testing.T) {
		m := newManager(t, nil, session.Config{})
		var seen error
		srv := httptest.NewServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/put" {
				m.SCS().Put(r.Context(), "x", "y")
				return
			}
			if seen = m.SignIn(w, r, alice()); seen != nil {
				problem.WriteError(w, r, seen)
			}
		})))
		defer srv.Close()
		for _, path := range []string{"/login", "/put"} {
			res, err := http.Post(srv.URL+path, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusInternalServerError || res.Header["Set-Cookie"] != nil {
				t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
			}
		}
		if !errors.Is(seen, session.ErrPlainHTTP) {
			t.Errorf("error %v", seen)
		}
	})
	t.Run("S13 a proxy tells what the client speaks", func(t *testing.T) {
		m := newManager(t, nil, session.Config{})
		for proto, ok := range map[string]bool{"http": false, "HTTP": false, "http, https": false, "https": true, "https, http": true, "": true} {
			r := httptest.NewRequest("POST", "http://10.0.0.1/login", nil)
			if proto != "" {
				r.Header.Set("X-Forwarded-Proto", proto)
			}
			w := httptest.NewRecorder()
			err := m.SignIn(w, r, alice())
			if ok != (err == nil) || !ok && (!errors.Is(err, session.ErrPlainHTTP) || len(w.Header()) != 0) {
				t.Errorf("X-Forwarded-Proto %q: %v", proto, err)
			}
		}
	})
	t.Run("SES-12 InsecureCookie works on loopback", func(t *testing.T) {
		m := newManager(t, nil, session.Config{InsecureCookie: true})
		srv := httptest.NewServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := m.SignIn(w, r, alice()); err != nil {
				t.Error(err)
			}
		})))
		defer srv.Close()
		for _, url := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)} {
			res, err := http.Post(url, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			c := res.Cookies()
			if len(c) != 1 || c[0].Name != "session" || c[0].Secure || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode {
				t.Errorf("%s: %v", url, res.Header)
			}
		}
	})
	t.Run("SES-12 InsecureCookie is refused off loopback", func(t *testing.T) {
		m := newManager(t, nil, session.Config{InsecureCookie: true})
		h := m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") }))
		for name, change := range map[string]func(r *http.Request){
			"peer":              func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" },
			"no peer":           func(r *http.Request) { r.RemoteAddr = "" },
			"host":              func(r *http.Request) { r.Host = "shop.example" },
			"host like it":      func(r *http.Request) { r.Host = "localhost.evil.example" },
			"empty host":        func(r *http.Request) { r.Host = "" },
			"X-Forwarded-For":   func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
			"Forwarded":         func(r *http.Request) { r.Header.Set("Forwarded", "for=127.0.0.1") },
			"X-Forwarded-Proto": func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") },
			"X-Forwarded-Host":  func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "localhost") },
		} {
			r := httptest.NewRequest("POST", "http://localhost:8080/", nil)
			r.RemoteAddr = "127.0.0.1:1234"
			if _, err := m.Authenticate(r); errors.Is(err, session.ErrNotLoopback) {
				t.Fatalf("%s: refused before the change", name)
			}
			change(r)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusInternalServerError || w.Header()["Set-Cookie"] != nil {
				t.Errorf("%s: %d", name, w.Code)
			}
			if _, err := m.Authenticate(r); !errors.Is(err, session.ErrNotLoopback) {
				t.Errorf("%s: Authenticate: %v", name, err)
			}
			if err := m.SignIn(httptest.NewRecorder(), r, alice()); !errors.Is(err, session.ErrNotLoopback) {
				t.Errorf("%s: SignIn: %v", name, err)
			}
		}
		for _, addr := range []string{"[::1]:80", "127.8.9.10", "LOCALHOST", "[::ffff:127.0.0.1]:80"} {
			r := httptest.NewRequest("POST", "http://localhost:8080/", nil)
			r.RemoteAddr, r.Host = "[::1]:1234", addr
			if err := m.SignIn(httptest.NewRecorder(), r, alice()); err != nil {
				t.Errorf("%s: %v", addr, err)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	bad := map[string]session.Config{}
	for _, name := range []string{"session", "__Secure-session", "__host-session", "__HOST-session", "__Host-", "__Host-a b", "__Host-a;b", "__Host-a=b", "__Host-ä", "__Host-\x00", "__Host-a,b", "__Host-" + strings.Repeat("x", 200)} {
		bad["CookieName "+name] = session.Config{CookieName: name}
	}
	for _, name := range []string{"__Host-session", "__host-session", "__Secure-session", "__SECURE-x", "__Http-x", "__Host-Http-x", "a b"} {
		bad["InsecureCookie and "+name] = session.Config{CookieName: name, InsecureCookie: true}
	}
	for name, cfg := range map[string]session.Config{
		"SameSite=None":      {SameSite: http.SameSiteNoneMode},
		"SameSite default":   {SameSite: http.SameSiteDefaultMode},
		"SameSite unknown":   {SameSite: 9},
		"Lifetime negative":  {Lifetime: -1},
		"Lifetime of years":  {Lifetime: 401 * 24 * 3600e9},
		"Lifetime tiny":      {Lifetime: 5},
		"idle > lifetime":    {Lifetime: 60e9, IdleTimeout: 61e9},
		"touch > idle/2":     {IdleTimeout: 60e9, TouchEvery: 31e9},
		"touch negative":     {TouchEvery: -1},
		"touch without idle": {IdleTimeout: -1, TouchEvery: 1},
		"Keep empty name":    {Keep: []string{""}},
		"Landing elsewhere":  {Landing: "https://evil.example/"},
		"Landing relative":   {Landing: "home"},
	} {
		bad[name] = cfg
	}
	for name, cfg := range bad {
		m, err := session.New(nil, cfg)
		if err == nil || m != nil {
			t.Errorf("SES-12 XCT-05 %s: no error", name)
		} else if !strings.HasPrefix(err.Error(), "session: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, cfg := range map[string]session.Config{
		"zero":            {},
		"strict":          {SameSite: http.SameSiteStrictMode},
		"name":            {CookieName: "__Host-staff"},
		"no prefix":       {CookieName: "sid", SkipCookiePrefix: true},
		"short":           {Lifetime: 60e9},
		"insecure":        {InsecureCookie: true, CookieName: "dev"},
		"no idle timeout": {IdleTimeout: -1},
	} {
		if _, err := session.New(nil, cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := session.New(nil, session.Config{Lifetime: -1, SameSite: http.SameSiteNoneMode, CookieName: "x"}); err == nil || strings.Count(err.Error(), "session: ") != 3 {
		t.Errorf("not everything that is wrong is told: %v", err)
	}
	if _, err := session.NewMemoryStore(session.MemoryConfig{MaxSessions: -1}); err == nil {
		t.Error("MaxSessions -1: no error")
	}
	t.Run("SES-12 the cookie of the zero Config", func(t *testing.T) {
		for want, cfg := range map[string]session.Config{
			"__Host-session=%s; Path=/; HttpOnly; Secure; SameSite=Lax":  {},
			"__Host-staff=%s; Path=/; HttpOnly; Secure; SameSite=Strict": {CookieName: "__Host-staff", SameSite: http.SameSiteStrictMode},
		} {
			m := newManager(t, nil, cfg)
			w := httptest.NewRecorder()
			if err := m.SignIn(w, httptest.NewRequest("POST", "https://shop.example/", nil), alice()); err != nil {
				t.Fatal(err)
			}
			got := w.Header().Get("Set-Cookie")
			_, value, _ := strings.Cut(got, "=")
			if got != fmt.Sprintf(want, value[:59]) {
				t.Errorf("%s", got)
			}
		}
	})
}
