package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// A scheme is a credential in a header of its own: absent, "good" or bad.
type scheme struct {
	name    string
	ambient bool
	err     error // what a bad one is refused with; nil: ErrInvalidCredentials
	panics  bool
	calls   *[]string
}

func (s scheme) Authenticate(r *http.Request) (*auth.Principal, error) {
	if s.calls != nil {
		*s.calls = append(*s.calls, s.name)
	}
	if s.panics {
		panic("authenticator exploded: canary")
	}
	switch r.Header.Get("X-" + s.name) {
	case "":
		return nil, fmt.Errorf("%s: %w", s.name, auth.ErrNoCredentials)
	case "good":
		return &auth.Principal{Subject: "u1", Method: s.name}, nil
	case "nil":
		return nil, nil
	}
	if s.err != nil {
		return nil, s.err
	}
	return nil, fmt.Errorf("%s: %w", s.name, auth.ErrInvalidCredentials)
}

func (s scheme) Ambient() bool { return s.ambient }

func (s scheme) Challenge(err error) string {
	var step *auth.StepUpError
	var scope *auth.ScopeError
	switch {
	case errors.As(err, &step):
		return step.Challenge(s.name)
	case errors.As(err, &scope):
		return scope.Challenge(s.name)
	case errors.Is(err, auth.ErrNoCredentials):
		return auth.Challenge(s.name, "realm", "test")
	}
	return auth.Challenge(s.name, "realm", "test", "error", "invalid_token")
}

// who answers with the principal's method, or "nobody".
var who = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	p, ok := auth.FromContext(r.Context())
	if !ok {
		_, _ = w.Write([]byte("nobody"))
		return
	}
	_, _ = w.Write([]byte(p.Method))
})

func request(headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var d problem.Details
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("no problem: %v: %q", err, w.Body)
	}
	return string(d.Code)
}

