package authtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func TestAs(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	alice := &auth.Principal{Subject: "alice"}
	if p, ok := auth.FromContext(authtest.As(r, alice).Context()); !ok || p != alice {
		t.Errorf("got %v, %v", p, ok)
	}
	if p, ok := auth.FromContext(authtest.As(authtest.As(r, alice), nil).Context()); ok {
		t.Errorf("nobody is %v", p)
	}
	if p, ok := auth.FromContext(r.Context()); ok {
		t.Errorf("the first request has become one of %v", p)
	}
}

func TestServe(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"subject":%q}`, p.Subject)
	})
	r := authtest.As(httptest.NewRequest("POST", "/orders", nil), &auth.Principal{Subject: "alice"})
	resp := authtest.Serve(t, h, r).Want(http.StatusCreated)
	var v struct{ Subject string }
	if resp.JSON(&v); v.Subject != "alice" || resp.Cookie("seen") == nil || resp.Request != r {
		t.Errorf("got %+v, %v", v, resp.Cookies())
	}
	t.Run("the answer may be a redirect", func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/old", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/new", http.StatusFound) })
		mux.HandleFunc("/new", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "new") })
		b := authtest.NewBrowser(t, mux)
		if got := b.Follow(authtest.Serve(t, mux, httptest.NewRequest("GET", "/old", nil))).Body; got != "new" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a panic goes on", func(t *testing.T) {
		r := faketb.Run("TestX", func(t testing.TB) {
			authtest.Serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("ouch") }), httptest.NewRequest("GET", "/", nil))
			t.Log("went on")
		})
		if !r.Failed || len(r.Log) != 1 || r.Log[0] != "panic: ouch" {
			t.Errorf("%+v", r)
		}
	})
}
