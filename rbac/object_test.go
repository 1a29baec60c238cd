package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"reflect"
	"slices"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

type order struct{ id, owner, tenant string }

var orders = map[string]*order{
	"7": {"7", "u7", "north"}, // what most tests ask for
	"8": {"8", "u1", "north"},
	"9": {"9", "u1", "south"},
	"0": {"0", "", ""},
}

func loadOrder(r *http.Request) (*order, error) {
	if o := orders[path.Base(r.URL.Path)]; o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("order %s: %w", path.Base(r.URL.Path), rbac.ErrNotFound)
}

func ownerOf(o *order) string  { return o.owner }
func tenantOf(o *order) string { return o.tenant }

func allowAll(context.Context, *auth.Principal, rbac.Permission, *order) (bool, error) {
	return true, nil
}

// order asks for an order by its id.
func getOrder(mw func(http.Handler) http.Handler, p *auth.Principal, id string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/orders/"+id+"?tenant=north&tenant_id=north&owner=u1", nil)
	r.Header = http.Header{"X-Tenant": {"north"}, "X-Tenant-Id": {"north"}, "X-User-Id": {"u7"}, "Tenant": {"north"}}
	r = r.WithContext(auth.NewContext(r.Context(), p))
	w := httptest.NewRecorder()
	mw(ok).ServeHTTP(w, r)
	return w
}

// in is a customer of a tenant.
func in(tenant string) *auth.Principal {
	p := as("customer")
	p.Attributes = map[string]string{"tenant": tenant}
	return p
}

