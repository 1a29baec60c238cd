package authtest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func newHTTP2Browser(t testing.TB, h http.Handler) *authtest.Browser {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return authtest.NewBrowserAt(t, s.URL, s.Client().Transport)
}

func newPlainBrowser(t testing.TB, h http.Handler) *authtest.Browser {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return authtest.NewBrowserAt(t, s.URL, nil)
}

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
	b := authtest.NewBrowser(t, http.HandlerFunc(echo))
	origin := b.URL("")
	tests := []struct {
		name    string
		resp    *authtest.Response
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
	b := authtest.NewBrowser(t, http.HandlerFunc(echo))
	b.Header = http.Header{"authorization": {"Bearer x"}, "Sec-Fetch-Site": nil}
	for _, resp := range []*authtest.Response{b.Get("/"), b.Post("/", nil), b.PostJSON("/", nil)} {
		if !strings.Contains(resp.Body, "Authorization: Bearer x\n") || strings.Contains(resp.Body, "Sec-Fetch-Site") {
			t.Error(resp.Body)
		}
	}
	if resp := b.Get("/", "Authorization", "Bearer y"); strings.Contains(resp.Body, "Bearer x") || !strings.Contains(resp.Body, "Bearer y") {
		t.Errorf("the call does not win:\n%s", resp.Body)
	}
}

func TestBrowserDo(t *testing.T) {
	b := authtest.NewBrowser(t, http.HandlerFunc(echo))
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

func TestBrowserSites(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(s.Close)
	b := authtest.NewBrowserAt(t, "https://app.example.com", s.Client().Transport)
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

func TestBrowserEndsWithTheTest(t *testing.T) {
	var address string
	faketb.Run("TestX", func(t testing.TB) {
		b := authtest.NewBrowser(t, http.HandlerFunc(echo))
		address = strings.TrimPrefix(b.URL(""), "https://")
		b.Get("/")
	})
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("the server is still there")
	}
	t.Run("at a server that goes on", func(t *testing.T) {
		closed := make(chan struct{}, 1)
		s := httptest.NewUnstartedServer(http.HandlerFunc(echo))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				closed <- struct{}{}
			}
		}
		s.Start()
		defer s.Close()
		r := faketb.Run("TestX", func(t testing.TB) { authtest.NewBrowserAt(t, s.URL, nil).Get("/") })
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Errorf("the connection is still there: %+v", r)
		}
	})
}

func TestBrowserURL(t *testing.T) {
	b := authtest.NewBrowserAt(t, "https://example.com:8443/app/?a=b#c", nil)
	for path, want := range map[string]string{"": "", "/": "/", "/x?y=z": "/x?y=z"} {
		if got := b.URL(path); got != "https://example.com:8443"+want {
			t.Errorf("URL(%q) = %q", path, got)
		}
	}
}

func TestBrowserTry(t *testing.T) {
	b := authtest.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	try := func(path string) (*authtest.Response, error) {
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
		authtest.NewBrowserAt(tb, "http://127.0.0.1:1", nil).Get("/") // nobody listens there
		tb.Log("went on")
	})
	if !r.Failed || len(r.Log) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestBrowserConcurrently(t *testing.T) {
	b := authtest.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		"no URL":         func(t testing.TB) { authtest.NewBrowserAt(t, "127.0.0.1:80", nil) },
		"URL of nobody":  func(t testing.TB) { authtest.NewBrowserAt(t, "https:///x", nil) },
		"relative URL":   func(t testing.TB) { authtest.NewBrowserAt(t, "/x", nil) },
		"odd headers":    func(t testing.TB) { authtest.NewBrowser(t, http.HandlerFunc(echo)).Get("/", "Origin") },
		"bad path":       func(t testing.TB) { authtest.NewBrowser(t, http.HandlerFunc(echo)).Get("/%zz") },
		"bad JSON value": func(t testing.TB) { authtest.NewBrowser(t, http.HandlerFunc(echo)).PostJSON("/", func() {}) },
	} {
		if r := faketb.Run(name, func(t testing.TB) { mistake(t); t.Log("went on") }); !r.Failed || len(r.Log) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
