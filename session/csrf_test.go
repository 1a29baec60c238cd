package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

const visitorCookie = cookieName + "-csrf"

// A formSite is a service whose forms have tokens. GET /form shows one, POST
// /send wants it and echoes what it was sent; the two ways of a newSite are there
// as well. POST /renew signs in again.
type formSite struct {
	*site
	csrf   *session.CSRF
	events []auth.Event
}

func newFormSite(t testing.TB, store session.Store, cfg session.CSRFConfig) *formSite {
	t.Helper()
	f := &formSite{}
	f.site = newSite(t, store, session.Config{OnEvent: func(_ context.Context, e auth.Event) { f.events = append(f.events, e) }})
	f.csrf = newCSRF(t, f.Manager, cfg)
	f.mux.HandleFunc("GET /form", func(w http.ResponseWriter, r *http.Request) {
		text, err := f.csrf.Token(r)
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		_, _ = io.WriteString(w, text)
	})
	f.mux.HandleFunc("GET /form-and-value", func(w http.ResponseWriter, r *http.Request) {
		text, err := f.csrf.Token(r)
		if err != nil {
			t.Error(err)
		}
		f.SCS().Put(r.Context(), "return_to", "/orders")
		_, _ = io.WriteString(w, text)
	})
	f.mux.Handle("/send", f.csrf.RequireToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Form != nil || r.PostForm != nil {
			t.Error("the form has been parsed")
		}
		_, _ = io.Copy(w, r.Body)
	})))
	f.mux.Handle("POST /signin", f.csrf.RequireToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.SignIn(w, r, alice()); err != nil {
			problem.WriteError(w, r, err)
		}
	})))
	return f
}

func newCSRF(t testing.TB, m *session.Manager, cfg session.CSRFConfig) *session.CSRF {
	t.Helper()
	c, err := session.NewCSRF(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// form is the token that the site shows to b.
func (b *browser) form(t testing.TB) string {
	t.Helper()
	return b.do("GET /form").wants(t, http.StatusOK).body
}

// post sends a body of a content type.
func (b *browser) post(path, contentType, content string, header ...string) answer {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodPost, b.site.URL+path, strings.NewReader(content))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return answer{res, string(text)}
}

const urlencoded = "application/x-www-form-urlencoded"

// submit sends a form with a token.
func (b *browser) submit(path, token string) answer {
	b.t.Helper()
	return b.post(path, urlencoded, "a=1&csrf_token="+url.QueryEscape(token)+"&b=2")
}

func (a answer) wantsCode(t testing.TB, status int, code problem.Code) {
	t.Helper()
	if a.wants(t, status); !strings.Contains(a.body, `"code":"`+string(code)+`"`) {
		t.Fatalf("body %s, want code %s", a.body, code)
	}
}

func TestCSRFOrigin(t *testing.T) {
	m := newManager(t, nil, session.Config{})
	ran := false
	h := newCSRF(t, m, session.CSRFConfig{}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true }))
	for _, c := range []struct {
		name   string
		ok     bool
		header []string
	}{
		{"no headers: not a browser", true, nil},
		{"same-origin", true, []string{"Sec-Fetch-Site", "same-origin"}},
		{"typed by the user", true, []string{"Sec-Fetch-Site", "none"}},
		{"cross-site", false, []string{"Sec-Fetch-Site", "cross-site"}},
		{"same-site", false, []string{"Sec-Fetch-Site", "same-site"}},
		{"unknown", false, []string{"Sec-Fetch-Site", "elsewhere"}},
		{"cross-site with a matching Origin", false, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://shop.example"}},
		{"Origin", true, []string{"Origin", "https://shop.example"}},
		{"Origin null", false, []string{"Origin", "null"}},
		{"CSR-04 Origin http", false, []string{"Origin", "http://shop.example"}},
		{"CSR-04 Origin of another scheme", false, []string{"Origin", "ftp://shop.example"}},
		{"CSR-04 Origin with a port", false, []string{"Origin", "https://shop.example:444"}},
		{"another host", false, []string{"Origin", "https://evil.example"}},
		{"longer host", false, []string{"Origin", "https://shop.example.evil.example"}},
	} {
		t.Run("CSR-01 CSR-02 S15 without any session: "+c.name, func(t *testing.T) {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "get", "TRACE", "PROPFIND"} {
				ran = false
				w := serve(h, method, "/login", c.header...)
				if ran != c.ok || (w.Code == 200) != c.ok {
					t.Errorf("%s: %d", method, w.Code)
				}
				if !c.ok && (w.Code != 403 || !strings.Contains(w.Body.String(), `"code":"CROSS_ORIGIN"`)) {
					t.Errorf("%s: %d %s", method, w.Code, w.Body)
				}
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				if ran = false; serve(h, method, "/login", c.header...).Code != 200 || !ran {
					t.Errorf("%s was refused", method)
				}
			}
		})
	}
	t.Run("CSR-04 trusted origins are those of the Manager", func(t *testing.T) {
		trusting := http.NewCrossOriginProtection()
		if err := trusting.AddTrustedOrigin("https://app.example"); err != nil {
			t.Fatal(err)
		}
		c := newCSRF(t, newManager(t, nil, session.Config{CrossOrigin: trusting}), session.CSRFConfig{})
		for origin, ok := range map[string]bool{"https://app.example": true, "http://app.example": false, "https://app.example:444": false} {
			r := httptest.NewRequest("POST", "https://shop.example/", nil)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", origin)
			if err := c.Check(r); ok != (err == nil) || !ok && !errors.Is(err, session.ErrCrossOrigin) {
				t.Errorf("%s: %v", origin, err)
			}
		}
	})
	t.Run("XCT-05 the zero CSRF refuses", func(t *testing.T) {
		var zero session.CSRF
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("admitted") })
		for _, h := range []http.Handler{zero.Handler(next), zero.RequireToken(next)} {
			for _, method := range []string{"GET", "POST"} {
				if w := serve(h, method, "/"); w.Code != 500 {
					t.Errorf("%s: %d", method, w.Code)
				}
			}
		}
		r := httptest.NewRequest("GET", "/", nil)
		if _, err := zero.Token(r); err == nil {
			t.Error("Token: no error")
		}
		if _, err := zero.Field(r); err == nil {
			t.Error("Field: no error")
		}
		if err := zero.CheckToken(r, ""); err == nil {
			t.Error("CheckToken: no error")
		}
	})
	t.Run("ErrorHandler and events", func(t *testing.T) {
		var event auth.Event
		var handled error
		m := newManager(t, nil, session.Config{
			OnEvent:      func(_ context.Context, e auth.Event) { event = e },
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(418) },
		})
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		if w := serve(newCSRF(t, m, session.CSRFConfig{}).Handler(next), "POST", "/", "Origin", "null"); w.Code != 418 {
			t.Errorf("not answered as the Manager does: %d", w.Code)
		}
		if event.Kind != session.EventForged || !errors.Is(event.Err, session.ErrCrossOrigin) {
			t.Errorf("event %+v", event)
		}
		own := session.CSRFConfig{ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { handled = err }}
		serve(newCSRF(t, m, own).RequireToken(next), "POST", "/")
		if !errors.Is(handled, session.ErrCSRFToken) || !errors.Is(event.Err, session.ErrCSRFToken) {
			t.Errorf("handled %v, event %+v", handled, event)
		}
	})
}

