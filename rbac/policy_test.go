package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

func TestDenyByDefault(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	t.Run("RBA-01 a nil and a zero policy deny everywhere", func(t *testing.T) {
		for _, pol := range []*rbac.Policy{nil, {}} {
			admin := as("admin", "")
			ctx := auth.NewContext(context.Background(), admin)
			if pol.Allows(admin, "orders:read") || pol.Can(ctx, "orders:read") || pol.Permissions(admin) != nil {
				t.Error("permitted")
			}
			if yes, err := pol.Decide(ctx, admin, "orders:read", nil); yes || err != nil {
				t.Error("decided", yes, err)
			}
			if err := pol.Check(ctx, "orders:read"); !errors.Is(err, auth.ErrForbidden) || !strings.Contains(err.Error(), "NewPolicy") {
				t.Error(err)
			}
			if e := pol.Explain(admin, "orders:read"); e.Allowed || e.Reason == "" {
				t.Error(e)
			}
			for _, mw := range []func(http.Handler) http.Handler{
				pol.Require("orders:read"), pol.RequireAny("orders:read"), pol.RequireRole("admin"),
				rbac.On(pol, "orders:read", loadOrder, rbac.Owner(ownerOf)),
			} {
				want(t, get(mw, admin), http.StatusForbidden, problem.Forbidden)
				want(t, get(mw, nil), http.StatusUnauthorized, problem.Unauthenticated)
			}
		}
	})
	t.Run("RBA-01 no principal, no role, unknown role, unknown permission", func(t *testing.T) {
		for name, p := range map[string]*auth.Principal{
			"no principal": nil, "zero principal": {}, "no role": as(), "unknown role": as("root"),
		} {
			if pol.Allows(p, "orders:read") {
				t.Errorf("%s: permitted", name)
			}
		}
		if pol.Allows(as("customer", "manager", "support"), "users:read") {
			t.Error("a permission of others is permitted")
		}
		for _, perm := range []rbac.Permission{"", ":", "*", "orders:*", "orders", "orders:", ":read", "orders:read:x", "orders:read ", "or ders:x", "nothing"} {
			if pol.Allows(as("admin"), perm) {
				t.Errorf("admin may %q, which is no permission", perm)
			}
		}
	})
	t.Run("B01 names of roles that are nearly right", func(t *testing.T) {
		mw, role := pol.Require("orders:read"), pol.RequireRole("admin")
		for _, name := range []string{
			"", " ", "admin ", " admin", "Admin", "ADMIN", "*", "admin\x00", "\x00", "admin\n", "adm", "adminadmin", "admin,customer",
			strings.Repeat("admin", 100), "\xff", "аdmin", // the last begins with a Cyrillic letter
		} {
			want(t, get(mw, as(name)), http.StatusForbidden, problem.Forbidden)
			want(t, get(role, as(name)), http.StatusForbidden, problem.Forbidden)
			if pol.Allows(as(name), "orders:read") {
				t.Errorf("role %q may", name)
			}
		}
		want(t, get(mw, as("unknown", "", "admin ", "customer")), http.StatusOK, "")
	})
	t.Run("RBA-02 401 without a principal, 403 without the permission", func(t *testing.T) {
		mw := pol.Require("orders:write")
		want(t, get(mw, nil), http.StatusUnauthorized, problem.Unauthenticated)
		want(t, get(mw, as("customer")), http.StatusForbidden, problem.Forbidden)
		want(t, get(mw, as("manager")), http.StatusOK, "")
	})
}

