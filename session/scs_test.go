package session_test

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

// A cart is a type of an application.
type cart struct {
	Items map[string]int
	Note  *string
}

func init() {
	gob.Register(cart{})
	gob.Register(panicky{})
	gob.Register(time.Time{}) // for the codec of scs
}

func TestValues(t *testing.T) {
	note := "gift"
	all := map[string]any{
		"nil": nil, "true": true, "false": false, "int": -42, "int64": int64(1 << 60), "int32": int32(-7), "uint64": ^uint64(0),
		"float64": 3.25, "string": "ünïcödé", "empty": "", "bytes": []byte{0, 255}, "time": time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600)),
		"strings": []string{"a", "", "b"}, "cart": cart{Items: map[string]int{"book": 2}, Note: &note}, "int8": int8(3), "float32": float32(1.5),
	}
	for name, given := range map[string]*scs.SessionManager{"own": nil, "gob of scs": scs.New(), "a codec of the application": {Codec: countingCodec{}}} {
		t.Run("values come back as they went in: "+name, func(t *testing.T) {
			s := newSite(t, nil, session.Config{SCS: given})
			s.mux.HandleFunc("POST /all", func(_ http.ResponseWriter, r *http.Request) {
				for k, v := range all {
					s.SCS().Put(r.Context(), k, v)
				}
				if name == "a codec of the application" {
					s.SCS().Remove(r.Context(), "nil") // gob has no nil
				}
			})
			s.mux.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
				for k, want := range all {
					got := s.SCS().Get(r.Context(), k)
					if tm, ok := want.(time.Time); ok {
						if g, ok := got.(time.Time); !ok || !g.Equal(tm) {
							t.Errorf("%s: %v, want %v", k, got, want)
						}
						continue
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s: %#v, want %#v", k, got, want)
					}
				}
				if n := len(s.SCS().Keys(r.Context())); n < len(all)-1 {
					t.Errorf("%d keys, want %d", n, len(all))
				}
			})
			b := s.browser(t)
			b.do("POST /all").wants(t, http.StatusOK)
			b.do("GET /all").wants(t, http.StatusOK)
		})
	}
	t.Run("a value that cannot be encoded is an error, and no byte of the handler", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.HandleFunc("POST /bad", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "bad", struct{ F func() }{})
			_, _ = w.Write([]byte("WELCOME"))
		})
		s.mux.HandleFunc("POST /panic", func(_ http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "bad", panicky{})
		})
		a := s.browser(t).do("POST /bad").wants(t, http.StatusInternalServerError)
		if strings.Contains(a.body, "WELCOME") || a.sessionCookie(t) != nil {
			t.Fatal(a.body)
		}
		s.browser(t).do("POST /panic").wants(t, http.StatusInternalServerError)
	})
	t.Run("an application without values decodes none", func(t *testing.T) {
		codec := &spyCodec{}
		s := newSite(t, nil, session.Config{SCS: &scs.SessionManager{Codec: codec}})
		b := s.signedIn(t)
		b.do("GET /me").wants(t, http.StatusOK)
		b.do("POST /put?x=1").wants(t, http.StatusOK)
		codec.decoded = 0
		b.do("GET /me").wants(t, http.StatusOK)
		b.do("GET /public").wants(t, http.StatusOK)
		if codec.decoded != 0 {
			t.Fatalf("decoded %d times", codec.decoded)
		}
	})
	t.Run("SES-23 values that cannot be read are gone, the sign-in is not", func(t *testing.T) {
		var corrupt int
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{OnEvent: func(_ context.Context, e auth.Event) {
			if e.Kind == session.EventCorrupt {
				corrupt++
			}
		}})
		for _, values := range []string{"x", "\x01\x05", "\x01\x01\x01x\xff", "\x01\x01\x01x\x0c\x03abc", strings.Repeat("\xff", 100)} {
			b := s.signedIn(t)
			spy.mu.Lock()
			id := spy.ids[len(spy.ids)-1]
			spy.mu.Unlock()
			rec, err := spy.Store.Find(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			broken := *rec
			broken.Values = []byte(values)
			if err := spy.Store.Update(t.Context(), id, &broken, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			corrupt = 0
			if a := b.do("GET /get?x").wants(t, http.StatusOK); a.body != "" || corrupt != 1 {
				t.Errorf("%q: body %q, %d events", values, a.body, corrupt)
			}
			b.do("GET /me").wants(t, http.StatusOK)
			b.do("POST /put?x=1").wants(t, http.StatusOK)
			if a := b.do("GET /get?x"); a.body != "1" {
				t.Errorf("%q: not usable any more", values)
			}
		}
	})
	t.Run("SES-23 a record that cannot be read is signed out", func(t *testing.T) {
		var corrupt int
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{OnEvent: func(_ context.Context, e auth.Event) {
			if e.Kind == session.EventCorrupt {
				corrupt++
			}
		}})
		b := s.signedIn(t)
		spy.Fail("find", fmt.Errorf("a store: %w: %w", session.ErrNoSession, session.ErrCorrupt))
		b.do("GET /me").wants(t, http.StatusUnauthorized)
		if corrupt != 1 {
			t.Fatalf("%d events", corrupt)
		}
		b.do("POST /login").wants(t, http.StatusNoContent)
	})
}

