package rbac_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

// decide makes a Decider of fixed answers.
func decide(yes bool, err error) rbac.Decider {
	return rbac.DeciderFunc(func(context.Context, *auth.Principal, rbac.Permission, any) (bool, error) { return yes, err })
}

// explode makes a Decider that panics with v.
func explode(v any) rbac.Decider {
	return rbac.DeciderFunc(func(context.Context, *auth.Principal, rbac.Permission, any) (bool, error) { panic(v) })
}

func TestGuard(t *testing.T) {
	t.Run("RBA-01 the zero Guard denies", func(t *testing.T) {
		var g rbac.Guard
		ctx := auth.NewContext(context.Background(), as("admin"))
		want(t, get(g.Require("orders:read"), as("admin")), 403, problem.Forbidden)
		want(t, get(g.RequireAny("orders:read"), as("admin")), 403, problem.Forbidden)
		want(t, get(g.RequireRole("admin"), as("admin")), 403, problem.Forbidden)
		want(t, get(rbac.On(nil, "orders:read", loadOrder, rbac.Owner(ownerOf)), as("admin")), 403, problem.Forbidden)
		if g.Can(ctx, "orders:read") || g.Check(ctx, "orders:read") == nil {
			t.Error("permitted")
		}
		if yes, _ := g.Decide(ctx, as("admin"), "orders:read", nil); yes {
			t.Error("permitted")
		}
	})
	t.Run("a Guard in use is not changed by its owner", func(t *testing.T) {
		g := &rbac.Guard{Decider: rbac.MustPolicy(shop())}
		mw := g.Require("orders:write")
		g.Decider, g.Hide = decide(true, nil), true
		want(t, get(mw, as("customer")), 403, problem.Forbidden)
	})
	t.Run("a Guard of a Guard", func(t *testing.T) {
		inner := &rbac.Guard{Decider: rbac.MustPolicy(shop())}
		g := &rbac.Guard{Decider: inner}
		want(t, get(g.Require("orders:write"), as("customer")), 403, problem.Forbidden)
		want(t, get(g.Require("orders:write"), scoped("manager", "orders:read")), 403, problem.InsufficientScope)
		want(t, get(g.RequireRole("customer"), as("manager")), 200, "")
		err := g.Check(auth.NewContext(context.Background(), scoped("manager")), "orders:write")
		if !errors.Is(err, auth.ErrScope) {
			t.Error(err)
		}
	})
	t.Run("RBA-02 Hide answers 404 to known callers only", func(t *testing.T) {
		g := &rbac.Guard{Decider: rbac.MustPolicy(shop()), Hide: true}
		mw := g.Require("orders:write")
		want(t, get(mw, as("customer")), 404, problem.NotFound)
		want(t, get(mw, nil), 401, problem.Unauthenticated)
		want(t, get(mw, scoped("manager")), 403, problem.InsufficientScope)
		want(t, get(mw, as("manager")), 200, "")
	})
	t.Run("RBA-02 a refusal for want of scope names the scheme of the credential", func(t *testing.T) {
		pol := rbac.MustPolicy(shop())
		for name, c := range map[string]struct {
			p    *auth.Principal
			want []string
		}{
			"scope": {scoped("manager", "orders:read"), []string{`Bearer error="insufficient_scope", scope="orders:write"`}},
			"role":  {as("customer"), nil},
		} {
			h := auth.Chain(auth.Require(bearer{c.p}), pol.Require("orders:write"))(ok)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders", nil))
			if got := w.Result().Header.Values("WWW-Authenticate"); w.Code != 403 || !slices.Equal(got, c.want) {
				t.Errorf("%s: %d %q, want %q", name, w.Code, got, c.want)
			}
		}
	})
	t.Run("RBA-10 without an authentication in front it denies and the log says why", func(t *testing.T) {
		var log bytes.Buffer
		g := &rbac.Guard{
			Decider: rbac.MustPolicy(shop()),
			OnEvent: auth.LogEvents(slog.New(slog.NewTextHandler(&log, nil))),
		}
		for _, mw := range []func(http.Handler) http.Handler{
			g.Require("orders:read"), g.RequireAny("orders:read"), g.RequireRole("admin"),
			rbac.On(g, "orders:read", loadOrder, rbac.Owner(ownerOf)),
			(&rbac.Guard{Decider: decide(true, nil), OnEvent: g.OnEvent}).Require("orders:read"),
			rbac.On(&rbac.Guard{Decider: decide(true, nil), OnEvent: g.OnEvent}, "orders:read", loadOrder),
		} {
			log.Reset()
			w := get(mw, nil)
			want(t, w, 401, problem.Unauthenticated)
			if !strings.Contains(log.String(), "no Gate (auth.Require) is mounted in front") || !strings.Contains(log.String(), "request.denied") {
				t.Errorf("the log says %q", log.String())
			}
			if strings.Contains(w.Body.String(), "Gate") {
				t.Errorf("the client is told: %s", w.Body)
			}
		}
	})
	t.Run("an ErrorHandler answers", func(t *testing.T) {
		g := &rbac.Guard{Decider: rbac.MustPolicy(shop()), ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, auth.ErrForbidden) || !strings.Contains(err.Error(), `"orders:write"`) {
				t.Error(err)
			}
			w.WriteHeader(http.StatusTeapot)
		}}
		if w := get(g.Require("orders:write"), as("customer")); w.Code != http.StatusTeapot {
			t.Error(w.Code)
		}
	})
}