func TestRequire(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	t.Run("all and any", func(t *testing.T) {
		for _, c := range []struct {
			name     string
			mw       func(http.Handler) http.Handler
			p        *auth.Principal
			admitted bool
		}{
			{"all, has both by inheritance", pol.Require("orders:read", "orders:write"), as("manager"), true},
			{"all, has one", pol.Require("orders:read", "orders:write"), as("customer"), false},
			{"all, has each by another role", pol.Require("orders:read", "tickets:close"), as("support", "customer"), true},
			{"any, has one", pol.RequireAny("users:read", "orders:read"), as("customer"), true},
			{"any, has none", pol.RequireAny("users:read", "orders:write"), as("customer"), false},
			{"wildcard of the resource", pol.Require("tickets:reopen"), as("support"), true},
			{"wildcard of another resource", pol.Require("tickets-archive:read"), as("support"), false},
			{"wildcard of everything", pol.Require("tickets:reopen", "never-named:before"), as("admin"), true},
			{"role held", pol.RequireRole("customer"), as("customer"), true},
			{"role inherited", pol.RequireRole("customer"), as("manager"), true},
			{"role not held", pol.RequireRole("manager"), as("customer"), false},
			{"role not held but everything granted", pol.RequireRole("manager"), as("admin"), false},
			{"one of two roles", pol.RequireRole("admin", "manager"), as("manager"), true},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, problemCode := http.StatusForbidden, problem.Forbidden
				if c.admitted {
					status, problemCode = http.StatusOK, ""
				}
				want(t, get(c.mw, c.p), status, problemCode)
				want(t, get(c.mw, nil), http.StatusUnauthorized, problem.Unauthenticated)
			})
		}
	})
	t.Run("RBA-09 B02 an empty list panics when the route is declared", func(t *testing.T) {
		mustPanic(t, func() { pol.Require() })
		mustPanic(t, func() { pol.RequireAny() })
		mustPanic(t, func() { pol.RequireRole() })
		mustPanic(t, func() { (*rbac.Policy)(nil).Require() })
		mustPanic(t, func() { rbac.AnyOf[*order]() })
		mustPanic(t, func() { rbac.On(pol, "orders:read", loadOrder) })
		elsewhere := rbac.DeciderFunc(func(context.Context, *auth.Principal, rbac.Permission, any) (bool, error) { return true, nil })
		mustPanic(t, func() { (&rbac.Guard{Decider: elsewhere}).Require() })
		mustPanic(t, func() { (&rbac.Guard{Decider: elsewhere}).RequireAny() })
	})
	t.Run("a typing error panics when the route is declared", func(t *testing.T) {
		strict := shop()
		delete(strict, "admin") // "*" would make everything known
		pol := rbac.MustPolicy(strict)
		for perm, hint := range map[rbac.Permission]string{
			"orders:raed":     `did you mean "orders:read"?`,
			"order:read":      `did you mean "orders:read"?`,
			"Orders:read":     `did you mean "orders:read"?`,
			"billing:read":    `no role is granted "billing:read"`,
			"orders:*":        "wildcard",
			"*":               "wildcard",
			"":                "empty",
			"orders":          "resource:action",
			"orders: read":    "resource:action",
			"orders:read\x00": "resource:action",
			rbac.Permission(strings.Repeat("a", 127) + ":b"): "longer",
		} {
			for _, declare := range []func(...rbac.Permission) func(http.Handler) http.Handler{pol.Require, pol.RequireAny} {
				if v := mustPanic(t, func() { declare("orders:write", perm) }); !strings.Contains(fmt.Sprint(v), hint) {
					t.Errorf("%q: the panic does not say %q: %v", perm, hint, v)
				}
			}
		}
		if v := mustPanic(t, func() { pol.RequireRole("manger") }); !strings.Contains(fmt.Sprint(v), `did you mean "manager"?`) {
			t.Error(v)
		}
		mustPanic(t, func() { pol.RequireRole("") })
		mustPanic(t, func() { pol.RequireRole("customer", "*") })
		mustPanic(t, func() { (*rbac.Policy)(nil).RequireRole("admin ") })
		mustPanic(t, func() { (*rbac.Policy)(nil).Require("orders:*") })
	})
}