// A hookedCodec does something while values are encoded.
type hookedCodec struct {
	scs.GobCodec
	hook func()
}

func (c *hookedCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	c.hook()
	return c.GobCodec.Encode(deadline, values)
}

func TestSignOutDuringCommit(t *testing.T) {
	t.Run("SES-07 SES-22 a sign-out in the middle of a commit wins", func(t *testing.T) {
		spy, codec := newSpy(t, nil), &hookedCodec{}
		s := newSite(t, spy, session.Config{SCS: &scs.SessionManager{Codec: codec}})
		b := s.signedIn(t)
		a := within(t, s, b, func(ctx context.Context) {
			s.SCS().Put(ctx, "x", "y")
			codec.hook = func() {
				if err := s.SignOut(ctx); !errors.Is(err, session.ErrCommitted) {
					t.Errorf("SignOut: %v", err)
				}
			}
		})
		if spy.Len() != 0 {
			t.Fatalf("%d sessions are left", spy.Len())
		}
		if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 {
			t.Fatalf("cookie %v", c)
		}
	})
}

type panicky struct{}

func (panicky) GobEncode() ([]byte, error) { panic("fault") }

// countingCodec is a codec that an application might have.
type countingCodec struct{ scs.GobCodec }

type spyCodec struct {
	scs.GobCodec
	decoded int
}

func (c *spyCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	c.decoded++
	return c.GobCodec.Decode(b)
}

// within runs f in a request of the browser.
func within(t *testing.T, s *site, b *browser, f func(ctx context.Context)) answer {
	t.Helper()
	path := fmt.Sprintf("/within%d", time.Now().UnixNano())
	s.mux.HandleFunc("POST "+path, func(_ http.ResponseWriter, r *http.Request) { f(r.Context()) })
	return b.do("POST " + path)
}

