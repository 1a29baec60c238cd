package testkit_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/problem"
)

// echo answers with what it was asked, a line each.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s\nhost %s\n", r.Method, r.URL, r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			fmt.Fprintf(w, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(w, "body %s\n", body)
}

func TestBrowserHeaders(t *testing.T) {
	b := testkit.NewBrowser(t, http.HandlerFunc(echo))
	origin := b.URL("")
	tests := []struct {
		name    string
		resp    *testkit.Response
		has     []string
		without []string
	}{
		{"a page is opened", b.Get("/a?b=c"),
			[]string{"GET /a?b=c", "Accept: text/html,", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "User-Agent: Mozilla/5.0"},
			[]string{"Origin:", "Cookie:", "Content-Type:"}},
		{"a form is sent", b.Post("/a", url.Values{"x": {"1 2"}}),
			[]string{"POST /a", "Accept: text/html,", "Origin: " + origin + "\n", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Content-Type: application/x-www-form-urlencoded\n", "body x=1+2\n"}, nil},
		{"a script sends JSON", b.PostJSON("/a", map[string]int{"x": 1}),
			[]string{"POST /a", "Accept: application/json\n", "Origin: " + origin + "\n", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Content-Type: application/json\n", `body {"x":1}`}, nil},
		{"a script sends what is no JSON", b.PostJSON("/a", `{"x":`), []string{"Content-Type: application/json\n", `body {"x":` + "\n"}, nil},
		{"a script reads", b.Fetch("GET", "/a", nil), []string{"GET /a", "Sec-Fetch-Site: same-origin"}, []string{"Origin:", "Content-Type:"}},
		{"a script deletes", b.Fetch("DELETE", "/a", nil), []string{"DELETE /a", "Origin: " + origin}, []string{"Content-Type:"}},
		{"a test overrides", b.Post("/a", nil, "origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "host", "evil.example"),
			[]string{"Origin: https://evil.example\n", "Sec-Fetch-Site: cross-site\n", "host evil.example\n"}, []string{origin, "same-origin"}},
		{"a test leaves out", b.Post("/a", nil, "Origin", "", "Sec-Fetch-Site", "", "Sec-Fetch-Mode", "", "Content-Type", "", "User-Agent", ""),
			nil, []string{"Origin:", "Sec-Fetch-Site:", "Sec-Fetch-Mode:", "Content-Type:", "User-Agent:"}},
		{"a test repeats a header", b.Get("/a", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-For", "192.0.2.2"),
			[]string{"X-Forwarded-For: 192.0.2.1\n", "X-Forwarded-For: 192.0.2.2\n"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.resp.StatusCode != http.StatusOK {
				t.Fatal(test.resp.Status)
			}
			for _, want := range test.has {
				if !strings.Contains(test.resp.Body, want) {
					t.Errorf("lacks %q:\n%s", want, test.resp.Body)
				}
			}
			for _, bad := range test.without {
				if strings.Contains(test.resp.Body, bad) {
					t.Errorf("has %q:\n%s", bad, test.resp.Body)
				}
			}
		})
	}
}

func TestBrowserHeaderOfEveryRequest(t *testing.T) {
	b := testkit.NewBrowser(t, http.HandlerFunc(echo))
	b.Header = http.Header{"authorization": {"Bearer x"}, "Sec-Fetch-Site": nil}
	for _, resp := range []*testkit.Response{b.Get("/"), b.Post("/", nil), b.PostJSON("/", nil)} {
		if !strings.Contains(resp.Body, "Authorization: Bearer x\n") || strings.Contains(resp.Body, "Sec-Fetch-Site") {
			t.Error(resp.Body)
		}
	}
	if resp := b.Get("/", "Authorization", "Bearer y"); strings.Contains(resp.Body, "Bearer x") || !strings.Contains(resp.Body, "Bearer y") {
		t.Errorf("the call does not win:\n%s", resp.Body)
	}
}

func TestBrowserDo(t *testing.T) {
	b := testkit.NewBrowser(t, http.HandlerFunc(echo))
	req, err := http.NewRequest("PATCH", "/x", strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/plain")
	req.Header["Origin"] = nil
	resp := b.Do(req)
	for _, want := range []string{"PATCH /x", "Accept: text/plain\n", "Sec-Fetch-Mode: cors", "body text"} {
		if !strings.Contains(resp.Body, want) {
			t.Errorf("lacks %q:\n%s", want, resp.Body)
		}
	}
	if strings.Contains(resp.Body, "Origin:") {
		t.Errorf("has an Origin:\n%s", resp.Body)
	}
	if len(req.Header) != 2 || req.URL.Host != "" {
		t.Errorf("the request has changed: %v %v", req.URL, req.Header)
	}
}

// cookies answers /set?… by setting the cookie in the query, and everything else
// with the Cookie header.
func cookies(w http.ResponseWriter, r *http.Request) {
	if c := r.URL.Query().Get("c"); c != "" {
		w.Header().Add("Set-Cookie", c)
		return
	}
	fmt.Fprint(w, r.Header.Get("Cookie"))
}

func set(b *testkit.Browser, cookie string) *testkit.Response {
	return b.Get("/set?c=" + url.QueryEscape(cookie))
}

func TestBrowserCookies(t *testing.T) {
	browsers := map[string]func(testing.TB, http.Handler) *testkit.Browser{"HTTP/1.1": testkit.NewBrowser, "HTTP/2.0": testkit.NewHTTP2Browser}
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
			if kept := kept(t, testkit.NewBrowser, test.cookie, name); kept != test.tls {
				t.Errorf("over TLS kept: %v, want %v", kept, test.tls)
			}
			if kept := kept(t, testkit.NewPlainBrowser, test.cookie, name); kept != test.plain {
				t.Errorf("without TLS kept: %v, want %v", kept, test.plain)
			}
		})
	}
}

func kept(t *testing.T, open func(testing.TB, http.Handler) *testkit.Browser, cookie, name string) bool {
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
	b := testkit.NewBrowser(t, http.HandlerFunc(cookies))
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

func TestBrowserFollow(t *testing.T) {
	mux := http.NewServeMux()
	for _, status := range []int{301, 302, 303, 307, 308} {
		mux.HandleFunc(fmt.Sprintf("/%d", status), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "seen=1")
			w.Header().Set("Location", "step?q=1")
			w.WriteHeader(status)
		})
	}
	mux.HandleFunc("/step", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/end", echo)
	var remote atomic.Value
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, remote.Load().(string), http.StatusTemporaryRedirect)
	})
	b := testkit.NewBrowser(t, mux)

	for status, method := range map[int]string{301: "GET", 302: "GET", 303: "GET", 307: "POST", 308: "POST"} {
		resp := b.Post(fmt.Sprintf("/%d", status), url.Values{"a": {"b"}})
		if resp.StatusCode != status {
			t.Fatalf("followed %d unasked to %s", status, resp.Status)
		}
		end := b.Follow(resp)
		wants := []string{method + " /end", "Cookie: seen=1", "Sec-Fetch-Site: same-origin", "Accept: text/html"}
		if method == "POST" {
			wants = append(wants, "body a=b\n", "Content-Type: application/x-www-form-urlencoded\n", "Origin: "+b.URL("")+"\n")
		} else {
			wants = append(wants, "body \n")
		}
		for _, want := range wants {
			if !strings.Contains(end.Body, want) {
				t.Errorf("after %d lacks %q:\n%s", status, want, end.Body)
			}
		}
	}
	if end := b.Follow(b.Fetch("DELETE", "/303", nil)); !strings.Contains(end.Body, "GET /end") || !strings.Contains(end.Body, "Sec-Fetch-Mode: cors") {
		t.Errorf("303 after DELETE:\n%s", end.Body)
	}
	if end := b.Follow(b.Fetch("DELETE", "/302", nil)); !strings.Contains(end.Body, "DELETE /end") {
		t.Errorf("302 after DELETE:\n%s", end.Body)
	}
	if end := b.Follow(b.Get("/302")); !strings.Contains(end.Body, "Sec-Fetch-Site: none") {
		t.Errorf("a page that was opened:\n%s", end.Body)
	}
	if end := b.Get("/end"); b.Follow(end) != end {
		t.Error("Follow changes an answer that is no redirect")
	}

	t.Run("over another origin and back", func(t *testing.T) {
		var back string
		idp := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, back, http.StatusFound)
		}))
		defer idp.Close()
		app := httptest.NewTLSServer(mux)
		defer app.Close()
		remote.Store(idp.URL + "/authorize")
		for base, site := range map[string]string{app.URL: "same-site", "https://app.example.com": "cross-site"} {
			b := testkit.NewBrowserAt(t, base, app.Client().Transport)
			back = base + "/end"
			resp := b.Follow(b.Post("/away", nil))
			if !strings.Contains(resp.Body, "GET /end") || !strings.Contains(resp.Body, "Sec-Fetch-Site: "+site) {
				t.Errorf("from %s: want %s:\n%s", base, site, resp.Body)
			}
		}
	})
	t.Run("in circles", func(t *testing.T) {
		r := faketb.Run("TestX", func(tb testing.TB) {
			circling := testkit.NewBrowser(tb, mux)
			circling.Follow(circling.Get("/loop"))
		})
		if !r.Failed || !strings.Contains(fmt.Sprint(r.Log), "redirects") {
			t.Errorf("%+v", r)
		}
	})
}

