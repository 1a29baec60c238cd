package rbac

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
)

// The sizes that are compared: roles x permissions, all of which every role has.
var sizes = [][2]int{{3, 10}, {100, 1000}}

// sized also grants "extra:read" to every role but the last.
func sized(roles, perms int) *Policy {
	m := make(map[string]Role, roles)
	for i := range roles {
		var role Role
		for j := range perms {
			role.Permissions = append(role.Permissions, Permission(fmt.Sprintf("res-%04d:read", j)))
		}
		if i < roles-1 {
			role.Permissions = append(role.Permissions, "extra:read")
		}
		m[fmt.Sprintf("role-%03d", i)] = role
	}
	return MustPolicy(m)
}

// callers have one role each, in strings of their own, as after decoding a
// session; the last role is that of every one.
func callers(roles, n int) []*auth.Principal {
	list := make([]*auth.Principal, n)
	for i := range list {
		list[i] = &auth.Principal{Subject: "u1", Roles: []string{strings.Clone(fmt.Sprintf("role-%03d", roles-1-i%roles))}}
	}
	return list
}

var sink bool

// BenchmarkRoute is the check that a route makes, from the *auth.Principal to
// the answer. "Number" is the part of it that is left when the role of the caller
// has been found: the bit test alone.
func BenchmarkRoute(b *testing.B) {
	for _, size := range sizes {
		pol := sized(size[0], size[1])
		middle := Permission(fmt.Sprintf("res-%04d:read", size[1]/2))
		allow, _ := pol.compile(need{perms: []Permission{middle}})
		deny, _ := pol.compile(need{perms: []Permission{"extra:read"}})
		many := callers(size[0], 64)
		name := fmt.Sprintf("%dx%d/", size[0], size[1])
		b.Run(name+"allow", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = allow.allows(many[0])
			}
		})
		b.Run(name+"allow64callers", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sink = allow.allows(many[i&63])
			}
		})
		b.Run(name+"deny", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = deny.allows(many[0])
			}
		})
		b.Run(name+"number", func(b *testing.B) {
			b.ReportAllocs()
			role, bit := pol.roles.find(many[0].Roles[0]), pol.bit(middle)
			for b.Loop() {
				sink = pol.has(role, bit)
			}
		})
	}
	b.Run("emptyLoop", func(b *testing.B) {
		yes := true
		for b.Loop() {
			sink = yes
		}
	})
}

// BenchmarkByName is Policy.Allows.
func BenchmarkByName(b *testing.B) {
	for _, size := range sizes {
		pol := sized(size[0], size[1])
		middle := Permission(fmt.Sprintf("res-%04d:read", size[1]/2))
		p := callers(size[0], 1)[0]
		bound := p.Clone()
		bound.Scopes = []string{"other:read", "res-0001:*", string(middle)}
		for _, c := range []struct {
			name string
			p    *auth.Principal
			perm Permission
		}{{"allow", p, middle}, {"deny", p, "extra:read"}, {"allow3scopes", bound, middle}} {
			b.Run(fmt.Sprintf("%dx%d/%s", size[0], size[1], c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					sink = pol.Allows(c.p, c.perm)
				}
			})
		}
	}
}

// BenchmarkMiddleware is a request through Require, with the principal taken from
// its context; "none" is the handler without it.
func BenchmarkMiddleware(b *testing.B) {
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sink = true })
	pol := sized(100, 1000)
	live := new(Live)
	if err := live.Swap(pol); err != nil {
		b.Fatal(err)
	}
	ctx := auth.NewContext(context.Background(), callers(100, 1)[0])
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	w := httptest.NewRecorder()
	for _, c := range []struct {
		name string
		h    http.Handler
	}{
		{"none", h},
		{"Policy", pol.Require("res-0500:read")(h)},
		{"Live", (&Guard{Decider: live}).Require("res-0500:read")(h)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkManyRoles is the worst caller: 10,000 roles, none of which helps.
func BenchmarkManyRoles(b *testing.B) {
	pol := sized(100, 1000)
	p := &auth.Principal{}
	for i := range 10_000 {
		p.Roles = append(p.Roles, fmt.Sprintf("stranger-%04d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		sink = pol.Allows(p, "res-0500:read")
	}
}

// BenchmarkNewPolicy is what a reload costs.
func BenchmarkNewPolicy(b *testing.B) {
	roles := make(map[string]Role)
	for i, d := range sized(100, 1000).defs {
		roles[fmt.Sprintf("role-%03d", i)] = d.role
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPolicy(roles); err != nil {
			b.Fatal(err)
		}
	}
}