func TestWhereSCSWouldManage(t *testing.T) {
	for name, given := range map[string]*scs.SessionManager{"own": nil, "made by scs.New": scs.New()} {
		t.Run(name, func(t *testing.T) {
			spy := newSpy(t, nil)
			s := newSite(t, spy, session.Config{SCS: given})
			t.Run("Destroy is SignOut", func(t *testing.T) {
				b := s.signedIn(t)
				old := b.token()
				a := within(t, s, b, func(ctx context.Context) {
					s.SCS().Put(ctx, "x", "y")
					if err := s.SCS().Destroy(ctx); err != nil {
						t.Error(err)
					}
					if s.SCS().Exists(ctx, "x") {
						t.Error("a value is left")
					}
				}).wants(t, http.StatusOK)
				if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 || spy.Len() != 0 {
					t.Fatal(c, spy.Len())
				}
				s.browser(t).do("GET /me", "Cookie", cookieName+"="+old).wants(t, http.StatusUnauthorized)
			})
			t.Run("SES-08 Destroy that fails says so", func(t *testing.T) {
				b := s.signedIn(t)
				spy.Fail("revoke", errStore)
				a := within(t, s, b, func(ctx context.Context) {
					s.SCS().Put(ctx, "x", "y")
					if err := s.SCS().Destroy(ctx); !errors.Is(err, errStore) {
						t.Error(err)
					}
				})
				spy.Fail("revoke", nil)
				if c := a.sessionCookie(t); c == nil || c.MaxAge >= 0 {
					t.Fatal(c)
				}
			})
			t.Run("RenewToken renews the id and keeps the values, not the sign-in", func(t *testing.T) {
				b := s.signedIn(t)
				b.do("POST /put?x=1").wants(t, http.StatusOK)
				old, n := b.token(), spy.Len()
				within(t, s, b, func(ctx context.Context) {
					if err := s.SCS().RenewToken(ctx); err != nil {
						t.Error(err)
					}
				}).wants(t, http.StatusOK)
				if b.token() == old || spy.Len() != n {
					t.Fatal("the id is the old one, or the old session is still there")
				}
				b.do("GET /me").wants(t, http.StatusUnauthorized)
				if a := b.do("GET /get?x"); a.body != "1" {
					t.Fatalf("value %q", a.body)
				}
				s.browser(t).do("GET /me", "Cookie", cookieName+"="+old).wants(t, http.StatusUnauthorized)
			})
			t.Run("Destroy and then RenewToken does not bring the sign-in back", func(t *testing.T) {
				b := s.signedIn(t)
				within(t, s, b, func(ctx context.Context) {
					if err := errors.Join(s.SCS().Destroy(ctx), s.SCS().RenewToken(ctx)); err != nil {
						t.Error(err)
					}
					s.SCS().Put(ctx, "x", "2")
				}).wants(t, http.StatusOK)
				b.do("GET /me").wants(t, http.StatusUnauthorized)
			})
			t.Run("the rest has no effect, or fails", func(t *testing.T) {
				b, victim := s.signedIn(t), s.signedIn(t)
				victim.do("POST /put?secret=s3cret").wants(t, http.StatusOK)
				before := b.token()
				within(t, s, b, func(ctx context.Context) {
					m := s.SCS()
					if err := m.MergeSession(ctx, victim.token()); err != nil {
						t.Error(err)
					}
					if m.Exists(ctx, "secret") {
						t.Error("the values of another session")
					}
					if token := m.Token(ctx); token == "" || strings.Contains(before, token) {
						t.Errorf("Token %q", token)
					}
					if d := time.Until(m.Deadline(ctx)); d < 23*time.Hour || d > 24*time.Hour {
						t.Errorf("Deadline in %v", d)
					}
					m.SetDeadline(ctx, time.Now().Add(1000*time.Hour))
					m.RememberMe(ctx, true)
					if _, _, err := m.Commit(ctx); err == nil {
						t.Error("Commit worked")
					}
				}).wants(t, http.StatusOK)
				b.do("GET /me").wants(t, http.StatusOK)
				if b.token() != before {
					t.Error("the token has changed")
				}
				within(t, s, b, func(ctx context.Context) {
					if d := time.Until(s.SCS().Deadline(ctx)); d > 24*time.Hour {
						t.Errorf("the deadline has moved to %v from now", d)
					}
				}).wants(t, http.StatusOK)
				h := s.SCS().LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					s.SCS().Put(r.Context(), "x", "y")
				}))
				for _, h := range []http.Handler{h, s.Handler(h)} {
					w := serve(h, "POST", "/", "Cookie", cookieName+"="+before)
					if w.Code != http.StatusInternalServerError {
						t.Errorf("LoadAndSave: status %d", w.Code)
					}
				}
			})
		})
	}
	t.Run("SES-11 RenewToken does not move the end", func(t *testing.T) {
		c := newClock()
		s := newSite(t, newSpy(t, c), session.Config{Now: c.Now, IdleTimeout: -1})
		b := s.browser(t)
		b.do("POST /put?x=1").wants(t, http.StatusOK)
		c.Advance(23 * time.Hour)
		within(t, s, b, func(ctx context.Context) { _ = s.SCS().RenewToken(ctx) }).wants(t, http.StatusOK)
		if a := b.do("GET /get?x"); a.body != "1" {
			t.Fatalf("value %q", a.body)
		}
		c.Advance(time.Hour)
		if a := b.do("GET /get?x"); a.body != "" {
			t.Fatalf("value %q after the lifetime", a.body)
		}
	})
}