func TestScopes(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	for _, c := range []struct {
		name   string
		p      *auth.Principal
		perm   rbac.Permission
		status int
		code   problem.Code
	}{
		{"nil bounds nothing", as("manager"), "orders:write", 200, ""},
		{"an empty list withholds everything", scoped("manager"), "orders:write", 403, problem.InsufficientScope},
		{"the permission itself", scoped("manager", "x:y", "orders:write"), "orders:write", 200, ""},
		{"the resource", scoped("manager", "orders:*"), "orders:write", 200, ""},
		{"everything", scoped("manager", "*"), "orders:write", 200, ""},
		{"another action", scoped("manager", "orders:read"), "orders:write", 403, problem.InsufficientScope},
		{"another resource", scoped("manager", "order:*"), "orders:write", 403, problem.InsufficientScope},
		{"a scope is no grant", scoped("customer", "orders:write"), "orders:write", 403, problem.Forbidden},
		{"everything is no grant", scoped("customer", "*"), "orders:write", 403, problem.Forbidden},
		{"prefix", scoped("manager", "orders:w"), "orders:write", 403, problem.InsufficientScope},
		{"wildcard in the middle", scoped("manager", "ord*:write", "orders:w*", "*:write", "**", "orders:**"), "orders:write", 403, problem.InsufficientScope},
		{"case", scoped("manager", "Orders:*", "ORDERS:WRITE"), "orders:write", 403, problem.InsufficientScope},
		{"spaces", scoped("manager", "orders:write ", " *", "orders:read orders:write", ""), "orders:write", 403, problem.InsufficientScope},
		{"wildcard grant, narrow scope", scoped("admin", "users:read"), "orders:write", 403, problem.InsufficientScope},
		{"wildcard grant, right scope", scoped("admin", "users:*"), "users:read", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want(t, get(pol.Require(c.perm), c.p), c.status, c.code)
			want(t, get(pol.RequireAny(c.perm), c.p), c.status, c.code)
			if pol.Allows(c.p, c.perm) != (c.status == 200) {
				t.Error("Allows differs")
			}
			yes := rbac.DeciderFunc(func(_ context.Context, p *auth.Principal, perm rbac.Permission, _ any) (bool, error) {
				return pol.Allows(as(p.Roles...), perm), nil // knows nothing of scopes
			})
			want(t, get((&rbac.Guard{Decider: yes}).Require(c.perm), c.p), c.status, c.code)
		})
	}
	t.Run("several permissions", func(t *testing.T) {
		reads := scoped("manager", "orders:read")
		want(t, get(pol.Require("orders:read", "orders:write"), reads), 403, problem.InsufficientScope)
		want(t, get(pol.RequireAny("orders:read", "orders:write"), reads), 200, "")
		want(t, get(pol.Require("orders:read", "users:read"), reads), 403, problem.Forbidden)
		want(t, get(pol.Require("orders:write", "users:read"), reads), 403, problem.Forbidden)
		want(t, get(pol.RequireAny("orders:write", "users:read"), reads), 403, problem.InsufficientScope)
		// Covered by one and granted by another role is not the same permission.
		want(t, get(pol.RequireAny("orders:write", "users:read"), scoped("manager", "users:read")), 403, problem.InsufficientScope)
	})
	t.Run("a role is no permission", func(t *testing.T) {
		mw := pol.RequireRole("manager")
		want(t, get(mw, scoped("manager", "orders:*", "manager", "role=manager")), 403, problem.InsufficientScope)
		want(t, get(mw, scoped("manager", "*")), 200, "")
	})
	t.Run("the error names the scope", func(t *testing.T) {
		ctx := auth.NewContext(context.Background(), scoped("manager", "orders:read"))
		var e *auth.ScopeError
		if err := pol.Check(ctx, "orders:write"); !errors.As(err, &e) || e.Scope != "orders:write" {
			t.Error(err)
		}
	})
}

