package rbac

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth"
)

// A Policy says which role is granted which permission. It is immutable, and
// safe for concurrent use; to change it, make another and Swap it into a Live.
//
// A nil and a zero Policy are valid and permit nothing.
type Policy struct {
	defs  []definition   // sorted by name, for Explain and MarshalJSON
	roles nameTable      // the names of defs
	named []string       // sorted: the permissions that roles name
	bits  nameTable      // of named, whose index is its bit
	wild  map[string]int // resource of a granted "resource:*", or "*" -> bit
	sets  []uint64       // for each role, words of bits, its parents' included
	words int
}

// A definition is a role as it was written.
type definition struct {
	name    string
	role    Role
	parents []int // indices of role.Inherits
}

var _ Decider = (*Policy)(nil)

// NewPolicy compiles roles. What it is given is copied.
//
// The error wraps ErrPolicy and lists everything that is wrong: no roles at all;
// a malformed name of a role or permission; a permission or parent that a role
// lists twice; a parent that does not exist; a cycle, with its path; a chain of
// more than 32 parents; more than 10,000 roles or 100,000 permissions, or so
// many of both that the sets would take over 64 MiB.
func NewPolicy(roles map[string]Role) (*Policy, error) { return compile(roles) }

// MustPolicy is NewPolicy for policies in the source. It panics on an error.
func MustPolicy(roles map[string]Role) *Policy {
	pol, err := NewPolicy(roles)
	if err != nil {
		panic(err)
	}
	return pol
}

// Require returns middleware that admits callers who have all of perms. It is a
// Guard of this Policy with nothing else configured.
//
// It panics if a permission is malformed or has a wildcard, if no role is
// granted it, or if there is none: a typing error fails at start-up and not in
// production. A nil or zero Policy has nothing to compare with and denies.
func (pol *Policy) Require(perms ...Permission) func(http.Handler) http.Handler {
	return (&Guard{Decider: pol}).Require(perms...)
}

// RequireAny is Require for callers who have at least one of perms.
func (pol *Policy) RequireAny(perms ...Permission) func(http.Handler) http.Handler {
	return (&Guard{Decider: pol}).RequireAny(perms...)
}

// RequireRole is Guard.RequireRole for this Policy.
func (pol *Policy) RequireRole(roles ...string) func(http.Handler) http.Handler {
	return (&Guard{Decider: pol}).RequireRole(roles...)
}

// Allows reports whether a role of p is granted perm and the scopes of p, if it
// has any, cover it. A nil p may do nothing, and perm has no wildcard.
func (pol *Policy) Allows(p *auth.Principal, perm Permission) bool {
	if p == nil {
		return false
	}
	bit := pol.bit(perm)
	return bit >= 0 && pol.granted(p.Roles, bit) && covered(p.Scopes, perm)
}

// Check is Allows for the principal of ctx, with a reason: nil, or an error that
// wraps auth.ErrNoCredentials, auth.ErrForbidden or auth.ErrScope.
func (pol *Policy) Check(ctx context.Context, perm Permission) error {
	p, _ := auth.FromContext(ctx)
	return pol.check(p, perm)
}

// Can is Allows for the principal of ctx: what a template asks to decide whether
// to show a button.
func (pol *Policy) Can(ctx context.Context, perm Permission) bool {
	p, _ := auth.FromContext(ctx)
	return pol.Allows(p, perm)
}

// Decide makes a Policy a Decider. The resource does not matter to it, and it
// never fails.
func (pol *Policy) Decide(_ context.Context, p *auth.Principal, perm Permission, _ any) (bool, error) {
	return pol.Allows(p, perm), nil
}

// Permissions returns, sorted, the permissions that p has among those that some
// role of the policy names. Those that a wildcard grants and no role names are
// not to be counted up.
func (pol *Policy) Permissions(p *auth.Principal) []Permission {
	if pol == nil || p == nil {
		return nil
	}
	var perms []Permission
	for bit, name := range pol.named {
		if perm := Permission(name); pol.granted(p.Roles, bit) && covered(p.Scopes, perm) {
			perms = append(perms, perm)
		}
	}
	return perms
}

// bit returns the bit that stands for perm: its own if a role names it, else
// that of the wildcard which covers it; or -1 if nobody is granted it.
func (pol *Policy) bit(perm Permission) int {
	if pol == nil {
		return -1
	}
	if bit := pol.bits.find(string(perm)); bit >= 0 {
		return bit
	}
	resource, ok := perm.resource()
	if !ok {
		return -1
	}
	if bit, ok := pol.wild[resource]; ok {
		return bit
	}
	if bit, ok := pol.wild[everything]; ok {
		return bit
	}
	return -1
}

// roleBit returns the bit of holding the role, or inheriting it; or -1.
func (pol *Policy) roleBit(role string) int {
	if i := pol.roles.find(role); i >= 0 {
		return len(pol.named) + len(pol.wild) + i
	}
	return -1
}

// granted reports whether the set of one of roles has bit, which is not -1.
func (pol *Policy) granted(roles []string, bit int) bool {
	for _, role := range roles {
		if i := pol.roles.find(role); i >= 0 && pol.has(i, bit) {
			return true
		}
	}
	return false
}

// has reports whether the set of the role with that index has bit.
func (pol *Policy) has(role, bit int) bool {
	return pol.sets[role*pol.words+bit>>6]&(1<<(bit&63)) != 0
}

// holders returns the names of the roles whose set has bit, sorted.
func (pol *Policy) holders(bit int) []string {
	var names []string
	for i, d := range pol.defs {
		if pol.has(i, bit) {
			names = append(names, d.name)
		}
	}
	return names
}

// names returns the names of the roles, sorted.
func (pol *Policy) names() []string {
	names := make([]string, len(pol.defs))
	for i, d := range pol.defs {
		names[i] = d.name
	}
	return names
}

func (pol *Policy) check(p *auth.Principal, perm Permission) error {
	if pol.Allows(p, perm) {
		return nil
	}
	return (&rule{policy: pol, terms: []term{{perm: perm, bit: pol.bit(perm)}}}).refusal(p)
}

// empty reports whether pol is nil or zero.
func (pol *Policy) empty() bool { return pol == nil || len(pol.defs) == 0 }
