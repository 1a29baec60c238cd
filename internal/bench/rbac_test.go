package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/rbac"
)

const casbinModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`

// A size is roles x permissions per role.
type size struct{ roles, perms int }

func (s size) String() string { return fmt.Sprintf("%dx%d", s.roles, s.perms) }

func role(i int) string     { return fmt.Sprintf("role-%03d", i) }
func resource(j int) string { return fmt.Sprintf("resource-%04d", j) }

func ours(b *testing.B, s size) *rbac.Policy {
	b.Helper()
	roles := make(map[string]rbac.Role)
	for i := range s.roles {
		var r rbac.Role
		for j := range s.perms {
			r.Permissions = append(r.Permissions, rbac.Permission(resource(j)+":read"))
		}
		roles[role(i)] = r
	}
	roles["other"] = rbac.Role{Permissions: []rbac.Permission{"other:read"}}
	policy, err := rbac.NewPolicy(roles)
	if err != nil {
		b.Fatal(err)
	}
	return policy
}

func casbinCached(b *testing.B, s size) *casbin.SyncedCachedEnforcer {
	b.Helper()
	m, err := model.NewModelFromString(casbinModel)
	if err != nil {
		b.Fatal(err)
	}
	e, err := casbin.NewSyncedCachedEnforcer(m)
	if err != nil {
		b.Fatal(err)
	}
	var rules [][]string
	for i := range s.roles {
		for j := range s.perms {
			rules = append(rules, []string{role(i), resource(j), "read"})
		}
	}
	if _, err := e.AddPolicies(rules); err != nil {
		b.Fatal(err)
	}
	if _, err := e.AddGroupingPolicy("u1", role(s.roles-1)); err != nil {
		b.Fatal(err)
	}
	return e
}

var allowed bool

// BenchmarkRBACByName asks for a permission by name, once granted and once not.
// casbin's cache is warm.
func BenchmarkRBACByName(b *testing.B) {
	for _, s := range []size{{3, 10}, {100, 10}, {100, 1000}} {
		policy, enforcer := ours(b, s), casbinCached(b, s)
		p := &auth.Principal{Subject: "u1", Roles: []string{role(s.roles - 1)}}
		for _, tc := range []struct{ name, resource string }{{"allow", resource(s.perms / 2)}, {"deny", "other"}} {
			perm := rbac.Permission(tc.resource + ":read")
			b.Run(fmt.Sprintf("size=%s/verdict=%s/who=sallyport", s, tc.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					allowed = policy.Allows(p, perm)
				}
			})
			b.Run(fmt.Sprintf("size=%s/verdict=%s/who=casbin-cached", s, tc.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					allowed, _ = enforcer.Enforce("u1", tc.resource, "read")
				}
			})
			if allowed != (tc.name == "allow") {
				b.Fatalf("%s %s: wrong verdict", s, tc.name)
			}
		}
	}
}

// BenchmarkRBACRoute is the whole middleware of a route on a request that carries
// a principal; floor is a middleware that only looks the principal up.
func BenchmarkRBACRoute(b *testing.B) {
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	floor := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := auth.FromContext(r.Context()); ok {
			next.ServeHTTP(w, r)
		}
	})
	for _, s := range []size{{3, 10}, {100, 1000}} {
		p := &auth.Principal{Subject: "u1", Roles: []string{role(s.roles - 1)}}
		r, w := httptest.NewRequest("GET", "/", nil), newSink()
		r = r.WithContext(auth.NewContext(r.Context(), p))
		guarded := ours(b, s).Require(rbac.Permission(resource(s.perms/2) + ":read"))(next)
		for _, tc := range []struct {
			who string
			h   http.Handler
		}{{"floor", floor}, {"sallyport", guarded}} {
			b.Run(fmt.Sprintf("size=%s/who=%s", s, tc.who), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					tc.h.ServeHTTP(w, r)
				}
			})
		}
	}
}