func TestNesting(t *testing.T) {
	outer := newManager(t, nil, session.Config{})
	chain := func(inner *session.Manager, h http.HandlerFunc) http.Handler {
		return outer.Handler(inner.Handler(h))
	}
	wantPanic := func(t *testing.T, f func()) {
		t.Helper()
		defer func() {
			t.Helper()
			if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "scs.New") {
				t.Errorf("panic %v", v)
			}
		}()
		f()
	}
	inner := newManager(t, nil, session.Config{CookieName: "__Host-staff-session"})
	t.Run("two Managers work in one chain", func(t *testing.T) {
		h := chain(inner, func(w http.ResponseWriter, r *http.Request) {
			if err := errors.Join(outer.Begin(r.Context(), alice()), inner.Begin(r.Context(), &auth.Principal{Subject: "u-staff"})); err != nil {
				t.Error(err)
			}
		})
		w := serve(h, "POST", "/")
		if n := len(w.Result().Cookies()); n != 2 {
			t.Fatalf("%d cookies", n)
		}
		var header []string
		for _, c := range w.Result().Cookies() {
			header = append(header, "Cookie", c.Name+"="+c.Value)
		}
		h = chain(inner, func(_ http.ResponseWriter, r *http.Request) {
			a, err1 := outer.Authenticate(r)
			b, err2 := inner.Authenticate(r)
			if err1 != nil || err2 != nil || a.Subject != "u-alice" || b.Subject != "u-staff" {
				t.Error(a, b, err1, err2)
			}
		})
		serve(h, "GET", "/", header...)
	})
	t.Run("values that cannot be told apart are refused loudly", func(t *testing.T) {
		serve(chain(inner, func(_ http.ResponseWriter, r *http.Request) {
			wantPanic(t, func() { outer.SCS().Put(r.Context(), "x", "y") })
			wantPanic(t, func() { inner.SCS().Get(r.Context(), "x") })
		}), "POST", "/")
	})
	t.Run("a manager of scs.New tells them apart", func(t *testing.T) {
		own := newManager(t, nil, session.Config{CookieName: "__Host-staff-session", SCS: scs.New()})
		serve(chain(own, func(_ http.ResponseWriter, r *http.Request) {
			outer.SCS().Put(r.Context(), "x", "outer")
			own.SCS().Put(r.Context(), "x", "inner")
			if a, b := outer.SCS().GetString(r.Context(), "x"), own.SCS().GetString(r.Context(), "x"); a != "outer" || b != "inner" {
				t.Errorf("%q, %q", a, b)
			}
		}), "POST", "/")
	})
	t.Run("XCT-05 one scs manager has one owner", func(t *testing.T) {
		if _, err := session.New(nil, session.Config{SCS: outer.SCS()}); err == nil {
			t.Fatal("no error")
		}
	})
}

func TestNoGoroutines(t *testing.T) {
	t.Run("XCT-06 neither New nor a request starts a goroutine", func(t *testing.T) {
		before := runtime.NumGoroutine()
		for range 1000 {
			m := newManager(t, nil, session.Config{})
			w := httptest.NewRecorder()
			if err := m.SignIn(w, httptest.NewRequest("POST", "https://shop.example/", nil), alice()); err != nil {
				t.Fatal(err)
			}
		}
		// Timers of contexts that were cancelled are not goroutines.
		if n := runtime.NumGoroutine(); n > before+2 {
			t.Fatalf("%d goroutines, %d before", n, before)
		}
	})
}
