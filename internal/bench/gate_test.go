package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth"
)

// BenchmarkGate is what a gate adds to a request whose credential costs nothing.
// floor is the handler alone; context is what any middleware pays that puts one
// value into a request.
func BenchmarkGate(b *testing.B) {
	p := &auth.Principal{Subject: "u1", Method: "none"}
	var seen *auth.Principal
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen, _ = auth.FromContext(r.Context()) })
	free := auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { return p, nil })
	type key struct{}

	for _, tc := range []struct {
		name string
		h    http.Handler
	}{
		{"who=floor", handler},
		{"who=context", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, p)))
		})},
		{"who=sallyport", auth.Require(free)(handler)},
	} {
		b.Run(tc.name, func(b *testing.B) {
			r, w := httptest.NewRequest("GET", "/", nil), newSink()
			b.ReportAllocs()
			for b.Loop() {
				tc.h.ServeHTTP(w, r)
			}
		})
	}
	_ = seen
}
