package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// ways are all the roads by which a first byte can leave.
var ways = map[string]func(w http.ResponseWriter) error{
	"nothing written": func(http.ResponseWriter) error { return nil },
	"WriteHeader":     func(w http.ResponseWriter) error { w.WriteHeader(http.StatusOK); return nil },
	"Write":           func(w http.ResponseWriter) error { _, err := io.WriteString(w, "WELCOME"); return err },
	"ReadFrom": func(w http.ResponseWriter) error {
		rf, ok := w.(io.ReaderFrom)
		if !ok {
			return errors.New("no ReaderFrom")
		}
		_, err := rf.ReadFrom(strings.NewReader("WELCOME"))
		return err
	},
	"io.Copy": func(w http.ResponseWriter) error { _, err := io.Copy(w, strings.NewReader("WELCOME")); return err },
	"Flusher": func(w http.ResponseWriter) error {
		w.(http.Flusher).Flush()
		_, err := io.WriteString(w, "WELCOME")
		return err
	},
	"ResponseController.Flush": func(w http.ResponseWriter) error {
		err := http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "WELCOME")
		return err
	},
	"Early Hints": func(w http.ResponseWriter) error {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, err := io.WriteString(w, "WELCOME")
		return err
	},
	"Unwrap": func(w http.ResponseWriter) error {
		_, err := io.WriteString(w.(interface{ Unwrap() http.ResponseWriter }).Unwrap(), "WELCOME")
		return err
	},
	"http.ServeContent": func(w http.ResponseWriter) error {
		r := httptest.NewRequest("GET", "/", nil)
		http.ServeContent(w, r, "x.txt", time.Time{}, strings.NewReader("WELCOME"))
		return nil
	},
}

func eachProtocol(t *testing.T, f func(t *testing.T, b func(s *site) *browser)) {
	t.Run("HTTP/1.1", func(t *testing.T) { f(t, func(s *site) *browser { return s.browser(t).http1() }) })
	t.Run("HTTP/2", func(t *testing.T) { f(t, func(s *site) *browser { return s.browser(t) }) })
}

func TestCommitBeforeFirstByte(t *testing.T) {
	for way, write := range ways {
		t.Run(way, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, browser func(*site) *browser) {
				spy := newSpy(t, nil)
				s := newSite(t, spy, session.Config{})
				s.mux.HandleFunc("POST /way", func(w http.ResponseWriter, r *http.Request) {
					s.SCS().Put(r.Context(), "name", "alice")
					_ = write(w)
				})
				t.Run("SES-21 S10 the cookie is there", func(t *testing.T) {
					b := browser(s)
					a := b.do("POST /way").wants(t, http.StatusOK)
					if a.sessionCookie(t) == nil {
						t.Fatal("no cookie")
					}
					if a := b.do("GET /get?name"); a.body != "alice" {
						t.Fatalf("value %q", a.body)
					}
				})
				t.Run("SES-20 S09 fact 3 if the commit fails no byte of the handler is sent", func(t *testing.T) {
					for _, op := range []string{"create", "update"} {
						spy.Fail("create", nil)
						b := browser(s)
						if op == "update" {
							b.do("POST /login").wants(t, http.StatusNoContent)
						}
						spy.Fail(op, errStore)
						a := b.do("POST /way").wants(t, http.StatusServiceUnavailable)
						if strings.Contains(a.body, "WELCOME") || !strings.Contains(a.body, `"code":"UNAVAILABLE"`) || strings.Contains(a.body, "secret") {
							t.Errorf("%s: body %q", op, a.body)
						}
						if a.sessionCookie(t) != nil {
							t.Errorf("%s: a cookie was set", op)
						}
					}
				})
			})
		})
	}
}

