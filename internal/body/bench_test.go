package body_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/body"
)

func BenchmarkDecode(b *testing.B) {
	run := func(name, media, text string) {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/login", nil)
			r.Header.Set("Content-Type", media)
			r.ContentLength = int64(len(text))
			w := httptest.NewRecorder()
			content := strings.NewReader(text)
			b.ReportAllocs()
			for b.Loop() {
				content.Reset(text)
				r.Body = readCloser{content}
				var in struct {
					Email    string `json:"email"`
					Password string `json:"password"`
				}
				_ = body.Decode(w, r, &in, 0)
			}
		})
	}
	run("json", jsonType, `{"email":"alice@example.com","password":"correct horse battery staple"}`)
	run("form", formType, `email=alice%40example.com&password=correct+horse+battery+staple`)
	run("hostile/long", jsonType, `{"email":"`+strings.Repeat(`\ud83d\ude00`, 5000)+`"}`)
	run("hostile/deep", jsonType, strings.Repeat(`{"email":`, 7000))
	run("hostile/digits", jsonType, `{"email":`+strings.Repeat("9", 60_000))
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