func TestNewPolicyRefuses(t *testing.T) {
	type roles = map[string]rbac.Role
	perms := func(p ...rbac.Permission) rbac.Role { return rbac.Role{Permissions: p} }
	inherits := func(r ...string) rbac.Role { return rbac.Role{Inherits: r} }
	chain := make(roles)
	for i := range 34 {
		chain[fmt.Sprintf("r%02d", i)] = inherits(fmt.Sprintf("r%02d", i+1))
	}
	chain["r34"] = perms("a:b")
	crowd := make(roles)
	for i := range 10_001 {
		crowd[fmt.Sprint("r", i)] = perms("a:b")
	}
	wide := make([]rbac.Permission, 100_001)
	for i := range wide {
		wide[i] = rbac.Permission(fmt.Sprint("a:", i))
	}
	large := make(roles)
	for i := range 9_000 {
		large[fmt.Sprint("r", i)] = perms("a:b")
	}
	large["wide"] = perms(wide[:60_000]...)

	for _, c := range []struct {
		name  string
		roles roles
		says  []string
	}{
		{"no roles", nil, []string{"no roles"}},
		{"empty name", roles{"": perms("a:b")}, []string{`role ""`, "empty"}},
		{"B01 space at the end", roles{"admin ": perms("a:b")}, []string{`role "admin "`, "space"}},
		{"B01 NUL", roles{"admin\x00": perms("a:b")}, []string{`role "admin\x00"`, "ASCII"}},
		{"B01 asterisk", roles{"*": perms("a:b")}, []string{`role "*"`, "asterisk"}},
		{"not ASCII", roles{"админ": perms("a:b")}, []string{"ASCII"}},
		{"long name", roles{strings.Repeat("r", 129): perms("a:b")}, []string{"longer than 128 bytes"}},
		{"RBA-04 wildcard inside", roles{"r": perms("ord*:read", "*:read", "**", "orders:r*", "orders:*:x", "*:*")},
			[]string{`"ord*:read"`, `"*:read"`, `"**"`, `"orders:r*"`, `"orders:*:x"`, `"*:*"`}},
		{"permission forms", roles{"r": perms("", "orders", "orders:", ":read", "a:b:c", "a b:c", "ä:b", ":*", "a\x00:*")},
			[]string{`permission ""`, `"orders"`, `"orders:"`, `":read"`, `"a:b:c"`, `"a b:c"`, `"ä:b"`, `":*"`, `"a\x00:*"`}},
		{"long permission", roles{"r": perms(rbac.Permission(strings.Repeat("a", 127)+":b"), rbac.Permission(strings.Repeat("a", 127)+":*"))},
			[]string{"longer than 128 bytes"}},
		{"permission twice", roles{"r": perms("a:b", "a:c", "a:b")}, []string{`role "r" lists the permission "a:b" twice`}},
		{"parent twice", roles{"p": perms("a:b"), "r": inherits("p", "p")}, []string{`lists the parent "p" twice`}},
		{"unknown parent", roles{"manager": perms("a:b"), "r": inherits("manger")}, []string{`"r" inherits "manger"`, `did you mean "manager"?`}},
		{"RBA-05 inherits itself", roles{"r": inherits("r")}, []string{`"r" -> "r"`}},
		{"RBA-05 circle", roles{"a": inherits("b"), "b": inherits("c"), "c": inherits("b", "d"), "d": perms("a:b")}, []string{`"b" -> "c" -> "b"`}},
		{"RBA-05 two circles", roles{"a": inherits("b"), "b": inherits("a"), "x": inherits("y"), "y": inherits("x")},
			[]string{`"a" -> "b" -> "a"`, `"x" -> "y" -> "x"`}},
		{"RBA-05 over-deep", chain, []string{`role "r01"`, "33 parents", "limit is 32"}},
		{"too many roles", crowd, []string{"10001 roles"}},
		{"too many permissions", roles{"r": perms(wide...)}, []string{"100001 different permissions"}},
		{"too much of both", large, []string{"split the policy"}},
		{"all problems at once", roles{"": perms("x"), "r": {Permissions: []rbac.Permission{"y"}, Inherits: []string{"nobody"}}},
			[]string{`role ""`, `permission "x"`, `permission "y"`, `"nobody"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pol, err := rbac.NewPolicy(c.roles)
			if pol != nil || !errors.Is(err, rbac.ErrPolicy) {
				t.Fatalf("policy %v, error %v", pol != nil, err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("the error does not say %s: %v", s, err)
				}
			}
		})
	}
	t.Run("an endless list of problems is cut", func(t *testing.T) {
		many := make(roles)
		for i := range 1000 {
			many[fmt.Sprint("r", i)] = perms("x")
		}
		_, err := rbac.NewPolicy(many)
		if err == nil || !strings.Contains(err.Error(), "and 900 more") || strings.Count(err.Error(), "\n") != 100 {
			t.Error(err)
		}
	})
	t.Run("MustPolicy panics", func(t *testing.T) { mustPanic(t, func() { rbac.MustPolicy(nil) }) })
}

func TestNewPolicyAccepts(t *testing.T) {
	t.Run("RBA-05 the deepest chain, and a diamond", func(t *testing.T) {
		roles := map[string]rbac.Role{"r32": {Permissions: []rbac.Permission{"a:b"}}}
		for i := range 32 {
			roles[fmt.Sprintf("r%02d", i)] = rbac.Role{Inherits: []string{fmt.Sprintf("r%02d", i+1)}}
		}
		roles["left"] = rbac.Role{Inherits: []string{"r32"}}
		roles["right"] = rbac.Role{Inherits: []string{"r32"}}
		roles["top"] = rbac.Role{Inherits: []string{"left", "right"}}
		pol, err := rbac.NewPolicy(roles)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []string{"r00", "top"} {
			if !pol.Allows(as(role), "a:b") {
				t.Errorf("%s is not granted what it inherits", role)
			}
		}
	})
	t.Run("names at their bounds", func(t *testing.T) {
		role := "Domain Admins, " + strings.Repeat("x", 113)
		perm := rbac.Permission(strings.Repeat("a", 126) + ":b")
		pol, err := rbac.NewPolicy(map[string]rbac.Role{role: {Permissions: []rbac.Permission{perm, rbac.Permission(strings.Repeat("c", 126) + ":*")}}})
		if err != nil {
			t.Fatal(err)
		}
		if !pol.Allows(as(role), perm) || !pol.Allows(as(role), rbac.Permission(strings.Repeat("c", 126)+":z")) {
			t.Error("denied")
		}
		if pol.Allows(as(role), rbac.Permission(strings.Repeat("c", 126)+":zz")) {
			t.Error("a permission of 129 bytes is permitted")
		}
	})
	t.Run("the caller's maps and slices are copied", func(t *testing.T) {
		roles := shop()
		pol := rbac.MustPolicy(roles)
		before, _ := pol.MarshalJSON()
		for name, role := range roles {
			for i := range role.Permissions {
				role.Permissions[i] = "evil:x"
			}
			for i := range role.Inherits {
				role.Inherits[i] = "admin"
			}
			delete(roles, name)
		}
		if after, _ := pol.MarshalJSON(); string(before) != string(after) || pol.Allows(as("customer"), "evil:x") {
			t.Error("the policy has changed")
		}
	})
	t.Run("more roles than a route keeps a table for", func(t *testing.T) {
		roles := make(map[string]rbac.Role)
		for i := range 300 {
			roles[fmt.Sprint("role-", i)] = rbac.Role{Permissions: []rbac.Permission{"orders:read"}}
		}
		roles["other"] = rbac.Role{Permissions: []rbac.Permission{"a:b"}}
		mw := rbac.MustPolicy(roles).Require("orders:read")
		for name := range maps.Keys(roles) {
			status, c := 200, problem.Code("")
			if name == "other" {
				status, c = 403, problem.Forbidden
			}
			want(t, get(mw, as(name)), status, c)
		}
	})
}

func TestPermissions(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	for _, c := range []struct {
		p    *auth.Principal
		want []rbac.Permission
	}{
		{nil, nil},
		{as("nobody"), nil},
		{as("manager"), []rbac.Permission{"orders:read", "orders:write"}},
		{as("admin"), []rbac.Permission{"audit-log-of-all-tenants:read", "orders:read", "orders:write", "users:read"}},
		{as("auditor", "customer"), []rbac.Permission{"audit-log-of-all-tenants:read", "orders:read", "users:read"}},
		{scoped("admin", "orders:*"), []rbac.Permission{"orders:read", "orders:write"}},
		{as("support"), nil}, // no role names a permission on tickets
	} {
		if got := pol.Permissions(c.p); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.p, got, c.want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	pol := rbac.MustPolicy(shop())
	manager, support, bound := as("manager"), as("support"), scoped("admin", "x:y", "orders:*")
	ctx := auth.NewContext(context.Background(), manager)
	for name, f := range map[string]func() bool{
		"by name":         func() bool { return pol.Allows(manager, "orders:write") },
		"denied":          func() bool { return !pol.Allows(manager, "users:read") },
		"with scopes":     func() bool { return pol.Allows(bound, "orders:write") },
		"by wildcard":     func() bool { return pol.Allows(support, "tickets:reopen") },
		"from a context":  func() bool { return pol.Can(ctx, "orders:read") },
		"Check permitted": func() bool { return pol.Check(ctx, "orders:read") == nil },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if !f() {
				t.Errorf("%s: wrong answer", name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