func TestCSRFSkipRoutes(t *testing.T) {
	m := newManager(t, nil, session.Config{})
	c := newCSRF(t, m, session.CSRFConfig{SkipRoutes: []string{"POST /hooks/payment", "PUT /drop/"}})
	ran := ""
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { ran = r.URL.Path })
	mux.HandleFunc("/hooks/payment", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/hooks/payment/{$}", func(_ http.ResponseWriter, r *http.Request) { ran = "slash" })
	cross := []string{"Sec-Fetch-Site", "cross-site"}
	for name, h := range map[string]http.Handler{"Handler": c.Handler(mux), "RequireToken": c.RequireToken(mux)} {
		for _, route := range []string{"POST /hooks/payment", "POST /hooks/payment?x=/y", "PUT /drop/"} {
			method, path, _ := strings.Cut(route, " ")
			if w := serve(h, method, path, cross...); w.Code != 200 {
				t.Errorf("%s %s: %d", name, route, w.Code)
			}
		}
		// The negative space, see CVE-2025-47910.
		for _, route := range []string{
			"POST /hooks/payment/", "POST //hooks/payment", "POST /hooks//payment", "POST /hooks/./payment", "POST /hooks/x/../payment",
			"POST /Hooks/payment", "POST /hooks/PAYMENT", "POST /hooks/paymen%74", "POST /hooks%2Fpayment", "POST /hooks/payment%2F",
			"POST /hooks/payment%00", "POST /hooks/payment;x", "POST /hooks/payment%3Fx", "POST /hooks/payment.", "POST /hooks/payment%20",
			"POST /hooks", "POST /hooks/", "POST /", "POST /x/hooks/payment", "POST /?/hooks/payment", "POST /hooks/payments",
			"PUT /hooks/payment", "DELETE /hooks/payment", "post /hooks/payment", "PUT /drop", "PUT /drop/x", "PUT /drop//", "POST /drop/",
		} {
			method, path, _ := strings.Cut(route, " ")
			ran = ""
			w := serve(h, method, path, cross...)
			if w.Code != 403 || ran != "" {
				t.Errorf("CSR-01 %s %s: %d, %q ran", name, route, w.Code, ran)
			}
		}
	}
	t.Run("a redirect does not carry the exemption along", func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/hooks/payment/", func(http.ResponseWriter, *http.Request) { ran = "target" })
		h := c.Handler(mux)
		w := serve(h, "POST", "/hooks/payment", cross...)
		to := w.Header().Get("Location")
		if w.Code/100 != 3 || to != "/hooks/payment/" {
			t.Fatalf("%d %q", w.Code, to)
		}
		if ran = ""; serve(h, "POST", to, cross...).Code != 403 || ran != "" {
			t.Error("the target of the redirect is exempt")
		}
	})
	t.Run("an exempt route does not make the cookie a credential of other origins", func(t *testing.T) {
		s := newFormSite(t, nil, session.CSRFConfig{SkipRoutes: []string{"POST /me"}})
		b := s.signedIn(t)
		h := s.Handler(s.csrf.Handler(s.mux))
		if w := serve(h, "POST", "/me", "Sec-Fetch-Site", "cross-site", "Cookie", cookieName+"="+b.token()); w.Code != 403 {
			t.Errorf("%d", w.Code)
		}
	})
	t.Run("XCT-05 a mistake is an error", func(t *testing.T) {
		for _, bad := range []string{
			"", "/hook", "POST", "POST ", " /hook", "post /hook", "POST hook", "POST /{id}", "POST /hooks/{path...}", "POST /{$}", "POST /a*", "POST //hook",
			"POST /a/../b", "POST /a/.", "POST /a%20b", "POST shop.example/hook", "POST /a b", "GET /hook", "HEAD /x", "OPTIONS /x", "POST /a?b", "POST /ü", "* /x",
		} {
			if c, err := session.NewCSRF(m, session.CSRFConfig{SkipRoutes: []string{"POST /good", bad}}); err == nil || c != nil || !strings.Contains(err.Error(), "SkipRoutes") {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if _, err := session.NewCSRF(nil, session.CSRFConfig{}); err == nil {
			t.Error("no Manager: no error")
		}
		_, err := session.NewCSRF(m, session.CSRFConfig{SkipRoutes: []string{"x", "y"}, MaxForm: -1})
		if err == nil || strings.Count(err.Error(), "session: ") != 3 {
			t.Errorf("not everything that is wrong is told: %v", err)
		}
	})
}

func TestCSRFToken(t *testing.T) {
	s := newFormSite(t, nil, session.CSRFConfig{})
	t.Run("CSR-03 a token of the session is good, in a field and in a header", func(t *testing.T) {
		b := s.signedIn(t)
		token := b.form(t)
		for range 2 {
			b.submit("/send", token).wants(t, 200)
			b.do("POST /send", "X-CSRF-Token", token).wants(t, 200)
			b.do("DELETE /send", "x-csrf-token", token).wants(t, 200)
		}
		b.do("GET /send").wants(t, 200)
	})
	t.Run("CSR-03 BREACH: a token looks different each time and never shows the cookie", func(t *testing.T) {
		b := s.signedIn(t)
		seen := make(map[string]bool)
		var columns [86]map[byte]bool
		for range 100 {
			token := b.form(t)
			if seen[token] || len(token) != len(columns) || strings.Contains(token, b.token()) {
				t.Fatalf("token %q", token)
			}
			seen[token] = true
			for i := range columns {
				if columns[i] == nil {
					columns[i] = make(map[byte]bool)
				}
				columns[i][token[i]] = true
			}
			b.submit("/send", token).wants(t, 200)
		}
		for i, c := range columns[:85] {
			if len(c) < 10 {
				t.Errorf("character %d is one of %d in 100 tokens", i, len(c))
			}
		}
	})
	refused := func(t *testing.T, b *browser, token string) {
		t.Helper()
		b.submit("/send", token).wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.do("POST /send", "X-CSRF-Token", token).wantsCode(t, 403, problem.CSRFTokenInvalid)
		r := httptest.NewRequest("POST", s.URL+"/send", nil)
		r.Header.Set("Cookie", cookieName+"="+b.token())
		if err := s.csrf.CheckToken(r, token); !errors.Is(err, session.ErrCSRFToken) {
			t.Errorf("CheckToken: %v", err)
		}
	}
	t.Run("CSR-03 S16 no token, of another session, of a visitor, truncated, changed", func(t *testing.T) {
		b := s.signedIn(t)
		token := b.form(t)
		b.do("POST /send").wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.post("/send", urlencoded, "a=1").wantsCode(t, 403, problem.CSRFTokenInvalid)
		refused(t, b, s.signedIn(t).form(t))
		refused(t, b, s.browser(t).form(t))
		refused(t, b, "")
		refused(t, b, b.token())
		refused(t, b, token+"A")
		refused(t, b, token+"=")
		refused(t, b, token[:85])
		refused(t, b, token[:43])
		refused(t, b, strings.Repeat("A", 86))
		refused(t, b, strings.Repeat("!", 86))
		refused(t, b, token[:85]+string(token[85]+1)) // the bits that a canonical encoding leaves zero
		for _, i := range []int{0, 1, 42, 43, 44, 84} {
			changed := []byte(token)
			changed[i] = map[bool]byte{true: 'B', false: 'A'}[changed[i] == 'A']
			refused(t, b, string(changed))
		}
		b.submit("/send", token).wants(t, 200)
	})
	t.Run("CSR-03 S16 a token with line breaks is none", func(t *testing.T) {
		b := s.signedIn(t)
		token := b.form(t)
		for _, bad := range []string{token[:84] + "\r\n", token[:85] + "\n", token + "\n", "\n" + token} {
			b.submit("/send", bad).wantsCode(t, 403, problem.CSRFTokenInvalid)
		}
	})
	t.Run("CSR-03 S16 line breaks do not stand for bytes that are zero", func(t *testing.T) {
		b := s.signedIn(t)
		var token string
		serve(s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range 20_000 {
				if token, _ = s.csrf.Token(r); strings.HasSuffix(token, "AA") {
					return
				}
			}
			t.Error("no token ends so")
		})), "GET", "/", "Cookie", cookieName+"="+b.token())
		refused(t, b, token[:85])
		b.submit("/send", token[:84]+"\r\n").wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.submit("/send", token).wants(t, 200)
	})
	t.Run("CSR-03 S16 a token in a cookie or in the query only", func(t *testing.T) {
		b := s.signedIn(t)
		token := b.form(t)
		b.do("POST /send?csrf_token="+token).wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.post("/send?csrf_token="+token, urlencoded, "a=1").wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.do("POST /send?X-CSRF-Token="+token).wantsCode(t, 403, problem.CSRFTokenInvalid)
		for _, name := range []string{"csrf_token", "X-CSRF-Token", visitorCookie, "csrf"} {
			h := s.Handler(s.mux)
			w := serve(h, "POST", "/send", "Cookie", cookieName+"="+b.token()+"; "+name+"="+token)
			if w.Code != 403 {
				t.Errorf("in the cookie %s: %d", name, w.Code)
			}
		}
	})
	t.Run("CSR-03 S16 the sign-in ends the tokens of before, the sign-out those of the session", func(t *testing.T) {
		b := s.browser(t)
		visitor := b.form(t)
		b.submit("/signin", visitor).wants(t, 204)
		refused(t, b, visitor)
		member := b.form(t)
		b.submit("/send", member).wants(t, 200)
		b.submit("/signin", member).wants(t, 204) // again: another id
		refused(t, b, member)
		member = b.form(t)
		b.do("POST /logout").wants(t, 204)
		refused(t, b, member)
		b.submit("/send", b.form(t)).wants(t, 200)
	})
	t.Run("CSR-03 S16 a visitor's session of before the sign-in, too", func(t *testing.T) {
		b := s.browser(t)
		b.do("POST /put?x=1").wants(t, 200)
		token := b.form(t)
		if b.cookie(visitorCookie) != "" {
			t.Error("a second cookie beside that of the session")
		}
		b.submit("/signin", token).wants(t, 204)
		refused(t, b, token)
	})
	t.Run("CSR-03 a header decides alone, and doubled tokens are none", func(t *testing.T) {
		b := s.signedIn(t)
		token := b.form(t)
		b.post("/send", urlencoded, "csrf_token="+token, "X-CSRF-Token", "wrong").wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.post("/send", urlencoded, "csrf_token="+token, "X-CSRF-Token", "").wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.do("POST /send", "X-CSRF-Token", token, "X-CSRF-Token", token).wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.post("/send", urlencoded, "csrf_token="+token+"&csrf_token="+token).wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.post("/send", urlencoded, "csrf_token="+token+"&csrf%5Ftoken=x").wantsCode(t, 403, problem.CSRFTokenInvalid)
		b.post("/send", urlencoded, "csrf_token=%&csrf_token2="+token).wantsCode(t, 403, problem.CSRFTokenInvalid)
	})
	t.Run("CSR-01 a token does not help a request of another origin", func(t *testing.T) {
		b := s.signedIn(t)
		b.do("POST /send", "X-CSRF-Token", b.form(t), "Sec-Fetch-Site", "cross-site").wantsCode(t, 403, problem.CrossOrigin)
	})
	t.Run("a page with a token is for nobody else", func(t *testing.T) {
		for name, b := range map[string]*browser{"visitor": s.browser(t), "member": s.signedIn(t)} {
			a := b.do("GET /form")
			if a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Header.Get("Vary"), "Cookie") {
				t.Errorf("%s: %v", name, a.Header)
			}
		}
		h := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=60")
			if _, err := s.csrf.Token(r); err != nil {
				t.Error(err)
			}
		}))
		if w := serve(h, "GET", "/", "Cookie", cookieName+"="+s.signedIn(t).token()); w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v", w.Header())
		}
	})
	t.Run("PWD-15 no token and no cookie in events", func(t *testing.T) {
		b := s.signedIn(t)
		token := b.form(t)
		b.submit("/send", token[:80]+"AAAAAA").wants(t, 403)
		if len(s.events) == 0 {
			t.Fatal("no events")
		}
		for _, e := range s.events {
			if text := fmt.Sprintf("%+v %v", e, e.Err); strings.Contains(text, token[:80]) || strings.Contains(text, b.token()) {
				t.Errorf("%s", text)
			}
		}
	})
}

