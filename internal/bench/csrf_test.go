package bench

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth/session"
)

// BenchmarkCSRF admits a POST: of a browser that tells the site, of one that
// tells the origin only, and of a client that is no browser.
func BenchmarkCSRF(b *testing.B) {
	m, err := session.New(nil, session.Config{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := session.NewCSRF(m, session.CSRFConfig{})
	if err != nil {
		b.Fatal(err)
	}
	admitted := 0
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { admitted++ })
	for _, h := range []struct{ name, value string }{{"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://shop.example"}, {"Accept", "*/*"}} {
		for _, tc := range []struct {
			who string
			h   http.Handler
		}{{"CrossOriginProtection", http.NewCrossOriginProtection().Handler(next)}, {"sallyport", c.Handler(next)}} {
			b.Run("header="+h.name+"/who="+tc.who, func(b *testing.B) {
				r, w := httptest.NewRequest("POST", "https://shop.example/", nil), newSink()
				r.Header.Set(h.name, h.value)
				b.ReportAllocs()
				for b.Loop() {
					tc.h.ServeHTTP(w, r)
				}
			})
		}
	}
	if admitted == 0 {
		b.Fatal("nothing was admitted")
	}
}