func TestGate(t *testing.T) {
	key, token, cookie := scheme{name: "key"}, scheme{name: "token"}, scheme{name: "cookie", ambient: true}
	all := []auth.Authenticator{cookie, key, token} // the ambient one is named first and asked last

	for _, tc := range []struct {
		name     string
		optional bool
		headers  []string
		status   int
		body     string
	}{
		{"nothing", false, nil, 401, "UNAUTHENTICATED"},
		{"nothing, optional", true, nil, 200, "nobody"},
		{"cookie", false, []string{"X-cookie", "good"}, 200, "cookie"},
		{"token", false, []string{"X-token", "good"}, 200, "token"},
		{"token and cookie: the explicit one decides", false, []string{"X-cookie", "good", "X-token", "good"}, 200, "token"},
		{"bad token, good cookie", false, []string{"X-cookie", "good", "X-token", "bad"}, 401, "INVALID_CREDENTIALS"},
		{"bad key, good token", false, []string{"X-key", "bad", "X-token", "good"}, 401, "INVALID_CREDENTIALS"},
		{"good key, bad token: the first present decides", false, []string{"X-key", "good", "X-token", "bad"}, 200, "key"},
		{"bad token, optional", true, []string{"X-token", "bad"}, 401, "INVALID_CREDENTIALS"},
		{"an authenticator without an answer", false, []string{"X-token", "nil"}, 500, "INTERNAL_ERROR"},
		{"an authenticator without an answer, optional", true, []string{"X-token", "nil"}, 500, "INTERNAL_ERROR"},
	} {
		t.Run("XCT-09 "+tc.name, func(t *testing.T) {
			g := &auth.Gate{Authenticators: all, Optional: tc.optional}
			w := do(g.Handler(who), request(tc.headers...))
			got := w.Body.String()
			if tc.status >= 400 {
				got = code(t, w)
			}
			if w.Code != tc.status || got != tc.body {
				t.Errorf("got %d %s, want %d %s", w.Code, got, tc.status, tc.body)
			}
		})
	}

	t.Run("XCT-09 later authenticators are not asked once one has decided", func(t *testing.T) {
		var calls []string
		g := auth.Require(scheme{name: "key", calls: &calls}, scheme{name: "token", calls: &calls})
		do(g(who), request("X-key", "bad", "X-token", "good"))
		if !slices.Equal(calls, []string{"key"}) {
			t.Errorf("asked %v", calls)
		}
	})

	t.Run("XCT-05 an empty Gate denies, optional or not", func(t *testing.T) {
		for _, g := range []*auth.Gate{{}, {Optional: true}} {
			w := do(g.Handler(who), request("X-token", "good"))
			if w.Code != 401 {
				t.Errorf("%+v: %d %s", g, w.Code, w.Body)
			}
			if _, err := g.Authenticate(request()); err == nil || !strings.Contains(err.Error(), "no Authenticators") {
				t.Errorf("the log is not told why: %v", err)
			}
		}
		if w := do(auth.Require()(who), request()); w.Code != 401 {
			t.Errorf("Require(): %d", w.Code)
		}
	})

	t.Run("PRB-05 H04 a panicking or nil authenticator is a 500 and authenticates nobody", func(t *testing.T) {
		for _, a := range []auth.Authenticator{scheme{name: "x", panics: true}, nil, auth.AuthenticatorFunc(nil)} {
			for _, optional := range []bool{false, true} {
				g := &auth.Gate{Authenticators: []auth.Authenticator{a}, Optional: optional}
				if w := do(g.Handler(who), request()); w.Code != 500 || strings.Contains(w.Body.String(), "canary") {
					t.Errorf("%T: %d %s", a, w.Code, w.Body)
				}
			}
		}
	})

	t.Run("XCT-09 H04 a panic is never the absence of a credential, whatever its value", func(t *testing.T) {
		for _, v := range []error{auth.ErrNoCredentials, auth.ErrInvalidCredentials} {
			bad := auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { panic(v) })
			g := &auth.Gate{Authenticators: []auth.Authenticator{bad, key}, Optional: true}
			if w := do(g.Handler(who), request("X-key", "good")); w.Code != 500 {
				t.Errorf("%v: %d %s", v, w.Code, w.Body)
			}
		}
	})

	t.Run("an optional gate further in does not hide who is known", func(t *testing.T) {
		inner := (&auth.Gate{Authenticators: []auth.Authenticator{token}, Optional: true}).Handler
		h := auth.Chain(auth.Require(key), inner)(who)
		if w := do(h, request("X-key", "good")); w.Body.String() != "key" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := do(h, request("X-key", "good", "X-token", "bad")); w.Code != 401 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})

	t.Run("an error with a face of its own keeps it", func(t *testing.T) {
		down := fmt.Errorf("redis: %w", problem.Wrap(problem.Unavailable, errors.New("dial: canary")))
		w := do(auth.Require(scheme{name: "key", err: down})(who), request("X-key", "bad"))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	})

	t.Run("XCT-08 H01 identity headers are nobody", func(t *testing.T) {
		r := request("X-User-Id", "admin", "X_User_Id", "admin", "X-Forwarded-User", "admin", "Remote-User", "admin")
		if w := do(auth.Require(all...)(who), r); w.Code != 401 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		g := &auth.Gate{Authenticators: all, Optional: true}
		if w := do(g.Handler(who), r); w.Body.String() != "nobody" {
			t.Errorf("%s", w.Body)
		}
	})

	t.Run("a Gate is an Authenticator", func(t *testing.T) {
		inner := &auth.Gate{Authenticators: []auth.Authenticator{key, token}}
		if w := do(auth.Require(inner, cookie)(who), request("X-cookie", "good")); w.Body.String() != "cookie" {
			t.Errorf("falls short: %d %s", w.Code, w.Body)
		}
		if w := do(auth.Require(inner, cookie)(who), request("X-key", "bad", "X-cookie", "good")); w.Code != 401 {
			t.Errorf("a bad credential of the inner gate fell through: %d", w.Code)
		}
	})

	t.Run("changing the Gate after Handler does not open it", func(t *testing.T) {
		g := &auth.Gate{Authenticators: []auth.Authenticator{key}}
		h := g.Handler(who)
		g.Authenticators[0], g.Optional = token, true
		if w := do(h, request("X-token", "good")); w.Code != 401 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})

	t.Run("an identity costs two allocations", func(t *testing.T) {
		p := &auth.Principal{Subject: "u1"}
		h := auth.Require(auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { return p, nil }))(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r, w := request(), httptest.NewRecorder()
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n > 2 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestGateChallenges(t *testing.T) {
	h := auth.Require(scheme{name: "key"}, scheme{name: "token"}, auth.AuthenticatorFunc(
		func(*http.Request) (*auth.Principal, error) { return nil, auth.ErrNoCredentials }))(who)

	t.Run("JWT-17 one challenge per scheme, without an error code when nothing was sent", func(t *testing.T) {
		w := do(h, request())
		want := []string{`key realm="test"`, `token realm="test"`}
		if got := w.Header().Values("WWW-Authenticate"); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("JWT-17 only the scheme that was refused has an error code", func(t *testing.T) {
		w := do(h, request("X-token", "bad"))
		want := []string{`key realm="test"`, `token realm="test", error="invalid_token"`}
		if got := w.Header().Values("WWW-Authenticate"); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("H02 a parameter cannot inject", func(t *testing.T) {
		got := auth.Challenge("Bearer", "realm", "a\"b\\c\r\nSet-Cookie: x=y\x00é\x7f~", "error", "")
		want := `Bearer realm="a\"b\\c  Set-Cookie: x=y    ~"`
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if got := auth.Challenge("Negotiate"); got != "Negotiate" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a refusal behind the Gate is challenged by the scheme that admitted", func(t *testing.T) {
		deny := func(err error) http.Handler {
			return auth.Require(scheme{name: "key"}, scheme{name: "token"})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				problem.WriteError(w, r, auth.Challenged(r.Context(), err))
			}))
		}
		w := do(deny(&auth.ScopeError{Scope: `orders:write "x"`}), request("X-token", "good"))
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 403 || got != `token error="insufficient_scope", scope="orders:write \"x\""` {
			t.Errorf("%d %q", w.Code, got)
		}
		if code(t, w) != "INSUFFICIENT_SCOPE" {
			t.Errorf("%s", w.Body)
		}
		visitors := (&auth.Gate{Authenticators: []auth.Authenticator{scheme{name: "key"}, scheme{name: "token"}}, Optional: true}).Handler
		w = do(visitors(auth.RequireFresh(time.Hour)(who)), request())
		if got := w.Header().Values("WWW-Authenticate"); w.Code != 401 || !slices.Equal(got, []string{`key realm="test"`, `token realm="test"`}) {
			t.Errorf("a visitor of an optional gate: %d %q", w.Code, got)
		}
		plain := errors.New("no gate here")
		if err := auth.Challenged(context.Background(), plain); err != plain { //nolint:errorlint // identity is the point
			t.Errorf("got %v", err)
		}
	})
}

func TestGateCurrent(t *testing.T) {
	key := scheme{name: "key"}
	for _, tc := range []struct {
		name    string
		current auth.Current
		status  int
	}{
		{"as it was", func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil }, 200},
		{"refused", func(context.Context, *auth.Principal) (*auth.Principal, error) {
			return nil, auth.ErrInvalidCredentials
		}, 401},
		{"refused with the wrong word", func(context.Context, *auth.Principal) (*auth.Principal, error) { return nil, auth.ErrNoCredentials }, 401},
		{"forbidden", func(context.Context, *auth.Principal) (*auth.Principal, error) { return nil, auth.ErrForbidden }, 403},
		{"source down", func(context.Context, *auth.Principal) (*auth.Principal, error) { return nil, errors.New("down") }, 500},
		{"no answer", func(context.Context, *auth.Principal) (*auth.Principal, error) { return nil, nil }, 500},
		{"another subject", func(context.Context, *auth.Principal) (*auth.Principal, error) {
			return &auth.Principal{Subject: "u2"}, nil
		}, 500},
		{"panic", func(context.Context, *auth.Principal) (*auth.Principal, error) { panic("x") }, 500},
	} {
		for _, optional := range []bool{false, true} {
			t.Run(fmt.Sprintf("RBA-07 SES-17 %s, optional %v", tc.name, optional), func(t *testing.T) {
				var events []auth.Event
				g := &auth.Gate{
					Authenticators: []auth.Authenticator{key}, Optional: optional, Current: tc.current,
					OnEvent: func(_ context.Context, e auth.Event) { events = append(events, e) },
				}
				w := do(g.Handler(who), request("X-key", "good"))
				if w.Code != tc.status {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
				if tc.status == 200 {
					if len(events) != 0 {
						t.Errorf("events %v", events)
					}
					return
				}
				if len(events) != 1 || events[0].Kind != auth.EventRefused || events[0].Subject != "u1" || events[0].Err == nil {
					t.Errorf("events %+v", events)
				}
			})
		}
	}

	t.Run("XCT-09 who is refused by the hook of an inner Gate is not asked by the outer one again", func(t *testing.T) {
		inner := &auth.Gate{
			Authenticators: []auth.Authenticator{key},
			Current:        func(context.Context, *auth.Principal) (*auth.Principal, error) { return nil, auth.ErrNoCredentials },
		}
		if w := do(auth.Require(inner, scheme{name: "token"})(who), request("X-key", "good", "X-token", "good")); w.Code != 401 {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
	t.Run("a hook without an answer is named in the event", func(t *testing.T) {
		var events []auth.Event
		g := &auth.Gate{
			Authenticators: []auth.Authenticator{key},
			Current:        func(context.Context, *auth.Principal) (*auth.Principal, error) { return nil, nil },
			OnEvent:        func(_ context.Context, e auth.Event) { events = append(events, e) },
		}
		do(g.Handler(who), request("X-key", "good"))
		if len(events) != 1 || !strings.Contains(events[0].Err.Error(), "Current") {
			t.Errorf("got %+v", events)
		}
	})
	t.Run("JWT-20 a demotion counts at the next request, for any credential", func(t *testing.T) {
		roles := []string{"admin"}
		g := &auth.Gate{
			Authenticators: []auth.Authenticator{key, scheme{name: "token"}},
			Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
				p = p.Clone()
				p.Roles = roles
				return p, nil
			},
		}
		h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, _ := auth.FromContext(r.Context())
			_, _ = fmt.Fprint(w, p.Roles)
		}))
		if got := do(h, request("X-key", "good")).Body.String(); got != "[admin]" {
			t.Error(got)
		}
		roles = nil
		for _, name := range []string{"X-key", "X-token"} {
			if got := do(h, request(name, "good")).Body.String(); got != "[]" {
				t.Error(got)
			}
		}
	})
}

func TestGateEvents(t *testing.T) {
	var events []auth.Event
	g := &auth.Gate{
		Authenticators: []auth.Authenticator{scheme{name: "key"}},
		OnEvent:        func(_ context.Context, e auth.Event) { events = append(events, e) },
	}
	h := g.Handler(who)
	t.Run("XCT-04 a bad credential is an event, an absent one is not", func(t *testing.T) {
		do(h, request())
		do(h, request("X-key", "good"))
		if len(events) != 0 {
			t.Errorf("got %v", events)
		}
		r := request("X-key", "bad", "X-Forwarded-For", "203.0.113.9")
		r.RemoteAddr = "[::ffff:192.0.2.1]:1234"
		do(h, r)
		if len(events) != 1 || events[0].Address.String() != "192.0.2.1" || events[0].Time.Location() != time.UTC || time.Since(events[0].Time) > time.Minute {
			t.Errorf("got %+v", events)
		}
	})
	t.Run("XCT-04 the address is what ClientIP says, and unknown if it cannot", func(t *testing.T) {
		events = nil
		said := netip.MustParseAddr("203.0.113.9")
		var fault error
		g := &auth.Gate{Authenticators: g.Authenticators, OnEvent: g.OnEvent, ClientIP: func(*http.Request) (netip.Addr, error) { return said, fault }}
		do(g.Handler(who), request("X-key", "bad"))
		fault = errors.New("no such proxy")
		do(g.Handler(who), request("X-key", "bad"))
		if len(events) != 2 || events[0].Address != said || events[1].Address.IsValid() {
			t.Errorf("got %+v", events)
		}
	})
	t.Run("XCT-04 a panicking hook changes nothing", func(t *testing.T) {
		g := &auth.Gate{Authenticators: []auth.Authenticator{scheme{name: "key"}}, OnEvent: func(context.Context, auth.Event) { panic("x") }}
		if w := do(g.Handler(who), request("X-key", "bad")); w.Code != 401 {
			t.Errorf("%d", w.Code)
		}
	})
}

func TestChain(t *testing.T) {
	tag := func(s string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte(s))
				next.ServeHTTP(w, r)
			})
		}
	}
	if got := do(auth.Chain(tag("a"), tag("b"))(who), request()).Body.String(); got != "abnobody" {
		t.Error(got)
	}
	if got := do(auth.Chain()(who), request()).Body.String(); got != "nobody" {
		t.Error(got)
	}
}
