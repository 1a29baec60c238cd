package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth/session"
)

// TestCost holds what a request with a session in memory may allocate.
func TestCost(t *testing.T) {
	s := newSite(t, nil, session.Config{})
	m, cookie := s.Manager, cookieName+"="+s.signedIn(t).token()
	read := func(_ http.ResponseWriter, r *http.Request) {
		if _, err := m.Authenticate(r); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		most    float64
	}{
		{"a request that does not ask for its session", func(http.ResponseWriter, *http.Request) {}, 1},
		{"a request that asks who it is", read, 1},
		{"a request that reads a value", func(_ http.ResponseWriter, r *http.Request) { m.SCS().GetInt(r.Context(), "cart") }, 6},
		{"a request that changes a value", func(_ http.ResponseWriter, r *http.Request) {
			read(nil, r)
			m.SCS().Put(r.Context(), "cart", 4)
		}, 8},
	} {
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.Header.Set("Cookie", cookie)
		h, w := m.Handler(c.handler), nowhere{make(http.Header)}
		if n := testing.AllocsPerRun(200, func() {
			clear(w.header)
			h.ServeHTTP(w, r)
		}); n > c.most {
			t.Errorf("%s costs %v allocations, at most %v are allowed", c.name, n, c.most)
		}
	}
}
