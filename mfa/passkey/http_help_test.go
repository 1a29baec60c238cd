package passkey_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth"
)

func post(method, body string) *http.Request {
	r := httptest.NewRequest(method, "https://example.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func record(r *http.Request, h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func encodeJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// together calls f from n goroutines at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	all.Wait()
}

func kinds(k ...auth.EventKind) []auth.EventKind { return k }
