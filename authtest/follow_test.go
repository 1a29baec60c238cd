package authtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

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
	b := authtest.NewBrowser(t, mux)

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
			b := authtest.NewBrowserAt(t, base, app.Client().Transport)
			back = base + "/end"
			resp := b.Follow(b.Post("/away", nil))
			if !strings.Contains(resp.Body, "GET /end") || !strings.Contains(resp.Body, "Sec-Fetch-Site: "+site) {
				t.Errorf("from %s: want %s:\n%s", base, site, resp.Body)
			}
		}
	})
	t.Run("in circles", func(t *testing.T) {
		r := faketb.Run("TestX", func(tb testing.TB) {
			circling := authtest.NewBrowser(tb, mux)
			circling.Follow(circling.Get("/loop"))
		})
		if !r.Failed || !strings.Contains(fmt.Sprint(r.Log), "redirects") {
			t.Errorf("%+v", r)
		}
	})
}
