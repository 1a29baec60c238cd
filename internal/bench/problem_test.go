package bench

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth/problem"
)

// A sink is a ResponseWriter that keeps its header map, emptied for every
// response, so that the map's own growth is nobody's cost.
type sink struct{ header http.Header }

func newSink() *sink                        { return &sink{header: make(http.Header, 8)} }
func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}
func (s *sink) next() http.ResponseWriter   { clear(s.header); return s }

// A peerProblem is what a service writes by hand.
type peerProblem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
	Code     string `json:"code"`
}

// What cannot be saved: three entries of the header map, a status and a write.
var (
	limitType  = []string{"application/problem+json"}
	limitCache = []string{"no-store"}
	limitSniff = []string{"nosniff"}
)

func peerHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusForbidden)
}

// BenchmarkProblem answers a request with a problem: the same three headers, the
// status and the same members.
func BenchmarkProblem(b *testing.B) {
	r := httptest.NewRequest("GET", "/", nil)
	w := newSink()
	registered := problem.New(problem.Forbidden)
	peer := peerProblem{Type: registered.Type, Title: registered.Title, Status: 403, Code: "FORBIDDEN"}
	const detail, instance = "Only the owner may cancel an order.", "/orders/17"

	b.Run("body=fixed/who=limit", func(b *testing.B) {
		body, _ := json.Marshal(&peer)
		b.ReportAllocs()
		for b.Loop() {
			w := w.next()
			h := w.Header()
			h["Content-Type"], h["Cache-Control"], h["X-Content-Type-Options"] = limitType, limitCache, limitSniff
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write(body)
		}
	})
	b.Run("body=fixed/who=sallyport", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			registered.ServeHTTP(w.next(), r)
		}
	})
	b.Run("body=fixed/who=json.Encoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := w.next()
			peerHeaders(w)
			_ = json.NewEncoder(w).Encode(&peer)
		}
	})
	b.Run("body=fixed/who=json.Marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := w.next()
			peerHeaders(w)
			body, _ := json.Marshal(&peer)
			_, _ = w.Write(body)
		}
	})
	b.Run("body=detail/who=sallyport", func(b *testing.B) {
		d := registered
		d.Detail, d.Instance = detail, instance
		b.ReportAllocs()
		for b.Loop() {
			d.ServeHTTP(w.next(), r)
		}
	})
	b.Run("body=detail/who=json.Encoder", func(b *testing.B) {
		peer := peer
		peer.Detail, peer.Instance = detail, instance
		b.ReportAllocs()
		for b.Loop() {
			w := w.next()
			peerHeaders(w)
			_ = json.NewEncoder(w).Encode(&peer)
		}
	})
}