// cookie is the value of a cookie of the browser.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.site.URL)
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestCSRFVisitor(t *testing.T) {
	spy := newSpy(t, nil)
	s := newFormSite(t, spy, session.CSRFConfig{})
	t.Run("SES-15 CSR-02 a visitor's token is bound to a cookie of its own, and nothing is stored", func(t *testing.T) {
		b := s.browser(t)
		a := b.do("GET /form").wants(t, 200)
		lines := a.Header["Set-Cookie"]
		if len(lines) != 1 || !regexp.MustCompile(`^__Host-session-csrf=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`).MatchString(lines[0]) {
			t.Fatalf("%q", lines)
		}
		again := b.do("GET /form").wants(t, 200)
		if again.Header["Set-Cookie"] != nil {
			t.Errorf("set again: %q", again.Header["Set-Cookie"])
		}
		b.submit("/send", a.body).wants(t, 200)
		b.submit("/send", again.body).wants(t, 200)
		b.do("POST /send", "X-CSRF-Token", b.cookie(visitorCookie)).wants(t, 403)
		s.browser(t).submit("/send", a.body).wants(t, 403)
		other := s.browser(t)
		other.form(t)
		other.submit("/send", a.body).wants(t, 403)
		if spy.Len() != 0 || spy.writes.Load() != 0 || spy.finds.Load() != 0 {
			t.Errorf("%d sessions, %d writes, %d finds", spy.Len(), spy.writes.Load(), spy.finds.Load())
		}
	})
	t.Run("a session that the page itself starts for a visitor does not end its token", func(t *testing.T) {
		b := s.browser(t)
		token := b.do("GET /form-and-value").wants(t, 200).body
		if b.token() == "" {
			t.Fatal("no session")
		}
		b.submit("/send", token).wants(t, 200)
		b.submit("/send", b.form(t)).wants(t, 200)
		b.submit("/signin", token).wants(t, 204)
		b.submit("/send", token).wants(t, 403)
	})
	t.Run("neither does one that starts over an expired one", func(t *testing.T) {
		b := s.signedIn(t)
		member := b.form(t)
		stale := b.token()
		b.site.endAll(t, spy)
		b.submit("/send", member).wants(t, 200) // nothing is open to whom has no session; see CheckToken
		token := b.do("GET /form-and-value").wants(t, 200).body
		if b.token() == stale {
			t.Fatal("no new session")
		}
		b.submit("/send", token).wants(t, 200)
		b.submit("/send", member).wants(t, 403)
	})
	t.Run("two tokens of one page share the cookie", func(t *testing.T) {
		var tokens []string
		h := s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range 3 {
				text, err := s.csrf.Token(r)
				if err != nil {
					t.Error(err)
				}
				tokens = append(tokens, text)
			}
		}))
		lines := serve(h, "GET", "/").Header()["Set-Cookie"]
		if len(lines) != 1 {
			t.Fatalf("%q", lines)
		}
		pair, _, _ := strings.Cut(lines[0], ";")
		for _, token := range tokens {
			r := httptest.NewRequest("POST", "https://shop.example/", nil)
			r.Header.Set("Cookie", pair)
			if err := s.csrf.CheckToken(r, token); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a token that is made right after the sign-in, or the sign-out, is one of what follows", func(t *testing.T) {
		var token string
		do := func(f func(ctx context.Context) error) http.Handler {
			return s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				err := f(r.Context())
				if err == nil {
					token, err = s.csrf.Token(r)
				}
				if err != nil {
					t.Error(err)
				}
			}))
		}
		w := serve(do(func(ctx context.Context) error { return s.Begin(ctx, alice()) }), "POST", "/")
		pair, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		if w := serve(s.Handler(s.mux), "POST", "/send", "Cookie", pair, "X-CSRF-Token", token); w.Code != 200 {
			t.Errorf("after the sign-in: %d", w.Code)
		}
		w = serve(do(s.SignOut), "POST", "/", "Cookie", pair)
		var visitor string
		for _, line := range w.Header()["Set-Cookie"] {
			if strings.HasPrefix(line, visitorCookie) {
				visitor, _, _ = strings.Cut(line, ";")
			}
		}
		if w := serve(s.Handler(s.mux), "POST", "/send", "Cookie", visitor, "X-CSRF-Token", token); w.Code != 200 {
			t.Errorf("after the sign-out: %d %q", w.Code, visitor)
		}
	})
	t.Run("SES-13 two cookies, or one of another form, are none", func(t *testing.T) {
		b := s.browser(t)
		token := b.form(t)
		good := visitorCookie + "=" + b.cookie(visitorCookie)
		for cookies, status := range map[string]int{
			good: 200, good + "; " + good: 403, good + "; " + visitorCookie + "=x": 403, good + "x": 403, visitorCookie + "=": 403, "": 403,
			"x" + good: 403, cookieName + "=" + b.cookie(visitorCookie): 403,
		} {
			if w := serve(s.Handler(s.mux), "POST", "/send", "Cookie", cookies, "X-CSRF-Token", token); w.Code != status {
				t.Errorf("%q: %d, want %d", cookies, w.Code, status)
			}
		}
	})
	t.Run("a cookie that is not ours is replaced", func(t *testing.T) {
		for _, value := range []string{"", "x", strings.Repeat("A", 42), strings.Repeat("A", 44)} {
			if w := serve(s.Handler(s.mux), "GET", "/form", "Cookie", visitorCookie+"="+value); len(w.Header()["Set-Cookie"]) != 1 {
				t.Errorf("%q was kept", value)
			}
		}
	})
	t.Run("without Handler, too late, from elsewhere, over plain HTTP: an error that says so", func(t *testing.T) {
		if _, err := s.csrf.Token(httptest.NewRequest("GET", "https://shop.example/", nil)); !errors.Is(err, session.ErrNoHandler) {
			t.Errorf("without Handler: %v", err)
		}
		var err error
		late := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "<form>")
			_, err = s.csrf.Field(r)
		}))
		if serve(late, "GET", "/"); !errors.Is(err, session.ErrCommitted) {
			t.Errorf("after the first byte: %v", err)
		}
		b := s.signedIn(t)
		if serve(late, "GET", "/", "Cookie", cookieName+"="+b.token()); err != nil {
			t.Errorf("after the first byte, with a session: %v", err)
		}
		h := s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = s.csrf.Token(r) }))
		if w := serve(h, "POST", "/", "Sec-Fetch-Site", "cross-site"); !errors.Is(err, session.ErrCrossOrigin) || w.Header()["Set-Cookie"] != nil {
			t.Errorf("from another origin: %v", err)
		}
		if serve(h, "GET", "/", "X-Forwarded-Proto", "http"); err != nil {
			t.Errorf("over TLS: %v", err)
		}
		r := httptest.NewRequest("GET", "http://shop.example/", nil)
		r.Header.Set("X-Forwarded-Proto", "http")
		if h.ServeHTTP(httptest.NewRecorder(), r); !errors.Is(err, session.ErrPlainHTTP) {
			t.Errorf("over plain HTTP: %v", err)
		}
	})
	t.Run("a store that fails is a 503, for the page and for the form", func(t *testing.T) {
		b := s.signedIn(t)
		spy.Fail("find", errStore)
		defer spy.Fail("find", nil)
		b.do("GET /form").wants(t, 503)
		v := s.browser(t)
		token := v.form(t)
		w := serve(s.Handler(s.mux), "POST", "/send", "Cookie", cookieName+"="+b.token()+"; "+visitorCookie+"="+v.cookie(visitorCookie), "X-CSRF-Token", token)
		if w.Code != 503 {
			t.Errorf("%d", w.Code)
		}
	})
}