// bearer is an Authenticator that knows one caller.
type bearer struct{ p *auth.Principal }

func (b bearer) Authenticate(*http.Request) (*auth.Principal, error) { return b.p, nil }

func (b bearer) Challenge(err error) string {
	var e *auth.ScopeError
	if errors.As(err, &e) {
		return e.Challenge("Bearer")
	}
	return auth.Challenge("Bearer", "error", "invalid_token")
}

func TestEvents(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	t.Run("RBA-11 every refusal is one event, without a secret", func(t *testing.T) {
		for _, c := range []struct {
			name     string
			mw       func(g *rbac.Guard) func(http.Handler) http.Handler
			p        *auth.Principal
			resource string
			is       error
		}{
			{"role", func(g *rbac.Guard) func(http.Handler) http.Handler { return g.Require("orders:write") }, as("customer"), "orders:write", auth.ErrForbidden},
			{"scope", func(g *rbac.Guard) func(http.Handler) http.Handler { return g.Require("orders:write") }, scoped("manager"), "orders:write", auth.ErrScope},
			{"all", func(g *rbac.Guard) func(http.Handler) http.Handler { return g.Require("orders:read", "users:read") }, as("customer"), "orders:read users:read", auth.ErrForbidden},
			{"any", func(g *rbac.Guard) func(http.Handler) http.Handler {
				return g.RequireAny("orders:write", "users:read")
			}, as("customer"), "orders:write users:read", auth.ErrForbidden},
			{"role required", func(g *rbac.Guard) func(http.Handler) http.Handler { return g.RequireRole("admin") }, as("customer"), "role=admin", auth.ErrForbidden},
			{"object", func(g *rbac.Guard) func(http.Handler) http.Handler {
				return rbac.On(g, "orders:read", loadOrder, rbac.Owner(ownerOf))
			}, as("customer"), "orders:read", auth.ErrForbidden},
			{"hidden", func(g *rbac.Guard) func(http.Handler) http.Handler { g.Hide = true; return g.Require("orders:write") }, as("customer"), "orders:write", auth.ErrForbidden},
			{"fault", func(g *rbac.Guard) func(http.Handler) http.Handler {
				g.Decider = decide(true, context.Canceled)
				return g.Require("orders:write")
			}, as("customer"), "orders:write", context.Canceled},
		} {
			t.Run(c.name, func(t *testing.T) {
				var seen events
				g := &rbac.Guard{Decider: pol, OnEvent: seen.add}
				get(c.mw(g), c.p)
				e := seen.one(t)
				if e.Kind != auth.EventDenied || e.Resource != c.resource || !errors.Is(e.Err, c.is) {
					t.Errorf("%+v", e)
				}
				if e.Subject != "u1" || e.Method != auth.MethodSession || e.CredentialID != "c1" || e.Time.IsZero() ||
					e.Address != netip.MustParseAddr("192.0.2.1") {
					t.Errorf("%+v", e)
				}
			})
		}
	})
	t.Run("RBA-11 nothing of the credential or the request is in events and answers", func(t *testing.T) {
		const canary = "s3cr3t-canary"
		p := as("customer", "role-"+canary)
		p.Attributes = map[string]string{"token": canary}
		p.Scopes = []string{"scope:" + canary}
		var log bytes.Buffer
		for _, d := range []rbac.Decider{pol, decide(false, nil), decide(true, errors.New("engine: down")), explode("engine: nil")} {
			g := &rbac.Guard{Decider: d, AuditGrants: true, OnEvent: auth.LogEvents(slog.New(slog.NewJSONHandler(&log, nil)))}
			for _, mw := range []func(http.Handler) http.Handler{g.Require("orders:read"), g.RequireAny("orders:write"), rbac.On(g, "orders:read", loadOrder, allowAll)} {
				r := httptest.NewRequest(http.MethodGet, "/orders/7?key="+canary, nil)
				r.Header = http.Header{"Authorization": {"Bearer " + canary}, "Cookie": {"session=" + canary}, "X-Api-Key": {canary}}
				w := httptest.NewRecorder()
				mw(ok).ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), p)))
				if w.Code < 400 || strings.Contains(fmt.Sprint(w.Body, w.Header()), canary) {
					t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
				}
			}
		}
		if log.Len() == 0 || strings.Contains(log.String(), canary) {
			t.Error(log.String())
		}
	})
	t.Run("RBA-11 grants are events if wanted", func(t *testing.T) {
		for _, wanted := range []bool{false, true} {
			var seen events
			g := &rbac.Guard{Decider: pol, OnEvent: seen.add, AuditGrants: wanted}
			get(g.Require("orders:read"), as("customer"))
			get(rbac.On(g, "orders:read", loadOrder, allowAll), as("customer"))
			if !wanted {
				if len(seen.list) != 0 {
					t.Error(seen.list)
				}
				continue
			}
			if len(seen.list) != 2 {
				t.Fatal(seen.list)
			}
			for _, e := range seen.list {
				if e.Kind != rbac.EventGranted || e.Resource != "orders:read" || e.Subject != "u1" || e.Err != nil {
					t.Errorf("%+v", e)
				}
			}
		}
	})
	t.Run("RBA-11 Check is an attempt, Can a question", func(t *testing.T) {
		var seen events
		g := &rbac.Guard{Decider: pol, OnEvent: seen.add}
		ctx := auth.NewContext(context.Background(), as("customer"))
		if g.Can(ctx, "orders:write") || !g.Can(ctx, "orders:read") || g.Check(ctx, "orders:read") != nil {
			t.Error("wrong answer")
		}
		if len(seen.list) != 0 {
			t.Error(seen.list)
		}
		if g.Check(ctx, "orders:write") == nil {
			t.Error("permitted")
		}
		if e := seen.one(t); e.Resource != "orders:write" || e.Subject != "u1" || e.Address.IsValid() {
			t.Errorf("%+v", e)
		}
	})
	t.Run("the address is that of the peer, or of ClientIP", func(t *testing.T) {
		for _, c := range []struct {
			peer string
			ip   func(*http.Request) (netip.Addr, error)
			want netip.Addr
		}{
			{"198.51.100.7:40", nil, netip.MustParseAddr("198.51.100.7")},
			{"[::ffff:198.51.100.7]:40", nil, netip.MustParseAddr("198.51.100.7")},
			{"198.51.100.7", nil, netip.MustParseAddr("198.51.100.7")},
			{"@", nil, netip.Addr{}},
			{"198.51.100.7:40", func(*http.Request) (netip.Addr, error) { return netip.MustParseAddr("203.0.113.9"), nil }, netip.MustParseAddr("203.0.113.9")},
			{"198.51.100.7:40", func(*http.Request) (netip.Addr, error) { return netip.MustParseAddr("203.0.113.9"), errors.New("no") }, netip.Addr{}},
		} {
			var seen events
			g := &rbac.Guard{Decider: pol, OnEvent: seen.add, ClientIP: c.ip}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			r.Header.Set("X-Forwarded-For", "10.0.0.1")
			g.Require("orders:read")(ok).ServeHTTP(httptest.NewRecorder(), r)
			if e := seen.one(t); e.Address != c.want {
				t.Errorf("%s: %v, want %v", c.peer, e.Address, c.want)
			}
		}
	})
	t.Run("a sink that panics neither opens nor breaks", func(t *testing.T) {
		g := &rbac.Guard{Decider: pol, AuditGrants: true, OnEvent: func(context.Context, auth.Event) { panic("full") }}
		want(t, get(g.Require("orders:write"), as("customer")), 403, problem.Forbidden)
		want(t, get(g.Require("orders:write"), as("manager")), 200, "")
	})
}

