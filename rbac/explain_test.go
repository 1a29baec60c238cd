package rbac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/rbac"
)

func TestExplain(t *testing.T) {
	pol := rbac.MustPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"clerk":    {Permissions: []rbac.Permission{"orders:*"}, Inherits: []string{"customer"}},
		"manager":  {Inherits: []string{"clerk"}},
		"director": {Inherits: []string{"manager", "customer"}},
		"admin":    {Permissions: []rbac.Permission{"*"}},
	})
	for _, c := range []struct {
		p    *auth.Principal
		perm rbac.Permission
		want string
	}{
		{as("customer"), "orders:read", `"orders:read" is permitted: the role "customer" is granted "orders:read"`},
		{as("manager"), "orders:close", `"orders:close" is permitted: the role "manager" inherits "clerk", which is granted "orders:*"`},
		{as("director"), "orders:read", `"orders:read" is permitted: the role "director" inherits "customer", which is granted "orders:read"`},
		{as("admin"), "users:write", `"users:write" is permitted: the role "admin" is granted "*"`},
		{as("ghost", "customer"), "orders:read", `"orders:read" is permitted: the role "customer" is granted "orders:read"`},
		{scoped("customer", "x:y", "orders:*"), "orders:read", `"orders:read" is permitted: the role "customer" is granted "orders:read", and the scope "orders:*" covers it`},
		{scoped("manager", "orders:read"), "orders:close",
			`"orders:close" is denied: the role "manager" inherits "clerk", which is granted "orders:*", but none of the scopes ["orders:read"] covers it`},
		{scoped("customer"), "orders:read", `"orders:read" is denied: the role "customer" is granted "orders:read", but none of the scopes [] covers it`},
		{as("customer"), "orders:close", `"orders:close" is denied: none of the roles ["customer"] is granted it; ["admin" "clerk" "director" "manager"] are`},
		{as("Admin", "customer"), "users:read", `"users:read" is denied: none of the roles ["Admin" "customer"] is granted it, and ["Admin"] are not in the policy; ["admin"] are`},
		{as(), "orders:read", `"orders:read" is denied: the caller has no roles; ["admin" "clerk" "customer" "director" "manager"] are`},
		{nil, "orders:read", `"orders:read" is denied: there is no principal`},
		{as("admin"), "orders:*", `"orders:*" is denied: a wildcard stands only as "resource:*" or "*", and only in what a role is granted`},
		{as("admin"), "", `"" is denied: the name is empty`},
	} {
		if got := pol.Explain(c.p, c.perm).String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	t.Run("nobody is granted it", func(t *testing.T) {
		pol := rbac.MustPolicy(map[string]rbac.Role{"r": {Permissions: []rbac.Permission{"orders:read"}}})
		const want = `"orders:raed" is denied: none of the roles ["r"] is granted it; nobody is (did you mean "orders:read"?)`
		if got := pol.Explain(as("r"), "orders:raed").String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("fields", func(t *testing.T) {
		e := pol.Explain(scoped("manager", "*"), "orders:close")
		if !e.Allowed || !slices.Equal(e.Path, []string{"manager", "clerk"}) || e.Grant != "orders:*" || e.Scope != "*" || e.Reason != "" {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a crowd is cut", func(t *testing.T) {
		roles := map[string]rbac.Role{"other": {Permissions: []rbac.Permission{"a:c"}}}
		for i := range 50 {
			roles[fmt.Sprint("r", i)] = rbac.Role{Permissions: []rbac.Permission{"a:b"}}
		}
		if got := rbac.MustPolicy(roles).Explain(as("other"), "a:b").String(); strings.Count(got, `"r`) != 10 || !strings.HasSuffix(got, "and others are") {
			t.Error(got)
		}
	})
}
