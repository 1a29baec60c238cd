package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

func TestLive(t *testing.T) {
	t.Run("RBA-01 denies until there is a policy", func(t *testing.T) {
		var live rbac.Live
		g := &rbac.Guard{Decider: &live}
		mw := g.Require("orders:write")
		object := rbac.On(g, "orders:read", loadOrder, allowAll)
		want(t, get(mw, as("manager")), 403, problem.Forbidden)
		want(t, get(mw, nil), 401, problem.Unauthenticated)
		want(t, get(object, as("manager")), 403, problem.Forbidden)
		if live.Policy() != nil {
			t.Error("a policy out of nothing")
		}
		if yes, err := live.Decide(context.Background(), as("manager"), "orders:write", nil); yes || err != nil {
			t.Error(yes, err)
		}
		if err := live.Swap(rbac.MustPolicy(shop())); err != nil {
			t.Fatal(err)
		}
		want(t, get(mw, as("manager")), 200, "")
		want(t, get(object, as("manager")), 200, "")
		want(t, get(g.RequireRole("customer"), as("manager")), 200, "")
		ctx := auth.NewContext(context.Background(), as("manager"))
		if !g.Can(ctx, "orders:write") || g.Can(ctx, "users:read") {
			t.Error("Can differs")
		}
	})
	t.Run("RBA-06 a revocation is obeyed by the next request", func(t *testing.T) {
		var live rbac.Live
		g := &rbac.Guard{Decider: &live}
		if err := live.LoadJSON(strings.NewReader(`{"roles":{"customer":{"permissions":["orders:read"]},"admin":{"permissions":["*"]}}}`)); err != nil {
			t.Fatal(err)
		}
		route, holds := g.Require("orders:read"), rbac.On(g, "orders:list", loadOrder, rbac.Holds[*order](&live, "orders:read"))
		want(t, get(route, as("customer")), 200, "")
		if err := live.LoadJSON(strings.NewReader(`{"roles":{"customer":{"permissions":["orders:list"]},"admin":{"permissions":["*"]}}}`)); err != nil {
			t.Fatal(err)
		}
		want(t, get(route, as("customer")), 403, problem.Forbidden)
		want(t, get(holds, as("customer")), 403, problem.Forbidden)
		want(t, get(route, as("admin")), 200, "")
		ctx := auth.NewContext(context.Background(), as("customer"))
		if g.Can(ctx, "orders:read") || g.Check(ctx, "orders:read") == nil {
			t.Error("permitted by name")
		}
	})
	t.Run("RBA-06 the last good policy stays", func(t *testing.T) {
		var live rbac.Live
		if err := live.Swap(rbac.MustPolicy(map[string]rbac.Role{
			"customer": {Permissions: []rbac.Permission{"orders:read"}}, "clerk": {Permissions: []rbac.Permission{"orders:write"}},
		})); err != nil {
			t.Fatal(err)
		}
		g := &rbac.Guard{Decider: &live}
		route := g.Require("orders:read")
		g.RequireAny("orders:read", "orders:write")
		g.RequireRole("clerk")
		before := live.Policy()
		for _, c := range []struct {
			name string
			load func() error
			is   error
			says []string
		}{
			{"nil", func() error { return live.Swap(nil) }, rbac.ErrPolicy, []string{"nil or zero"}},
			{"zero", func() error { return live.Swap(new(rbac.Policy)) }, rbac.ErrPolicy, []string{"nil or zero"}},
			{"broken JSON", func() error { return live.LoadJSON(strings.NewReader(`{`)) }, rbac.ErrPolicy, nil},
			{"a reader that fails", func() error { return live.LoadJSON(iotest.ErrReader(io.ErrClosedPipe)) }, io.ErrClosedPipe, nil},
			{"lacks what routes require", func() error {
				return live.LoadJSON(strings.NewReader(`{"roles":{"customer":{"permissions":["orders:list"]}}}`))
			}, rbac.ErrPolicy, []string{`"orders:read"`, `"orders:write"`, `no role "clerk"`}},
		} {
			if err := c.load(); !errors.Is(err, c.is) {
				t.Errorf("%s: %v", c.name, err)
			} else {
				for _, s := range c.says {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("%s: the error does not say %s: %v", c.name, s, err)
					}
				}
			}
			if live.Policy() != before {
				t.Errorf("%s: the policy is another one", c.name)
			}
			want(t, get(route, as("customer")), 200, "")
		}
	})
	t.Run("RBA-01 a nil Live denies by name and is no Decider for a route", func(t *testing.T) {
		g := &rbac.Guard{Decider: (*rbac.Live)(nil)}
		if g.Can(auth.NewContext(context.Background(), as("admin")), "orders:read") {
			t.Error("permitted")
		}
		mustPanic(t, func() { g.Require("orders:read") })
	})
	t.Run("the same need twice takes no more memory", func(t *testing.T) {
		var live rbac.Live
		if err := live.Swap(rbac.MustPolicy(shop())); err != nil {
			t.Fatal(err)
		}
		g := &rbac.Guard{Decider: &live}
		first, second := g.Require("orders:read"), g.Require("orders:read")
		want(t, get(first, as("customer")), 200, "")
		want(t, get(second, as("customer")), 200, "")
		want(t, get(g.RequireAny("orders:read", "users:read"), as("customer")), 200, "")
		want(t, get(g.Require("orders:read", "users:read"), as("customer")), 403, problem.Forbidden)
		want(t, get(g.RequireRole("customer"), as("customer")), 200, "")
		want(t, get(g.RequireRole("manager"), as("customer")), 403, problem.Forbidden)
		want(t, get(first, as("support")), 403, problem.Forbidden)
		for range 2 {
			want(t, get(g.Require("orders:write"), as("customer")), 403, problem.Forbidden)
		}
	})
	t.Run("a typing error panics once there is a policy", func(t *testing.T) {
		policy := rbac.MustPolicy(map[string]rbac.Role{"r": {Permissions: []rbac.Permission{"orders:read"}}})
		var early rbac.Live
		(&rbac.Guard{Decider: &early}).Require("orders:raed") // nobody can know yet
		if err := early.Swap(policy); err == nil || !strings.Contains(err.Error(), `did you mean "orders:read"?`) {
			t.Error(err)
		}
		var live rbac.Live
		if err := live.Swap(policy); err != nil {
			t.Fatal(err)
		}
		g := &rbac.Guard{Decider: &live}
		mustPanic(t, func() { g.Require("orders:raed") })
		mustPanic(t, func() { g.RequireRole("s") })
		if err := live.Swap(policy); err != nil { // what has panicked is not required
			t.Error(err)
		}
	})
}