func TestOn(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	t.Run("RBA-08 owner", func(t *testing.T) {
		mw := rbac.On(pol, "orders:read", loadOrder, rbac.Owner(ownerOf))
		want(t, getOrder(mw, as("customer"), "8"), 200, "")
		want(t, getOrder(mw, as("customer"), "7"), 403, problem.Forbidden)
		want(t, getOrder(mw, as("customer"), "6"), 404, problem.NotFound)
		want(t, getOrder(mw, as("support"), "8"), 403, problem.Forbidden) // owns it but may not read orders
		nobody := as("customer")
		nobody.Subject = ""
		want(t, getOrder(mw, nobody, "0"), 403, problem.Forbidden)
	})
	t.Run("RBA-08 the tenant is that of the principal, not of the request", func(t *testing.T) {
		mw := rbac.On(pol, "orders:read", loadOrder, rbac.Tenant("tenant", tenantOf))
		want(t, getOrder(mw, in("north"), "7"), 200, "")
		want(t, getOrder(mw, in("north"), "9"), 403, problem.Forbidden)
		want(t, getOrder(mw, in("south"), "7"), 403, problem.Forbidden)
		want(t, getOrder(mw, in("north "), "7"), 403, problem.Forbidden)
		want(t, getOrder(mw, in(""), "0"), 403, problem.Forbidden)
		want(t, getOrder(mw, as("customer"), "0"), 403, problem.Forbidden)
	})
	t.Run("RBA-08 a rule gets principal, action and object", func(t *testing.T) {
		p, called := as("customer"), 0
		mw := rbac.On(pol, "orders:read", loadOrder, func(ctx context.Context, got *auth.Principal, perm rbac.Permission, o *order) (bool, error) {
			called++
			if q, _ := auth.FromContext(ctx); q != p || got != p || perm != "orders:read" || o != orders["9"] {
				t.Error(got, perm, o)
			}
			return false, nil
		})
		want(t, getOrder(mw, p, "9"), 403, problem.Forbidden)
		if called != 1 {
			t.Error(called)
		}
	})
	t.Run("all rules must permit", func(t *testing.T) {
		mw := rbac.On(pol, "orders:read", loadOrder, rbac.Tenant("tenant", tenantOf), rbac.Owner(ownerOf))
		for _, c := range []struct {
			tenant, id string
			status     int
		}{{"north", "8", 200}, {"north", "7", 403}, {"south", "8", 403}, {"south", "9", 200}, {"east", "7", 403}} {
			if w := getOrder(mw, in(c.tenant), c.id); w.Code != c.status {
				t.Errorf("%+v: %d", c, w.Code)
			}
		}
	})
	t.Run("AnyOf and Holds", func(t *testing.T) {
		mw := rbac.On(pol, "orders:read", loadOrder, rbac.AnyOf(rbac.Owner(ownerOf), rbac.Holds[*order](pol, "users:read")))
		want(t, getOrder(mw, as("customer"), "8"), 200, "")
		want(t, getOrder(mw, as("customer"), "7"), 403, problem.Forbidden)
		want(t, getOrder(mw, as("customer", "auditor"), "7"), 200, "")
		bound := scoped("customer", "orders:read")
		bound.Roles = append(bound.Roles, "auditor")
		want(t, getOrder(mw, bound, "7"), 403, problem.Forbidden)

		sees := rbac.DeciderFunc(func(_ context.Context, _ *auth.Principal, perm rbac.Permission, o any) (bool, error) {
			return o == any(orders["7"]) && perm == "orders:any", nil
		})
		mw = rbac.On(pol, "orders:read", loadOrder, rbac.Holds[*order](sees, "orders:any"))
		want(t, getOrder(mw, as("customer"), "7"), 200, "")
		want(t, getOrder(mw, as("customer"), "8"), 403, problem.Forbidden)
	})
	t.Run("RBA-02 a hidden object is answered as one that does not exist", func(t *testing.T) {
		var seen events
		g := &rbac.Guard{Decider: pol, Hide: true, OnEvent: seen.add}
		mw := rbac.On(g, "orders:read", loadOrder, rbac.Owner(ownerOf))
		hidden, absent := getOrder(mw, as("customer"), "7"), getOrder(mw, as("customer"), "6")
		if hidden.Code != 404 || hidden.Body.String() != absent.Body.String() || !reflect.DeepEqual(hidden.Header(), absent.Header()) {
			t.Errorf("%d %v %s\n%d %v %s", hidden.Code, hidden.Header(), hidden.Body, absent.Code, absent.Header(), absent.Body)
		}
		// The event tells what the answer does not, and only of the refusal.
		if e := seen.one(t); !errors.Is(e.Err, auth.ErrForbidden) {
			t.Errorf("%+v", e)
		}
	})
	t.Run("the object reaches the handler, and was loaded once", func(t *testing.T) {
		loads := 0
		load := func(r *http.Request) (*order, error) { loads++; return loadOrder(r) }
		h := rbac.On(pol, "orders:read", load, rbac.Owner(ownerOf))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			o, found := rbac.Resource[*order](r.Context())
			if !found || o != orders["8"] {
				t.Error(o, found)
			}
			if _, found := rbac.Resource[order](r.Context()); found {
				t.Error("an object of another type")
			}
			if p, found := auth.FromContext(r.Context()); !found || p.Subject != "u1" {
				t.Error("the principal is gone")
			}
			_, _ = io.WriteString(w, o.id)
		}))
		w := getOrder(func(http.Handler) http.Handler { return h }, as("customer"), "8")
		if w.Body.String() != "8" || loads != 1 {
			t.Error(w.Body, loads)
		}
		if _, found := rbac.Resource[*order](context.Background()); found {
			t.Error("an object out of nothing")
		}
	})
	t.Run("a Policy is asked before anything is loaded", func(t *testing.T) {
		load := func(*http.Request) (*order, error) { t.Error("loaded"); return nil, rbac.ErrNotFound }
		mw := rbac.On(pol, "orders:write", load, rbac.Owner(ownerOf))
		want(t, getOrder(mw, as("customer"), "8"), 403, problem.Forbidden)
		want(t, getOrder(mw, scoped("manager"), "8"), 403, problem.InsufficientScope)
		want(t, getOrder(mw, nil, "8"), 401, problem.Unauthenticated)
	})
	t.Run("another Decider is asked with the object, and rules after it", func(t *testing.T) {
		var asked []any
		d := rbac.DeciderFunc(func(_ context.Context, _ *auth.Principal, _ rbac.Permission, o any) (bool, error) {
			asked = append(asked, o)
			return o == any(orders["8"]), nil
		})
		want(t, getOrder(rbac.On(d, "orders:read", loadOrder), as(), "8"), 200, "")
		want(t, getOrder(rbac.On(d, "orders:read", loadOrder), as(), "7"), 403, problem.Forbidden)
		want(t, getOrder(rbac.On(d, "orders:read", loadOrder), as(), "6"), 404, problem.NotFound)
		want(t, getOrder(rbac.On(d, "orders:read", loadOrder, rbac.Tenant("tenant", tenantOf)), as(), "8"), 403, problem.Forbidden)
		if !slices.Equal(asked, []any{orders["8"], orders["7"], orders["8"]}) {
			t.Error(asked)
		}
	})
}

