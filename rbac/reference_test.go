package rbac_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/rbac"
)

// A reference answers the questions of a Policy in the most obvious way: sets of
// strings, walked for every question.
type reference map[string]rbac.Role

var permissionForm = regexp.MustCompile(`\A[A-Za-z0-9._/-]+:[A-Za-z0-9._/-]+\z`)

// matches reports whether a grant or scope stands for perm.
func matches(grant, perm string) bool {
	if !permissionForm.MatchString(perm) || len(perm) > 128 {
		return false
	}
	resource, _, _ := strings.Cut(perm, ":")
	return grant == perm || grant == resource+":*" || grant == "*"
}

// closure returns role and all that it inherits.
func (ref reference) closure(role string, into map[string]bool) {
	if _, known := ref[role]; !known || into[role] {
		return
	}
	into[role] = true
	for _, parent := range ref[role].Inherits {
		ref.closure(parent, into)
	}
}

func (ref reference) roles(p *auth.Principal) map[string]bool {
	held := make(map[string]bool)
	for _, role := range p.Roles {
		ref.closure(role, held)
	}
	return held
}

func (ref reference) granted(p *auth.Principal, perm string) bool {
	for role := range ref.roles(p) {
		for _, grant := range ref[role].Permissions {
			if matches(string(grant), perm) {
				return true
			}
		}
	}
	return false
}

func (ref reference) allows(p *auth.Principal, perm string) bool {
	return ref.granted(p, perm) &&
		(p.Scopes == nil || slices.ContainsFunc(p.Scopes, func(s string) bool { return matches(s, perm) }))
}

// known reports whether anybody is granted perm.
func (ref reference) known(perm string) bool {
	for role := range ref {
		if ref.granted(&auth.Principal{Roles: []string{role}}, perm) {
			return true
		}
	}
	return false
}

// circular reports whether some role inherits itself.
func (ref reference) circular() bool {
	for role := range ref {
		for _, parent := range ref[role].Inherits {
			above := make(map[string]bool)
			ref.closure(parent, above)
			if above[role] {
				return true
			}
		}
	}
	return false
}

var (
	someResources = []string{"a", "b", "ab", "orders", "orders-archive", "a-resource-with-a-long-name"}
	someActions   = []string{"r", "w", "rw", "read", "an-action-with-a-long-name"}
	someRoles     = []string{"a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghabcdefgh", "abcdefghabcdefghi", "abcdefghabcdefghabcdefghabcdefgh", "Abcd"}
	oddNames      = []string{"", "*", "a:*", "a", "a:", ":r", "a:r ", "a:r\x00", "A:r", "a:r:r", "orders:rea", "orders:reads", "never:named"}
)

func pick(rnd *rand.Rand, list []string) string { return list[rnd.IntN(len(list))] }

func somePermission(rnd *rand.Rand) string {
	return pick(rnd, someResources) + ":" + pick(rnd, someActions)
}

func someGrant(rnd *rand.Rand) string {
	switch rnd.IntN(12) {
	case 0:
		return "*"
	case 1, 2:
		return pick(rnd, someResources) + ":*"
	}
	return somePermission(rnd)
}

func someReference(rnd *rand.Rand) reference {
	ref := make(reference)
	names := slices.Clone(someRoles[:1+rnd.IntN(len(someRoles))])
	rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i, name := range names {
		var role rbac.Role
		for range rnd.IntN(4) {
			if g := rbac.Permission(someGrant(rnd)); !slices.Contains(role.Permissions, g) {
				role.Permissions = append(role.Permissions, g)
			}
		}
		for range rnd.IntN(3) {
			parents := names[:i]
			if rnd.IntN(40) == 0 {
				parents = names // may close a circle
			}
			if len(parents) > 0 {
				if parent := pick(rnd, parents); !slices.Contains(role.Inherits, parent) {
					role.Inherits = append(role.Inherits, parent)
				}
			}
		}
		ref[name] = role
	}
	return ref
}

func somePrincipal(rnd *rand.Rand) *auth.Principal {
	p := &auth.Principal{Subject: "u1"}
	for range rnd.IntN(4) {
		if rnd.IntN(5) == 0 {
			p.Roles = append(p.Roles, pick(rnd, oddNames))
			continue
		}
		p.Roles = append(p.Roles, strings.Clone(pick(rnd, someRoles)))
	}
	if rnd.IntN(3) == 0 {
		p.Scopes = []string{}
		for range rnd.IntN(4) {
			p.Scopes = append(p.Scopes, someGrant(rnd))
		}
	}
	return p
}

