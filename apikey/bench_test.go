package apikey_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
)

// The floor of a check is what none can do without: the header, one SHA-256 of a secret,
// one map, and the principal in the context of the request. It looks at no clock, notes no
// use and bounds nothing.

// floor is that, as middleware.
func floor(known map[[32]byte]*auth.Principal, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := r.Header["X-Api-Key"][0]
		var secret [43]byte // on the stack
		p := known[sha256.Sum256(secret[:copy(secret[:], text[len(text)-49:])])]
		if p == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), p)))
	})
}

var nobodyHome = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// benchKeys makes a Manager with n keys and returns the texts of a sample of them.
func benchKeys(b *testing.B, n int, change func(cfg *apikey.Config)) (*apikey.Manager, []string) {
	b.Helper()
	cfg := apikey.Config{Owner: standing, Permits: permits, CacheFor: time.Minute, CacheSize: 4 * n, MaxKeys: 1000}
	if change != nil {
		change(&cfg)
	}
	m, err := apikey.New(nil, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Close(context.Background()) })
	var texts []string
	every := max(1, n/1024)
	for i := range n {
		text, _, err := m.Issue(b.Context(), apikey.Request{Subject: fmt.Sprint("user-", i/100), Scopes: []string{"orders:read"}})
		if err != nil {
			b.Fatal(err)
		}
		if i%every == 0 {
			texts = append(texts, text)
		}
	}
	return m, texts
}

func requests(texts []string) []*http.Request {
	list := make([]*http.Request, len(texts))
	for i, text := range texts {
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		r.RemoteAddr = "192.0.2.7:1234"
		r.Header.Set("X-API-Key", text)
		list[i] = r
	}
	return list
}

func drive(b *testing.B, h http.Handler, list []*http.Request) {
	w := httptest.NewRecorder()
	for _, r := range list {
		h.ServeHTTP(w, r) // warm
	}
	if w.Code != http.StatusOK {
		b.Fatal(w.Code)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		h.ServeHTTP(w, list[i%len(list)])
	}
}

func BenchmarkCheck(b *testing.B) {
	client := func(*http.Request) (netip.Addr, error) { return home, nil } // the cost of a ClientIP is its own
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			m, texts := benchKeys(b, n, func(cfg *apikey.Config) { cfg.ClientIP = client })
			list := requests(texts)
			known := make(map[[32]byte]*auth.Principal, n)
			for i := range n {
				known[sha256.Sum256(fmt.Append(nil, i))] = nil
			}
			for _, text := range texts {
				p, err := m.Verify(b.Context(), text, home)
				if err != nil {
					b.Fatal(err)
				}
				known[sha256.Sum256([]byte(text[len(text)-49:len(text)-6]))] = p
			}
			b.Run("floor", func(b *testing.B) { drive(b, floor(known, nobodyHome), list) })
			b.Run("cached", func(b *testing.B) { drive(b, auth.Require(m)(nobodyHome), list) })
			b.Run("peer address", func(b *testing.B) {
				own, err := apikey.New(nil, apikey.Config{Owner: standing, Permits: permits, CacheFor: time.Minute})
				if err != nil {
					b.Fatal(err)
				}
				text, _, err := own.Issue(b.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}})
				if err != nil {
					b.Fatal(err)
				}
				drive(b, auth.Require(own)(nobodyHome), requests([]string{text}))
			})
		})
	}
}

func BenchmarkUncached(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			m, texts := benchKeys(b, n, func(cfg *apikey.Config) { cfg.CacheFor = 0 })
			drive(b, auth.Require(m)(nobodyHome), requests(texts))
		})
	}
}

func BenchmarkRefused(b *testing.B) {
	m, texts := benchKeys(b, 1, nil)
	for name, text := range map[string]string{"junk": "x", "checksum": texts[0][:len(texts[0])-1] + "~", "wrong secret": wrongSecret(texts[0])} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Verify(b.Context(), text, netip.Addr{})
			}
		})
	}
}

// A cached check allocates what the context of any principal takes, and no more.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		return // the detector allocates
	}
	r := newRig(t, func(cfg *apikey.Config) { cfg.CacheFor, cfg.TouchEvery, cfg.OnEvent = cacheFor, time.Hour, nil })
	text, _ := r.issue(nil)
	r.good(text)
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Verify(t.Context(), text, home) }); n != 0 {
		t.Errorf("Verify: %v allocations", n)
	}
	req := withKey(text)
	h := auth.Require(r)(nobodyHome)
	w := httptest.NewRecorder()
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, req) }); n > 2 {
		t.Errorf("a request: %v allocations", n)
	}
}