// endAll ends every session in the store, as from elsewhere.
func (s *site) endAll(t testing.TB, spy *spyStore) {
	t.Helper()
	for _, id := range spy.ids {
		if id == (session.ID{}) {
			continue
		}
		if err := spy.Store.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCSRFForm(t *testing.T) {
	s := newFormSite(t, nil, session.CSRFConfig{MaxForm: 1000})
	b := s.signedIn(t)
	token := b.form(t)
	t.Run("the handler reads the body as if nobody had, without the token", func(t *testing.T) {
		for sent, want := range map[string]string{
			"a=1&csrf_token=T&b=2":                      "a=1&b=2",
			"csrf_token=T":                              "",
			"csrf_token=T&a=1":                          "a=1",
			"a=1&csrf_token=T":                          "a=1",
			"a=%ff;&&b&csrf_token=T":                    "a=%ff;&&b",
			"&csrf_token=T&":                            "&",
			"csrf%5Ftoken=T&a=+%20x":                    "a=+%20x",
			"csrf_token2=x&x=csrf_token&csrf_toke%6e=T": "csrf_token2=x&x=csrf_token",
		} {
			a := b.post("/send", urlencoded+"; charset=utf-8", strings.ReplaceAll(sent, "T", token)).wants(t, 200)
			if a.body != want {
				t.Errorf("%q: %q, want %q", sent, a.body, want)
			}
		}
	})
	t.Run("XCT-10 a handler that refuses unknown fields and parsed forms", func(t *testing.T) {
		var in struct {
			Email string `json:"email"`
			Age   int    `json:"age"`
		}
		var header string
		h := s.csrf.RequireToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header = r.Header.Get("Content-Length")
			if err := body.Decode(w, r, &in, 0); err != nil {
				problem.WriteError(w, r, err)
			}
		}))
		send := func(contentType, content string, header ...string) int {
			r := httptest.NewRequest("POST", "https://shop.example/", strings.NewReader(content))
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Content-Length", fmt.Sprint(len(content)))
			r.Header.Set("Cookie", cookieName+"="+b.token())
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if code := send(urlencoded, "email=alice%40example.com&csrf_token="+token+"&age=7"); code != 200 || in.Email != "alice@example.com" || in.Age != 7 {
			t.Errorf("form: %d %+v", code, in)
		}
		if want := fmt.Sprint(len("email=alice%40example.com&age=7")); header != want {
			t.Errorf("Content-Length %s, want %s", header, want)
		}
		if code := send("application/json", `{"email":"bob@example.com"}`, "X-CSRF-Token", token); code != 200 || in.Email != "bob@example.com" {
			t.Errorf("JSON: %d %+v", code, in)
		}
		if code := send("application/json", `{"csrf_token":"`+token+`"}`); code != 403 {
			t.Errorf("a token in JSON: %d", code)
		}
	})
	t.Run("XCT-10 a form is bounded", func(t *testing.T) {
		pad := func(n int) string {
			return "csrf_token=" + token + "&x=" + strings.Repeat("y", n-len("csrf_token=&x=")-len(token))
		}
		b.post("/send", urlencoded, pad(1000)).wants(t, 200)
		b.post("/send", urlencoded, pad(1001)).wantsCode(t, 413, problem.BodyTooLarge)
		for n, status := range map[int]int{1000: 200, 1001: 413} {
			r := httptest.NewRequest("POST", "https://shop.example/send", io.MultiReader(strings.NewReader(pad(n)))) // no length
			r.Header.Set("Content-Type", urlencoded)
			r.Header.Set("Cookie", cookieName+"="+b.token())
			w := httptest.NewRecorder()
			if s.Handler(s.mux).ServeHTTP(w, r); w.Code != status {
				t.Errorf("%d bytes of no announced length: %d", n, w.Code)
			}
		}
		b.post("/send", "text/plain", strings.Repeat("x", 1<<20), "X-CSRF-Token", token).wants(t, 200)
		r := httptest.NewRequest("POST", "https://shop.example/send", failing{})
		r.Header.Set("Content-Type", urlencoded)
		r.Header.Set("Cookie", cookieName+"="+b.token())
		w := httptest.NewRecorder()
		if s.Handler(s.mux).ServeHTTP(w, r); w.Code != 400 || !strings.Contains(w.Body.String(), "BODY_INVALID") {
			t.Errorf("a body that breaks off: %d %s", w.Code, w.Body)
		}
		unread := httptest.NewRequest("POST", "https://shop.example/send", failing{})
		unread.Header.Set("Content-Type", urlencoded)
		unread.ContentLength = 1001
		w = httptest.NewRecorder()
		if s.Handler(s.mux).ServeHTTP(w, unread); w.Code != 413 {
			t.Errorf("a body that is announced as too large is read: %d", w.Code)
		}
		standard := newFormSite(t, nil, session.CSRFConfig{})
		b := standard.signedIn(t)
		long := "csrf_token=" + b.form(t) + "&x="
		b.post("/send", urlencoded, long+strings.Repeat("y", session.DefaultMaxForm-len(long))).wants(t, 200)
		b.post("/send", urlencoded, long+strings.Repeat("y", session.DefaultMaxForm-len(long)+1)).wants(t, 413)
	})
	t.Run("of a multipart form the first field is read, and the form is whole", func(t *testing.T) {
		whole := func(fields ...string) (contentType, content string) {
			var buf bytes.Buffer
			mw := multipart.NewWriter(&buf)
			for i := 0; i < len(fields); i += 2 {
				if fields[i] == "file" {
					part, _ := mw.CreateFormFile("file", "csrf_token")
					_, _ = io.WriteString(part, fields[i+1])
					continue
				}
				_ = mw.WriteField(fields[i], fields[i+1])
			}
			_ = mw.Close()
			return mw.FormDataContentType(), buf.String()
		}
		file := strings.Repeat("0123456789", 100_000)
		for name, c := range map[string]struct {
			fields []string
			status int
		}{
			"first":                        {[]string{"csrf_token", token, "file", file}, 200},
			"alone":                        {[]string{"csrf_token", token}, 200},
			"second":                       {[]string{"a", "1", "csrf_token", token}, 403},
			"of another name":              {[]string{"x", token}, 403},
			"none":                         {[]string{"file", file}, 403},
			"wrong":                        {[]string{"csrf_token", token[:80], "file", file}, 403},
			"longer":                       {[]string{"csrf_token", token + "A", "file", file}, 403},
			"much longer":                  {[]string{"csrf_token", token + file, "a", "1"}, 403},
			"the first is a file so named": {[]string{"file", token}, 403},
		} {
			contentType, content := whole(c.fields...)
			a := b.post("/send", contentType, content).wants(t, c.status)
			if c.status == 200 && a.body != content {
				t.Errorf("%s: the body was changed", name)
			}
		}
		_, content := whole("csrf_token", token)
		for _, contentType := range []string{"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x", "multipart/mixed; boundary=x", "", "x", "text/plain"} {
			b.post("/send", contentType, content).wants(t, 403)
		}
		b.post("/send", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=csrf_token; filename=csrf_token\r\n\r\n"+token+"\r\n--x--").wants(t, 403)
		b.post("/send", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=csrf_token\r\n"+strings.Repeat("A: b\r\n", 1000)+"\r\n"+token+"\r\n--x--").wants(t, 403)
	})
	t.Run("a form that was parsed before is used, but not its query", func(t *testing.T) {
		for name, parse := range map[string]func(r *http.Request){
			"ParseForm":          func(r *http.Request) { _ = r.ParseForm() },
			"ParseMultipartForm": func(r *http.Request) { _ = r.ParseMultipartForm(1 << 20) },
		} {
			ran := false
			h := s.csrf.RequireToken(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ran = r.PostFormValue("a") == "1" }))
			contentType, content := urlencoded, "a=1&csrf_token="+token
			if name == "ParseMultipartForm" {
				contentType = "multipart/form-data; boundary=x"
				content = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n" + token + "\r\n--x--\r\n"
			}
			for path, content := range map[string]string{"/": content, "/?csrf_token=" + token: strings.ReplaceAll(content, token, "")} {
				r := httptest.NewRequest("POST", "https://shop.example"+path, strings.NewReader(content))
				r.Header.Set("Content-Type", contentType)
				r.Header.Set("Cookie", cookieName+"="+b.token())
				parse(r)
				ran = false
				h.ServeHTTP(httptest.NewRecorder(), r)
				if ran != (path == "/") {
					t.Errorf("%s, token in %s: admitted %v", name, path, ran)
				}
			}
		}
		r := httptest.NewRequest("POST", "https://shop.example/", nil)
		r.Body = nil
		r.Header.Set("Content-Type", urlencoded)
		w := httptest.NewRecorder()
		if s.csrf.RequireToken(http.NotFoundHandler()).ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("no body: %d", w.Code)
		}
	})
	t.Run("Field is a hidden field", func(t *testing.T) {
		var field string
		h := s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			html, err := s.csrf.Field(r)
			if err != nil {
				t.Error(err)
			}
			field = string(html)
		}))
		serve(h, "GET", "/", "Cookie", cookieName+"="+b.token())
		m := regexp.MustCompile(`^<input type="hidden" name="csrf_token" value="([A-Za-z0-9_-]{86})">$`).FindStringSubmatch(field)
		if m == nil {
			t.Fatal(field)
		}
		b.submit("/send", m[1]).wants(t, 200)
	})
}