// TestReference compares policies with the reference: RBA-04 and RBA-05 for
// inheritance, wildcards, scopes and every way to ask.
func TestReference(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	allowed, circular := 0, 0
	policies := testkit.Volume(1500)
	for range policies {
		ref := someReference(rnd)
		pol, err := rbac.NewPolicy(ref)
		if ref.circular() {
			circular++
			if err == nil {
				t.Fatalf("RBA-05: a circle is accepted: %v", ref)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%v: %v", ref, err)
		}
		for range 8 {
			p := somePrincipal(rnd)
			perm := somePermission(rnd)
			if rnd.IntN(5) == 0 {
				perm = pick(rnd, oddNames)
			}
			want := ref.allows(p, perm)
			if want {
				allowed++
			}
			ask := rbac.Permission(perm)
			if got := pol.Allows(p, ask); got != want {
				t.Fatalf("RBA-04: %v\nAllows(%q, %q) = %v", ref, p.Roles, perm, got)
			}
			if e := pol.Explain(p, ask); e.Allowed != want || (e.Path != nil) != ref.granted(p, perm) {
				t.Fatalf("%v\n%v\n%v", ref, p, e)
			}
			if got := slices.Contains(pol.Permissions(p), ask); got && !want {
				t.Fatalf("%v\nPermissions(%v) has %q", ref, p, perm)
			}
			if ref.known(perm) {
				compareRoute(t, pol, ref, p, perm, pick(rnd, oddNames))
			}
		}
	}
	if allowed < policies*2/3 || circular < policies/75 {
		t.Errorf("the samples say little: %d allowed, %d circles", allowed, circular)
	}
}

// compareRoute compares routes that require perm, alone and with another.
func compareRoute(t *testing.T, pol *rbac.Policy, ref reference, p *auth.Principal, perm, other string) {
	t.Helper()
	admits := func(mw func(http.Handler) http.Handler) bool { return get(mw, p).Code == http.StatusOK }
	one := ref.allows(p, perm)
	if got := admits(pol.Require(rbac.Permission(perm))); got != one {
		t.Fatalf("%v\nRequire(%q) admits %v: %v", ref, perm, p, got)
	}
	if !ref.known(other) {
		other = perm
	}
	two := ref.allows(p, other)
	if got := admits(pol.Require(rbac.Permission(perm), rbac.Permission(other))); got != (one && two) {
		t.Fatalf("%v\nRequire(%q, %q) admits %v: %v", ref, perm, other, p, got)
	}
	if got := admits(pol.RequireAny(rbac.Permission(perm), rbac.Permission(other))); got != (one || two) {
		t.Fatalf("%v\nRequireAny(%q, %q) admits %v: %v", ref, perm, other, p, got)
	}
	for role := range ref {
		held := ref.roles(p)[role] && (p.Scopes == nil || slices.Contains(p.Scopes, "*"))
		if got := admits(pol.RequireRole(role)); got != held {
			t.Fatalf("%v\nRequireRole(%q) admits %v: %v", ref, role, p, got)
		}
	}
}

// FuzzMatch: a grant, or a scope, stands for exactly what the reference says,
// whatever the bytes (RBA-04).
func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{
		{"orders:read", "orders:read"}, {"orders:re", "orders:read"}, {"orders:read", "orders:re"}, {"orders:*", "orders:read"},
		{"orders:*", "orders-archive:read"}, {"*", "a:b"}, {"*", "*"}, {"orders:*", "orders:*"}, {"a:b", "A:b"}, {"a:b", "a:b\x00"}, {"a:b", ""},
		{"a:b ", "a:b"}, {"a*:b", "ab:b"}, {":*", ":b"}, {"a:*", "a:b:c"},
	} {
		f.Add(s[0], s[1])
	}
	everything := rbac.MustPolicy(map[string]rbac.Role{"r": {Permissions: []rbac.Permission{"*"}}})
	f.Fuzz(func(t *testing.T, grant, perm string) {
		want := matches(grant, perm)
		pol, err := rbac.NewPolicy(map[string]rbac.Role{"r": {Permissions: []rbac.Permission{rbac.Permission(grant)}}})
		if err == nil && pol.Allows(as("r"), rbac.Permission(perm)) != want {
			t.Errorf("granted %q, asked %q: not %v", grant, perm, want)
		}
		if err != nil && want {
			t.Errorf("grant %q is refused: %v", grant, err)
		}
		if everything.Allows(scoped("r", grant), rbac.Permission(perm)) != want {
			t.Errorf("scope %q, asked %q: not %v", grant, perm, want)
		}
		if pol.Allows(as(perm), "a:b") && (perm != "r" || !matches(grant, "a:b")) {
			t.Errorf("role %q may", perm)
		}
	})
}

// FuzzRole: a role that was made is the only one that is granted something.
func FuzzRole(f *testing.F) {
	for _, s := range [][2]string{{"admin", "admin"}, {"admin", "admin "}, {"admin", "Admin"}, {"admin", "admin\x00"}, {"admin", ""}, {"abcdefghabcdefghabcdefgha", "abcdefghabcdefghabcdefghb"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, role, asked string) {
		pol, err := rbac.NewPolicy(map[string]rbac.Role{role: {Permissions: []rbac.Permission{"a:b"}}, "other": {}})
		if err != nil {
			return
		}
		if got := pol.Allows(as(asked), "a:b"); got != (role == asked) {
			t.Errorf("role %q, asked as %q: %v", role, asked, got)
		}
		ctx := auth.NewContext(context.Background(), as(asked))
		if got := pol.Check(ctx, "a:b") == nil; got != (role == asked) {
			t.Errorf("role %q, asked as %q: %v", role, asked, fmt.Sprint(got))
		}
	})
}
