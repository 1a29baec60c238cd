package session_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

func setCookie(h http.Header) string {
	pair, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return pair
}

// The client goes away while the k-th call of the store begins.
func TestF15ClientGoneAtEveryCall(t *testing.T) {
	const most = 12
	for path, before := range map[string]string{"/login": "/put?x=1", "/elevate": "/login", "/logout": "/login", "/put?x=2": "/login"} {
		t.Run("F15 I1 there is no half of "+path, func(t *testing.T) {
			for k := 1; ; k++ {
				if k > most {
					t.Fatalf("more than %d calls", most)
				}
				spy := newSpy(t, nil)
				s := newSite(t, spy, session.Config{TouchEvery: time.Nanosecond})
				s.mux.HandleFunc("POST /elevate", func(w http.ResponseWriter, r *http.Request) {
					if err := s.Elevate(r.Context(), auth.Factor{Kind: auth.FactorOTP}); err != nil {
						problem.WriteError(w, r, err)
					}
				})
				h := s.Handler(s.mux)
				old := setCookie(serve(h, "POST", before).Header())
				ctx, cancel := context.WithCancel(t.Context())
				calls := 0
				spy.before = func(context.Context, string) {
					if calls++; calls == k {
						cancel()
					}
				}
				res := serveCtx(ctx, h, "POST", path, "Cookie", old)
				spy.before = nil
				cancel()
				list, err := s.List(t.Context(), "u-alice")
				if err != nil || len(list) > 1 || spy.Len() > 1 {
					t.Fatalf("call %d: %d sessions of the user, %d in all, %v", k, len(list), spy.Len(), err)
				}
				in := func(cookie string) bool {
					return cookie != "" && serve(h, "GET", "/me", "Cookie", cookie).Code == http.StatusOK
				}
				issued := setCookie(res.Header())
				switch path {
				case "/login":
					if in(old) || in(issued) != (len(list) == 1) || in(issued) != (res.Code == http.StatusNoContent) {
						t.Errorf("call %d: status %d, old %v, new %v, %d sessions", k, res.Code, in(old), in(issued), len(list))
					}
				case "/elevate":
					if in(old) == in(issued) || len(list) != 1 {
						t.Errorf("call %d: status %d, old %v, new %v, %d sessions", k, res.Code, in(old), in(issued), len(list))
					}
				case "/logout":
					if in(old) || len(list) != 0 {
						t.Errorf("call %d: status %d, the session lives", k, res.Code)
					}
				default:
					kept := serve(h, "GET", "/get?x", "Cookie", old).Body.String()
					if !in(old) || (kept == "2") != (res.Code == http.StatusOK) {
						t.Errorf("call %d: status %d, value %q", k, res.Code, kept)
					}
				}
				if calls < k {
					return // the request has fewer calls
				}
			}
		})
	}
}

// A hook of the application that panics, or a store, at its k-th call.
func TestF16PanicsEverywhere(t *testing.T) {
	for _, hook := range []string{"store", "clock", "event", "client address", "answer"} {
		t.Run("F16 a panic of the "+hook+" ends its request and nothing else", func(t *testing.T) {
			var left atomic.Int64
			fault := func(at string) {
				if at == hook && left.Add(-1) == 0 {
					panic("fault")
				}
			}
			spy := newSpy(t, nil)
			s := newSite(t, spy, session.Config{
				TouchEvery: time.Nanosecond,
				Now:        func() time.Time { fault("clock"); return time.Now() },
				OnEvent:    func(context.Context, auth.Event) { fault("event") },
				ClientIP:   func(*http.Request) (netip.Addr, error) { fault("client address"); return netip.Addr{}, nil },
				Respond:    func(http.ResponseWriter, *http.Request, *auth.Principal) { fault("answer") },
			})
			spy.before = func(context.Context, string) { fault("store") }
			h := problem.Recover(nil)(s.Handler(s.mux))
			faults := 0
			for _, path := range []string{"POST /login", "GET /me", "POST /put?x=1", "GET /get?x", "POST /logout"} {
				method, path, _ := strings.Cut(path, " ")
				for k := int64(1); k < 20; k++ {
					cookie := setCookie(serve(h, "POST", "/login").Header())
					left.Store(k)
					w := serve(h, method, path, "Cookie", cookie)
					struck := left.Swap(0) <= 0
					if struck {
						faults++
					}
					if struck && hook != "event" && w.Code != http.StatusInternalServerError {
						t.Errorf("%s, call %d: status %d", path, k, w.Code)
					}
					// Whatever became of that session: the next request has an answer.
					if code := serve(h, "GET", "/me", "Cookie", cookie).Code; code != http.StatusOK && code != http.StatusUnauthorized {
						t.Errorf("%s, call %d: the next request: status %d", path, k, code)
					}
					fresh := setCookie(serve(h, "POST", "/login").Header())
					if code := serve(h, "GET", "/me", "Cookie", fresh).Code; code != http.StatusOK {
						t.Errorf("%s, call %d: the next sign-in: status %d", path, k, code)
					}
					if path == "/logout" && w.Code < 400 && serve(h, "GET", "/me", "Cookie", cookie).Code == http.StatusOK {
						t.Errorf("call %d: told as signed out, and is not", k)
					}
					if !struck {
						break
					}
				}
			}
			if faults == 0 {
				t.Error("nothing was tested")
			}
		})
	}
}

func TestSkewedProcesses(t *testing.T) {
	t.Run("F18 F17 two processes whose clocks are 90 s apart agree but for those 90 s, and revive nobody", func(t *testing.T) {
		c := newClock()
		spy := newSpy(t, c)
		cfg := session.Config{IdleTimeout: 10 * time.Minute, Lifetime: time.Hour, Now: c.Now}
		behind := newSite(t, spy, cfg)
		cfg.Now = func() time.Time { return c.Now().Add(90 * time.Second) }
		ahead := newSite(t, spy, cfg)
		in := func(s *site, cookie string) bool {
			return serve(s.Handler(s.mux), "GET", "/me", "Cookie", cookie).Code == http.StatusOK
		}
		byBehind := setCookie(serve(behind.Handler(behind.mux), "POST", "/login").Header())
		byAhead := setCookie(serve(ahead.Handler(ahead.mux), "POST", "/login").Header())
		for _, cookie := range []string{byBehind, byAhead} {
			if !in(behind, cookie) || !in(ahead, cookie) {
				t.Fatal("a session of one is worth nothing at the other")
			}
		}
		// In use at both in turn, it lives on until its absolute end by either clock.
		for range 11 {
			c.Advance(5 * time.Minute)
			if !in(behind, byBehind) || !in(ahead, byBehind) {
				t.Fatal("a session in use has ended")
			}
		}
		c.Advance(4 * time.Minute) // 59:00 behind, 60:30 ahead
		if in(ahead, byBehind) {
			t.Error("a session is good after its end by the clock of the process")
		}
		c.Advance(time.Minute)
		if in(behind, byBehind) || in(ahead, byBehind) {
			t.Error("a session is good after its end by either clock")
		}
		if in(behind, byAhead) && in(ahead, byAhead) {
			t.Error("a session that nobody used is good after the idle timeout")
		}
	})
}