func TestOnFaults(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	type loader = func(*http.Request) (*order, error)
	type rule = rbac.Rule[*order]
	fails := func(err error) rule {
		return func(context.Context, *auth.Principal, rbac.Permission, *order) (bool, error) { return true, err }
	}
	for _, c := range []struct {
		name   string
		load   loader
		rule   rule
		status int
		code   problem.Code
	}{
		{"RBA-07 a loader that fails", func(*http.Request) (*order, error) { return orders["8"], errors.New("db: down") }, allowAll, 500, problem.Internal},
		{"RBA-07 a loader that is too slow", func(*http.Request) (*order, error) { return orders["8"], context.DeadlineExceeded }, allowAll, 503, problem.Unavailable},
		{"H04 a loader that panics", func(*http.Request) (*order, error) { panic("db: nil") }, allowAll, 500, problem.Internal},
		{"a loader whose error reads as success", func(*http.Request) (*order, error) {
			return orders["8"], &problem.Error{Details: problem.Details{Status: 204}}
		}, allowAll, 500, problem.Internal},
		{"RBA-07 a rule that fails beside a yes", loadOrder, fails(errors.New("rule: down")), 503, problem.Unavailable},
		{"RBA-07 a rule of AnyOf that fails", loadOrder, rbac.AnyOf(fails(errors.New("rule: down")), allowAll), 503, problem.Unavailable},
		{"RBA-07 a Decider of Holds that fails", loadOrder, rbac.Holds[*order](decide(true, errors.New("engine: down")), "a:b"), 503, problem.Unavailable},
		{"H04 a Decider of Holds that panics", loadOrder, rbac.Holds[*order](explode("engine: nil"), "a:b"), 500, problem.Internal},
		{"H04 a rule that panics", loadOrder, func(context.Context, *auth.Principal, rbac.Permission, *order) (bool, error) { panic("rule: nil") }, 500, problem.Internal},
		{"H04 nil for an object", func(*http.Request) (*order, error) { return nil, nil }, rbac.Owner(ownerOf), 500, problem.Internal},
		{"a rule with a face of its own", loadOrder, fails(fmt.Errorf("order: %w", rbac.ErrNotFound)), 404, problem.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, hide := range []bool{false, true} {
				mw := rbac.On(&rbac.Guard{Decider: pol, Hide: hide}, "orders:read", c.load, c.rule)
				w := getOrder(mw, as("customer"), "8")
				want(t, w, c.status, c.code)
			}
		})
	}
	t.Run("H04 other requests go on", func(t *testing.T) {
		mw := rbac.On(pol, "orders:read", loadOrder, func(_ context.Context, _ *auth.Principal, _ rbac.Permission, o *order) (bool, error) {
			if o.id == "7" {
				panic("rule: nil")
			}
			return true, nil
		})
		want(t, getOrder(mw, as("customer"), "7"), 500, problem.Internal)
		want(t, getOrder(mw, as("customer"), "8"), 200, "")
	})
	t.Run("RBA-09 what could not decide panics when the route is declared", func(t *testing.T) {
		for name, f := range map[string]func(){
			"no rule":               func() { rbac.On(pol, "orders:read", loadOrder) },
			"nil rule":              func() { rbac.On(pol, "orders:read", loadOrder, nil) },
			"nil loader":            func() { rbac.On[*order](pol, "orders:read", nil, allowAll) },
			"wildcard":              func() { rbac.On(pol, "orders:*", loadOrder, allowAll) },
			"unknown permission":    func() { rbac.On(pol, "", loadOrder, allowAll) },
			"nil rule of AnyOf":     func() { rbac.AnyOf[*order](allowAll, nil) },
			"AnyOf of nothing":      func() { rbac.AnyOf[*order]() },
			"Owner of nothing":      func() { rbac.Owner[*order](nil) },
			"Tenant of nothing":     func() { rbac.Tenant[*order]("tenant", nil) },
			"Tenant without a name": func() { rbac.Tenant("", tenantOf) },
			"Holds a wildcard":      func() { rbac.Holds[*order](pol, "*") },
		} {
			t.Run(name, func(t *testing.T) { mustPanic(t, f) })
		}
	})
}