// TestSwapWhole (RBA-06): a request sees one policy, not the permissions of one
// and the roles of another. Run it with -race.
func TestSwapWhole(t *testing.T) {
	// The customer has one permission in one policy and the other in the other.
	policies := [2]*rbac.Policy{}
	for i, perm := range []rbac.Permission{"a:x", "b:y"} {
		policies[i] = rbac.MustPolicy(map[string]rbac.Role{
			"customer": {Permissions: []rbac.Permission{perm}},
			"admin":    {Permissions: []rbac.Permission{"a:x", "b:y"}},
		})
	}
	var live rbac.Live
	if err := live.Swap(policies[0]); err != nil {
		t.Fatal(err)
	}
	g := &rbac.Guard{Decider: &live}
	both, either := g.Require("a:x", "b:y")(ok), g.RequireAny("a:x", "b:y")(ok)

	// Roles that are no help make each look take long, so that a policy is swapped
	// in the middle of a decision.
	customer := as()
	for i := range 2000 {
		customer.Roles = append(customer.Roles, fmt.Sprint("stranger", i))
	}
	customer.Roles = append(customer.Roles, "customer")

	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 10 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					if n > 20 {
						return
					}
				default:
				}
				if send(both, customer) != 403 {
					t.Error("permitted by halves of two policies")
					return
				}
				if send(either, customer) != 200 || send(both, as("admin")) != 200 {
					t.Error("denied by halves of two policies")
					return
				}
			}
		})
	}
	for i := range 2000 {
		if err := live.Swap(policies[i%2]); err != nil {
			t.Error(err)
		}
		if i%100 == 0 { // routes may be declared meanwhile
			g.Require("a:x", "b:y")
		}
	}
	close(stop)
	wg.Wait()
}

// TestRemoval (B04): no request that starts after the removal has returned
// succeeds, whether the permission is taken from the role or the role from the
// user. Run it with -race.
func TestRemoval(t *testing.T) {
	with := rbac.MustPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}}, "admin": {Permissions: []rbac.Permission{"orders:read"}},
	})
	without := rbac.MustPolicy(map[string]rbac.Role{
		"customer": {}, "admin": {Permissions: []rbac.Permission{"orders:read"}},
	})
	t.Run("B04 the permission is taken from the role", func(t *testing.T) {
		var live rbac.Live
		if err := live.Swap(with); err != nil {
			t.Fatal(err)
		}
		g := &rbac.Guard{Decider: &live}
		storm(t, g.Require("orders:read")(ok), as("customer"), func() {
			if err := live.Swap(without); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("B04 the role is taken from the user", func(t *testing.T) {
		var roles atomic.Pointer[[]string]
		roles.Store(&[]string{"customer"})
		gate := &auth.Gate{
			Authenticators: []auth.Authenticator{bearer{as("customer")}},
			Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
				now := p.Clone()
				now.Roles = *roles.Load()
				return now, nil
			},
		}
		storm(t, auth.Chain(gate.Handler, with.Require("orders:read"))(ok), nil, func() { roles.Store(&[]string{"guest"}) })
	})
	t.Run("RBA-07 a role source that fails denies", func(t *testing.T) {
		gate := &auth.Gate{
			Authenticators: []auth.Authenticator{bearer{as("customer")}},
			Current: func(context.Context, *auth.Principal) (*auth.Principal, error) {
				return nil, fmt.Errorf("roles: %w", context.DeadlineExceeded)
			},
		}
		if status := send(auth.Chain(gate.Handler, with.Require("orders:read"))(ok), nil); status != 503 {
			t.Error(status)
		}
	})
}

// storm sends 1000 requests at once, again and again, while remove runs.
func storm(t *testing.T, h http.Handler, p *auth.Principal, remove func()) {
	t.Helper()
	const clients = 1000
	var (
		removed       atomic.Bool
		before, after atomic.Int64
		wg            sync.WaitGroup
		running       = make(chan struct{}, clients)
	)
	for range clients {
		wg.Go(func() {
			for last := false; !last; {
				last = removed.Load() // this request starts after the removal has returned
				status := send(h, p)
				switch {
				case last && status == http.StatusOK:
					t.Error("a request that started after the removal succeeded")
				case last:
					after.Add(1)
				case status == http.StatusOK:
					before.Add(1)
				}
				select {
				case running <- struct{}{}:
				default:
				}
			}
		})
	}
	for range clients { // as many requests as there are clients are over
		<-running
	}
	remove()
	removed.Store(true)
	wg.Wait()
	if before.Load() == 0 || after.Load() != clients {
		t.Errorf("%d succeeded before and %d were refused after: the test says little", before.Load(), after.Load())
	}
}

// send returns the status of a request as p.
func send(h http.Handler, p *auth.Principal) int {
	r := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
	if p != nil {
		r = r.WithContext(auth.NewContext(r.Context(), p))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
