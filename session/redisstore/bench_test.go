package redisstore_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(status int)      { w.status = status }
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkRead is an authenticated request over Redis, beside the one HGET that
// it cannot do without and the GET that it could be.
func BenchmarkRead(b *testing.B) {
	c := redistest.Start(b).Client()
	m, err := session.New(newStore(b, c, redisstore.Config{}), session.Config{})
	if err != nil {
		b.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := m.SignIn(w, httptest.NewRequest("POST", "https://shop.example/", nil), &auth.Principal{Subject: "u-alice"}); err != nil {
		b.Fatal(err)
	}
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	h := m.Handler(auth.Require(m)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	key := c.Keys(b.Context(), "*").Val()[0]
	field := c.HKeys(b.Context(), key).Val()[0]
	c.Set(b.Context(), "plain", c.HGet(b.Context(), key, field).Val(), time.Hour)
	for name, call := range map[string]func() error{
		"bare GET":  func() error { return c.Get(b.Context(), "plain").Err() },
		"bare HGET": func() error { return c.HGet(b.Context(), key, field).Err() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("session", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			w, r := &nowhere{header: make(http.Header)}, request(cookie)
			for pb.Next() {
				clear(w.header)
				if h.ServeHTTP(w, r); w.status != 0 {
					b.Errorf("status %d", w.status)
				}
			}
		})
	})
}