func TestDecider(t *testing.T) {
	faced := problem.Sentinel(problem.TooManyRequests, "engine: slow down")
	for _, c := range []struct {
		name   string
		d      rbac.Decider
		status int
		code   problem.Code
	}{
		{"yes", decide(true, nil), 200, ""},
		{"no", decide(false, nil), 403, problem.Forbidden},
		{"RBA-07 an error denies", decide(false, errors.New("engine: connection refused")), 503, problem.Unavailable},
		{"RBA-07 an error beside a yes denies", decide(true, errors.New("engine: connection refused")), 503, problem.Unavailable},
		{"RBA-07 a passed deadline", decide(true, context.DeadlineExceeded), 503, problem.Unavailable},
		{"an error with a face of its own", decide(true, fmt.Errorf("engine: %w", faced)), 429, problem.TooManyRequests},
		{"an error that reads as success", decide(true, &problem.Error{Details: problem.Details{Status: 200, Title: "ok"}}), 500, problem.Internal},
		{"a step-up", decide(true, &auth.StepUpError{}), 401, problem.StepUpRequired},
		{"H04 a panic", explode("engine: nil map"), 500, problem.Internal},
		{"H04 a panic with a face", explode(auth.ErrForbidden), 500, problem.Internal},
		{"H04 a nil function", rbac.DeciderFunc(nil), 500, problem.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &rbac.Guard{Decider: c.d}
			for _, hide := range []bool{false, true} {
				g.Hide = hide
				status, problemCode := c.status, c.code
				if hide && status == 403 {
					status, problemCode = 404, problem.NotFound
				}
				want(t, get(g.Require("a:b"), as()), status, problemCode)
				want(t, get(g.Require("a:b", "a:c"), as()), status, problemCode)
				want(t, get(g.RequireAny("a:b", "a:c"), as()), status, problemCode)
				want(t, get(rbac.On(g, "a:b", loadOrder), as()), status, problemCode)
			}
			ctx := auth.NewContext(context.Background(), as())
			if g.Can(ctx, "a:b") != (c.status == 200) || (g.Check(ctx, "a:b") == nil) != (c.status == 200) {
				t.Error("Can or Check differs")
			}
			yes, err := g.Decide(ctx, as(), "a:b", nil)
			refused := c.status == 401 || c.status == 403
			if yes != (c.status == 200) || (err != nil) != (!yes && !refused) {
				t.Error("Decide", yes, err)
			}
		})
	}
	t.Run("all and any", func(t *testing.T) {
		d := rbac.DeciderFunc(func(_ context.Context, _ *auth.Principal, perm rbac.Permission, _ any) (bool, error) {
			if perm == "is:down" {
				return false, errors.New("engine: down")
			}
			return perm == "may:this", nil
		})
		g := &rbac.Guard{Decider: d}
		want(t, get(g.Require("may:this", "may:that"), as()), 403, problem.Forbidden)
		want(t, get(g.Require("may:this", "is:down"), as()), 503, problem.Unavailable)
		want(t, get(g.RequireAny("may:that", "may:this"), as()), 200, "")
		want(t, get(g.RequireAny("may:that", "is:down", "may:this"), as()), 503, problem.Unavailable)
		want(t, get(g.RequireAny("may:that", "may:not"), as()), 403, problem.Forbidden)
		want(t, get(g.RequireAny("may:not", "may:this", "may:that"), scoped("", "may:that")), 403, problem.InsufficientScope)
	})
	t.Run("RBA-07 nothing is remembered: every input is asked anew", func(t *testing.T) {
		type question struct {
			subject string
			perm    rbac.Permission
			object  any
		}
		var asked []question
		d := rbac.DeciderFunc(func(_ context.Context, p *auth.Principal, perm rbac.Permission, object any) (bool, error) {
			asked = append(asked, question{p.Subject, perm, object})
			return len(asked)%2 == 1, nil
		})
		g := &rbac.Guard{Decider: d}
		mw := g.Require("a:b")
		want(t, get(mw, as()), 200, "")
		want(t, get(mw, as()), 403, problem.Forbidden)
		want(t, get(rbac.On(g, "a:c", loadOrder), as()), 200, "")
		if !slices.Equal(asked, []question{{"u1", "a:b", nil}, {"u1", "a:b", nil}, {"u1", "a:c", orders["7"]}}) {
			t.Error(asked)
		}
	})
	t.Run("is never asked about nobody, nor for what is no permission", func(t *testing.T) {
		g := &rbac.Guard{Decider: explode("asked")}
		want(t, get(g.Require("a:b"), nil), 401, problem.Unauthenticated)
		if err := g.Check(context.Background(), "a:b"); !errors.Is(err, auth.ErrNoCredentials) {
			t.Error(err)
		}
		ctx := auth.NewContext(context.Background(), as())
		for _, perm := range []rbac.Permission{"", "a", "a:*", "*", "a:b c"} {
			if err := g.Check(ctx, perm); !errors.Is(err, auth.ErrForbidden) {
				t.Error(perm, err)
			}
			mustPanic(t, func() { g.Require(perm) })
		}
	})
	t.Run("knows no roles", func(t *testing.T) {
		mustPanic(t, func() { (&rbac.Guard{Decider: decide(true, nil)}).RequireRole("admin") })
	})
	t.Run("H04 the way to abort a response stays open", func(t *testing.T) {
		mw := (&rbac.Guard{Decider: explode(http.ErrAbortHandler)}).Require("a:b")
		if v := mustPanic(t, func() { get(mw, as()) }); v != any(http.ErrAbortHandler) {
			t.Error(v)
		}
	})
}
