package session_test

import (
	"encoding/gob"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) WriteHeader(int)             {}
func (w nowhere) Write(b []byte) (int, error) { return len(b), nil }

func bench(b *testing.B, h http.Handler, cookie string) {
	b.Helper()
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", cookie)
	w := nowhere{make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

func benchPrincipal() *auth.Principal {
	return &auth.Principal{Subject: "u-alice", Roles: []string{"customer", "manager"}, Factors: []auth.Factor{{Kind: auth.FactorPassword, At: time.Now()}}}
}

// benchSession is a Manager with one session and its cookie.
func benchSession(b *testing.B, cfg session.Config, values map[string]any) (*session.Manager, string) {
	b.Helper()
	m := newManager(b, nil, cfg)
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Begin(r.Context(), benchPrincipal()); err != nil {
			b.Error(err)
		}
		for k, v := range values {
			m.SCS().Put(r.Context(), k, v)
		}
	})).ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/", nil))
	c := w.Result().Cookies()[0]
	return m, c.Name + "=" + c.Value
}

func BenchmarkRead(b *testing.B) {
	b.Run("sallyport", func(b *testing.B) {
		m, cookie := benchSession(b, session.Config{}, map[string]any{"cart": 3})
		bench(b, m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := m.Authenticate(r); err != nil {
				b.Error(err)
			}
		})), cookie)
	})
	b.Run("sallyport/behind Require", func(b *testing.B) {
		m, cookie := benchSession(b, session.Config{}, nil)
		bench(b, m.Handler(auth.Require(m)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))), cookie)
	})
	b.Run("sallyport/value", func(b *testing.B) {
		m, cookie := benchSession(b, session.Config{}, map[string]any{"cart": 3})
		bench(b, m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if m.SCS().GetInt(r.Context(), "cart") != 3 {
				b.Error("no cart")
			}
		})), cookie)
	})
	b.Run("sallyport/untouched", func(b *testing.B) {
		m, cookie := benchSession(b, session.Config{}, nil)
		bench(b, m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), cookie)
	})
	b.Run("scs", func(b *testing.B) {
		m, cookie := benchSCS(b)
		bench(b, m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if p, ok := m.Get(r.Context(), "user").(benchUser); !ok || p.Subject == "" {
				b.Error("no user")
			}
		})), cookie)
	})
}

func BenchmarkModify(b *testing.B) {
	b.Run("sallyport", func(b *testing.B) {
		m, cookie := benchSession(b, session.Config{}, map[string]any{"cart": 3})
		bench(b, m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			m.SCS().Put(r.Context(), "cart", 4)
		})), cookie)
	})
	b.Run("sallyport/touch", func(b *testing.B) {
		c := newClock()
		m, cookie := benchSession(b, session.Config{Now: c.Now, Lifetime: 400 * 24 * time.Hour, IdleTimeout: time.Hour, TouchEvery: time.Nanosecond}, nil)
		bench(b, m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Advance(time.Millisecond)
			if _, err := m.Authenticate(r); err != nil {
				b.Error(err)
			}
		})), cookie)
	})
	b.Run("scs", func(b *testing.B) {
		m, cookie := benchSCS(b)
		bench(b, m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "cart", 4)
		})), cookie)
	})
}

// benchUser is what a service on scs keeps of a principal.
type benchUser struct {
	Subject string
	Roles   []string
	At      time.Time
}

func init() { gob.Register(benchUser{}) }

func benchSCS(b *testing.B) (*scs.SessionManager, string) {
	b.Helper()
	m := scs.New()
	m.Store = memstore.NewWithCleanupInterval(0)
	w := httptest.NewRecorder()
	m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p := benchPrincipal()
		m.Put(r.Context(), "user", benchUser{p.Subject, p.Roles, time.Now()})
		m.Put(r.Context(), "cart", 3)
	})).ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/", nil))
	c := w.Result().Cookies()[0]
	return m, c.Name + "=" + c.Value
}

func BenchmarkRecord(b *testing.B) {
	rec := samples()[4]
	enc, err := rec.AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 1024)
		for b.Loop() {
			if _, err := rec.AppendBinary(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := new(session.Record).UnmarshalBinary(enc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