// failing is a body of which nothing comes.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCSRFExplicit(t *testing.T) {
	m := newManager(t, nil, session.Config{})
	c := newCSRF(t, m, session.CSRFConfig{})
	method := ""
	bearer := auth.AuthenticatorFunc(func(r *http.Request) (*auth.Principal, error) {
		switch r.Header.Get("Authorization") {
		case "":
			return nil, auth.ErrNoCredentials
		case "Bearer good":
			return &auth.Principal{Subject: "u-bob", Method: method}, nil
		}
		return nil, auth.ErrInvalidCredentials
	})
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = io.WriteString(w, p.Subject)
	})
	w := httptest.NewRecorder()
	if err := m.SignIn(w, httptest.NewRequest("POST", "https://shop.example/", nil), alice()); err != nil {
		t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	gate := auth.Require(m, bearer)
	behind := m.Handler(gate(c.RequireToken(who)))
	infront := m.Handler(c.RequireToken(gate(who)))
	for _, tc := range []struct {
		name, method  string
		authorization string
		cookie, cross bool
		status        int
		who           string
	}{
		{"a token alone", auth.MethodJWT, "Bearer good", false, false, 200, "u-bob"},
		{"a key alone", auth.MethodAPIKey, "Bearer good", false, false, 200, "u-bob"},
		{"a token and a cookie: the token decides", auth.MethodJWT, "Bearer good", true, false, 200, "u-bob"},
		{"a token and a cookie, of another origin", auth.MethodJWT, "Bearer good", true, true, 200, "u-bob"},
		{"a bad token and a cookie: no way back to the cookie", auth.MethodJWT, "Bearer bad", true, false, 401, ""},
		{"a cookie alone wants a CSRF token", auth.MethodJWT, "", true, false, 403, ""},
		{"a cookie alone, of another origin", auth.MethodJWT, "", true, true, 403, ""},
		{"neither", auth.MethodJWT, "", false, false, 401, ""},
		{"a method that is not known to be explicit, such as a client certificate", "mtls", "Bearer good", false, false, 403, ""},
		{"the same, of another origin", "mtls", "Bearer good", false, true, 403, ""},
		{"a method that calls itself session", auth.MethodSession, "Bearer good", false, false, 403, ""},
		{"no method", "", "Bearer good", false, false, 403, ""},
	} {
		t.Run("CSR-05 "+tc.name, func(t *testing.T) {
			method = tc.method
			var header []string
			if tc.authorization != "" {
				header = append(header, "Authorization", tc.authorization)
			}
			if tc.cookie {
				header = append(header, "Cookie", cookie)
			}
			if tc.cross {
				header = append(header, "Sec-Fetch-Site", "cross-site")
			}
			w := serve(behind, "POST", "/", header...)
			if w.Code != tc.status || tc.who != "" && w.Body.String() != tc.who {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w := serve(infront, "POST", "/", header...); w.Code != 403 {
				t.Errorf("in front of the Gate: %d", w.Code)
			}
		})
	}
}

// TestGETChangesNothing calls every handler of this package, found by its type,
// with methods that must not change anything.
func TestGETChangesNothing(t *testing.T) {
	spy := newSpy(t, nil)
	s := newFormSite(t, spy, session.CSRFConfig{})
	b := s.signedIn(t)
	cookie := cookieName + "=" + b.token()
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	handlers := map[string]http.Handler{"a Gate": s.Handler(auth.Require(s.Manager)(next))}
	for _, v := range []any{s.Manager, s.csrf} {
		of := reflect.ValueOf(v)
		for i := range of.NumMethod() {
			name := of.Type().String() + "." + of.Type().Method(i).Name
			switch f := of.Method(i).Interface().(type) {
			case func() http.Handler:
				handlers[name] = f()
			case func(http.Handler) http.Handler:
				handlers[name] = f(next)
			}
		}
	}
	for _, name := range []string{"*session.Manager.Handler", "*session.Manager.SignOutHandler", "*session.CSRF.Handler", "*session.CSRF.RequireToken"} {
		if handlers[name] == nil {
			t.Errorf("%s was not found", name)
		}
	}
	for name, h := range handlers {
		t.Run("CSR-06 "+name, func(t *testing.T) {
			writes := spy.writes.Load()
			for _, h := range []http.Handler{h, s.Handler(h)} {
				for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
					for _, path := range []string{"/", "/logout", "/login?return_to=/", "/sessions/x", "/?csrf_token=x&_method=POST"} {
						for _, with := range []string{cookie, "", cookieName + "=x"} {
							w := serve(h, method, path, "Cookie", with, "X-HTTP-Method-Override", "POST")
							if len(w.Header()["Set-Cookie"]) > 0 {
								t.Errorf("%s %s: %q", method, path, w.Header()["Set-Cookie"])
							}
						}
					}
				}
			}
			if n := spy.writes.Load() - writes; n != 0 {
				t.Errorf("%d writes", n)
			}
			b.do("GET /me").wants(t, 200)
		})
	}
}