func TestBrowserSites(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(s.Close)
	b := testkit.NewBrowserAt(t, "https://app.example.com", s.Client().Transport)
	for target, want := range map[string]string{
		"/":                         "same-origin",
		"https://app.example.com/":  "same-origin",
		"https://auth.example.com/": "same-site",
		"https://example.com/":      "same-site",
		s.URL:                       "cross-site",
	} {
		if got := b.Fetch("POST", target, nil).Body; !strings.Contains(got, "Sec-Fetch-Site: "+want+"\n") || !strings.Contains(got, "Origin: https://app.example.com\n") {
			t.Errorf("to %s: want %s:\n%s", target, want, got)
		}
	}
}

func TestBrowserURL(t *testing.T) {
	b := testkit.NewBrowserAt(t, "https://example.com:8443/app/?a=b#c", nil)
	for path, want := range map[string]string{"": "", "/": "/", "/x?y=z": "/x?y=z"} {
		if got := b.URL(path); got != "https://example.com:8443"+want {
			t.Errorf("URL(%q) = %q", path, got)
		}
	}
}

func TestBrowserTry(t *testing.T) {
	b := testkit.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	try := func(path string) (*testkit.Response, error) {
		req, err := http.NewRequest("GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b.Try(req)
	}
	if resp, err := try("/none"); err == nil || resp != nil {
		t.Errorf("got %v, %v", resp, err)
	}
	if resp, err := try("/half"); !errors.Is(err, io.ErrUnexpectedEOF) || resp == nil || resp.Body != "half" {
		t.Errorf("got %v, %v", resp, err)
	}
	r := faketb.Run("TestX", func(tb testing.TB) {
		testkit.NewBrowserAt(tb, "http://127.0.0.1:1", nil).Get("/") // nobody listens there
		tb.Log("went on")
	})
	if !r.Failed || len(r.Log) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestBrowserConcurrently(t *testing.T) {
	b := testkit.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "last", Value: r.URL.Path[1:], Path: "/", Secure: true})
	}))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			req, err := http.NewRequest("GET", fmt.Sprintf("/%d", i), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := b.Try(req); err != nil || b.Cookie("last") == nil {
				t.Errorf("%v, cookie %v", err, b.Cookie("last"))
			}
		})
	}
	wg.Wait()
}