func TestResponse(t *testing.T) {
	t.Run("SES-21 Early Hints reach the client and the final answer has the cookie", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.HandleFunc("POST /hints", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
		})
		b := s.browser(t)
		var hints int
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			if code == http.StatusEarlyHints {
				hints++
			}
			return nil
		}}
		req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", s.URL+"/hints", nil)
		res, err := b.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if hints != 1 || res.StatusCode != http.StatusCreated || (answer{Response: res}).sessionCookie(t) == nil {
			t.Fatalf("%d hints, status %d, %v", hints, res.StatusCode, res.Header)
		}
	})
	t.Run("SES-21 Early Hints send the headers, so they commit", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("POST /hints", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			w.WriteHeader(http.StatusEarlyHints)
			if err := s.Begin(r.Context(), alice()); !errors.Is(err, session.ErrCommitted) {
				t.Errorf("Begin: %v", err)
			}
		})
		s.browser(t).do("POST /hints").wants(t, http.StatusOK)
	})
	t.Run("SES-20 a sign-in whose response is withheld sets no cookie", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.HandleFunc("POST /half", func(_ http.ResponseWriter, r *http.Request) {
			if err := s.Begin(r.Context(), alice()); err != nil {
				t.Error(err)
			}
			s.SCS().Put(r.Context(), "big", strings.Repeat("x", session.MaxRecordSize))
		})
		if a := s.browser(t).do("POST /half").wants(t, http.StatusInternalServerError); a.sessionCookie(t) != nil {
			t.Fatal("half a login")
		}
	})
	t.Run("SES-21 a hijacker finds the cookie in the header, or an error", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("GET /hijack", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nSet-Cookie: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", w.Header().Get("Set-Cookie"))
			_ = rw.Flush()
		})
		a := s.browser(t).http1().do("GET /hijack").wants(t, http.StatusOK)
		if a.sessionCookie(t) == nil || spy.Len() != 1 {
			t.Fatal("no cookie")
		}
		spy.Fail("create", errStore)
		s.browser(t).http1().do("GET /hijack").wants(t, http.StatusServiceUnavailable)
	})
	t.Run("SES-21 deadlines and full duplex do not commit", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.HandleFunc("POST /deadline", func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			if err := errors.Join(rc.SetReadDeadline(time.Now().Add(time.Minute)), rc.SetWriteDeadline(time.Now().Add(time.Minute))); err != nil {
				t.Error(err)
			}
			if err := rc.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				t.Error(err)
			}
			s.SCS().Put(r.Context(), "x", "y")
		})
		if s.browser(t).do("POST /deadline").wants(t, http.StatusOK).sessionCookie(t) == nil {
			t.Fatal("no cookie")
		}
		if s.browser(t).http1().do("POST /deadline").wants(t, http.StatusOK).sessionCookie(t) == nil {
			t.Fatal("no cookie")
		}
	})
	t.Run("SES-21 after the first byte a write is an error", func(t *testing.T) {
		eachProtocol(t, func(t *testing.T, browser func(*site) *browser) {
			spy := newSpy(t, nil)
			var late []auth.Event
			s := newSite(t, spy, session.Config{OnEvent: func(_ context.Context, e auth.Event) {
				if e.Kind == session.EventLateWrite {
					late = append(late, e)
				}
			}})
			s.mux.HandleFunc("POST /late", func(w http.ResponseWriter, r *http.Request) {
				s.SCS().Put(r.Context(), "x", "in time")
				_, _ = io.WriteString(w, "first byte")
				if got := s.SCS().GetString(r.Context(), "x"); got != "in time" {
					t.Errorf("reading late: %q", got)
				}
				if err := s.Begin(r.Context(), alice()); !errors.Is(err, session.ErrCommitted) {
					t.Errorf("Begin: %v", err)
				}
				w2 := httptest.NewRecorder()
				if err := s.SignIn(w2, r, alice()); !errors.Is(err, session.ErrCommitted) || len(w2.Header()) != 0 {
					t.Errorf("SignIn: %v", err)
				}
				if r.URL.Query().Has("put") {
					s.SCS().Put(r.Context(), "x", "too late")
				}
			})
			b := browser(s)
			b.do("POST /late").wants(t, http.StatusOK) // makes a session
			b.do("POST /late").wants(t, http.StatusOK) // writes to it
			if len(late) != 0 {
				t.Errorf("events %v", late)
			}
			b.do("POST /late?put").wants(t, http.StatusOK)
			if len(late) != 1 || !errors.Is(late[0].Err, session.ErrCommitted) {
				t.Errorf("events %v", late)
			}
			if a := b.do("GET /get?x"); a.body != "in time" {
				t.Errorf("value %q", a.body)
			}
			if spy.Len() != 1 {
				t.Errorf("%d sessions", spy.Len())
			}
		})
	})
	t.Run("SES-21 a late sign-out ends the session and says what it could not do", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		s.mux.HandleFunc("POST /late", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "first byte")
			if err := s.SignOut(r.Context()); !errors.Is(err, session.ErrCommitted) {
				t.Errorf("SignOut: %v", err)
			}
		})
		b := s.signedIn(t)
		b.do("POST /late").wants(t, http.StatusOK)
		b.do("GET /me").wants(t, http.StatusUnauthorized)
		if spy.Len() != 0 {
			t.Fatal("the session lives")
		}
	})
	t.Run("S10 F16 a panic after Put writes no session", func(t *testing.T) {
		spy := newSpy(t, nil)
		m := newManager(t, spy, session.Config{})
		h := problem.Recover(nil)(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			m.SCS().Put(r.Context(), "x", "y")
			panic("fault")
		})))
		w := serve(h, "POST", "/")
		if w.Code != http.StatusInternalServerError || w.Header()["Set-Cookie"] != nil || spy.writes.Load() != 0 {
			t.Fatal(w.Code, w.Header(), spy.writes.Load())
		}
	})
	t.Run("F16 a panic in the store is a panic of the request, and locks nothing", func(t *testing.T) {
		spy := newSpy(t, nil)
		m := newManager(t, spy, session.Config{})
		h := problem.Recover(nil)(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			m.SCS().Put(r.Context(), "x", "y")
		})))
		spy.before = func(context.Context, string) { panic("fault") }
		if w := serve(h, "POST", "/"); w.Code != http.StatusInternalServerError {
			t.Fatal(w.Code)
		}
		spy.before = nil
		if w := serve(h, "POST", "/"); w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
	})
	t.Run("SES-20 values that could not be read do not become an answer", func(t *testing.T) {
		spy := newSpy(t, nil)
		s := newSite(t, spy, session.Config{})
		b := s.signedIn(t)
		b.do("POST /put?x=1").wants(t, http.StatusOK)
		spy.Fail("find", errStore)
		b.do("GET /get?x").wants(t, http.StatusServiceUnavailable)
		b.do("POST /put?x=2").wants(t, http.StatusServiceUnavailable)
		b.do("GET /me").wants(t, http.StatusServiceUnavailable)
		b.do("POST /login").wants(t, http.StatusServiceUnavailable)
		b.do("GET /public").wants(t, http.StatusOK)
		spy.Fail("find", nil)
		if a := b.do("GET /get?x"); a.body != "1" {
			t.Fatalf("value %q", a.body)
		}
	})
	t.Run("writes after a failed commit get the error", func(t *testing.T) {
		spy := newSpy(t, nil)
		m := newManager(t, spy, session.Config{})
		spy.Fail("create", errStore)
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.SCS().Put(r.Context(), "x", "y")
			for range 2 {
				if _, err := io.WriteString(w, "WELCOME"); !errors.Is(err, errStore) {
					t.Error(err)
				}
			}
			if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, errStore) {
				t.Error(err)
			}
			if _, err := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().Write(nil); !errors.Is(err, errStore) {
				t.Error(err)
			}
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, errStore) {
				t.Error(err)
			}
		}))
		if w := serve(h, "POST", "/"); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "WELCOME") {
			t.Fatal(w.Code, w.Body)
		}
	})
	t.Run("SES-21 http.TimeoutHandler inside", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		s.mux.Handle("POST /timeout", http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			_, _ = io.WriteString(w, "done")
		}), time.Minute, ""))
		b := s.browser(t)
		if b.do("POST /timeout").wants(t, http.StatusOK).sessionCookie(t) == nil {
			t.Fatal("no cookie")
		}
	})
	t.Run("SES-21 a stream goes on after the flush", func(t *testing.T) {
		s := newSite(t, nil, session.Config{})
		next := make(chan struct{})
		s.mux.HandleFunc("POST /stream", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			_, _ = io.WriteString(w, "one\n")
			w.(http.Flusher).Flush()
			<-next
			_, _ = io.WriteString(w, "two\n")
		})
		res, err := s.browser(t).http.Post(s.URL+"/stream", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		if !lines.Scan() || lines.Text() != "one" {
			t.Fatal(lines.Text(), lines.Err())
		}
		close(next)
		if !lines.Scan() || lines.Text() != "two" {
			t.Fatal(lines.Text(), lines.Err())
		}
	})
}