// FuzzCSRFToken: what is not a token that Token has made is refused, whatever it
// is.
func FuzzCSRFToken(f *testing.F) {
	m, err := session.New(nil, session.Config{})
	if err != nil {
		f.Fatal(err)
	}
	c, err := session.NewCSRF(m, session.CSRFConfig{})
	if err != nil {
		f.Fatal(err)
	}
	cookie := visitorCookie + "=" + strings.Repeat("A", 43)
	for _, seed := range []string{"", "A", strings.Repeat("A", 86), strings.Repeat("_", 86), strings.Repeat("A", 84) + "\r\n", strings.Repeat("A", 85) + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest("POST", "https://shop.example/", nil)
		r.Header.Set("Cookie", cookie)
		if err := c.CheckToken(r, text); !errors.Is(err, session.ErrCSRFToken) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzCSRFForm: a form loses its tokens and nothing else.
func FuzzCSRFForm(f *testing.F) {
	m, err := session.New(nil, session.Config{})
	if err != nil {
		f.Fatal(err)
	}
	var token string
	c, err := session.NewCSRF(m, session.CSRFConfig{})
	if err != nil {
		f.Fatal(err)
	}
	w := serve(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { token, err = c.Token(r) })), "GET", "/")
	if err != nil {
		f.Fatal(err)
	}
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	for _, seed := range []string{"", "a=1", "a=1&b=2", "&&", "%", "a=%zz;b", "csrf_token=x", "csrf%5ftoken=x&a=b", "csrf_token"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, form string) {
		var got string
		h := c.RequireToken(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil || int64(len(b)) != r.ContentLength {
				t.Errorf("%v, %d bytes of %d", err, len(b), r.ContentLength)
			}
			got = string(b)
		}))
		r := httptest.NewRequest("POST", "https://shop.example/", strings.NewReader("csrf_token="+token+"&"+form))
		r.Header.Set("Content-Type", urlencoded)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		// One that cannot be read is one too many as well.
		twice := slices.ContainsFunc(strings.Split(form, "&"), func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			text, err := url.QueryUnescape(name)
			return err == nil && text == session.CSRFField
		})
		if twice {
			if w.Code != 403 {
				t.Fatalf("a second token in %q: %d", form, w.Code)
			}
			return
		}
		if w.Code == 200 && got != form {
			t.Fatalf("%q became %q", form, got)
		}
		if w.Code != 200 && w.Code != 413 {
			t.Fatalf("%q: %d", form, w.Code)
		}
	})
}

// BenchmarkCSRF stands beside what it cannot do without.
func BenchmarkCSRF(b *testing.B) {
	m := newManager(b, nil, session.Config{})
	c := newCSRF(b, m, session.CSRFConfig{})
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequest("POST", "https://shop.example/", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	for name, h := range map[string]http.Handler{"CrossOriginProtection": http.NewCrossOriginProtection().Handler(next), "Handler": c.Handler(next)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
	if err := m.SignIn(w, r, alice()); err != nil {
		b.Fatal(err)
	}
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	r.Header.Set("Cookie", cookie)
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, err := c.Token(r)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("X-CSRF-Token", text)
	})).ServeHTTP(httptest.NewRecorder(), r)
	b.Run("RequireToken", func(b *testing.B) {
		h := c.RequireToken(next)
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(w, r)
		}
	})
}