func TestBrowserMistakesEndTheTest(t *testing.T) {
	for name, mistake := range map[string]func(testing.TB){
		"no URL":         func(t testing.TB) { testkit.NewBrowserAt(t, "127.0.0.1:80", nil) },
		"URL of nobody":  func(t testing.TB) { testkit.NewBrowserAt(t, "https:///x", nil) },
		"relative URL":   func(t testing.TB) { testkit.NewBrowserAt(t, "/x", nil) },
		"odd headers":    func(t testing.TB) { testkit.NewBrowser(t, http.HandlerFunc(echo)).Get("/", "Origin") },
		"bad path":       func(t testing.TB) { testkit.NewBrowser(t, http.HandlerFunc(echo)).Get("/%zz") },
		"bad JSON value": func(t testing.TB) { testkit.NewBrowser(t, http.HandlerFunc(echo)).PostJSON("/", func() {}) },
	} {
		if r := faketb.Run(name, func(t testing.TB) { mistake(t); t.Log("went on") }); !r.Failed || len(r.Log) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestResponse(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"name":"alice"}`)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"name":`)
	})
	mux.HandleFunc("/problem", func(w http.ResponseWriter, r *http.Request) { problem.WriteError(w, r, auth.ErrForbidden) })
	mux.HandleFunc("/twice", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "a=2")
	})
	b := testkit.NewBrowser(t, mux)

	var v struct{ Name string }
	if b.Get("/json").JSON(&v); v.Name != "alice" {
		t.Errorf("got %+v", v)
	}
	if d := b.Get("/problem").Problem(); d.Status != http.StatusForbidden || d.Code != problem.Forbidden {
		t.Errorf("got %+v", d)
	}
	for name, mistake := range map[string]func(*testkit.Browser){
		"JSON of a problem": func(b *testkit.Browser) { b.Get("/problem").JSON(&v) },
		"JSON of half":      func(b *testkit.Browser) { b.Get("/broken").JSON(&v) },
		"problem of JSON":   func(b *testkit.Browser) { b.Get("/json").Problem() },
		"two cookies":       func(b *testkit.Browser) { b.Get("/twice").Cookie("a") },
		"no form":           func(b *testkit.Browser) { b.Get("/json").Form("/login") },
	} {
		if r := faketb.Run(name, func(t testing.TB) { mistake(b.Another(t)); t.Log("went on") }); !r.Failed || len(r.Log) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestResponseForm(t *testing.T) {
	const page = `<!-- <form action="/login?next=%2Fa&amp;x=1"><input name=commented value=1></form> -->
<form action="/logout" method="post"><input type="hidden" name="csrf" value="out"></form>
<FORM method="post" action="/login?next=%2Fa&amp;x=1">
 <input type="hidden" name="csrf" value="a&#43;b&gt;c&#34;">
 <input name='email' value='alice@example.com' required><input value=late name=plain type=text>
 <input type="password" name="password"><input type=hidden value="nameless"><input type=hidden name=off value=1 disabled>
 <input type="checkbox" name="trust" value="yes"><input type="checkbox" name="terms" value="yes" checked>
 <input type=hidden name=csrf value=second data-x="a > b">
 <input type="submit" name="go" value="Go"><button name="b" value="1">B</button>
</FORM><input name="outside" value="1">`
	b := testkit.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page) }))
	got := b.Get("/").Form("/login?next=%2Fa&x=1")
	want := url.Values{
		"csrf":     {`a+b>c"`, "second"},
		"email":    {"alice@example.com"},
		"plain":    {"late"},
		"password": {""},
		"terms":    {"yes"},
	}
	if got.Encode() != want.Encode() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := b.Get("/").Form("/logout"); got.Encode() != "csrf=out" {
		t.Errorf("logout: %v", got)
	}
}
