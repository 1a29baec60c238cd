package rbac

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
)

// A need is what a route asks for, as it was declared: permissions or roles, all
// of them or any.
type need struct {
	perms []Permission
	roles []string
	any   bool
}

// check returns what is wrong with n whatever the policy says.
func (n need) check() error {
	if len(n.perms)+len(n.roles) == 0 {
		return errors.New("nothing is asked for, which would admit everybody or nobody: name at least one")
	}
	var errs []error
	for _, perm := range n.perms {
		if err := perm.check(); err != nil {
			errs = append(errs, fmt.Errorf("permission %.128q: %w", perm, err))
		}
	}
	for _, role := range n.roles {
		if err := checkRole(role); err != nil {
			errs = append(errs, fmt.Errorf("role %.128q: %w", role, err))
		}
	}
	return errors.Join(errs...)
}

// resource is how events name n.
func (n need) resource() string {
	names := make([]string, 0, len(n.perms)+len(n.roles))
	for _, perm := range n.perms {
		names = append(names, string(perm))
	}
	for _, role := range n.roles {
		names = append(names, "role="+role) // a permission has no '='
	}
	return strings.Join(names, " ")
}

func (n need) equal(o need) bool {
	return n.any == o.any && slices.Equal(n.perms, o.perms) && slices.Equal(n.roles, o.roles)
}

// A rule is a need compiled against one Policy.
type rule struct {
	policy *Policy
	terms  []term
	any    bool
	alone  nameTable // roles each of which is enough; empty if there are too many
}

// A term is one permission, or one role, of a rule.
type term struct {
	perm Permission // "" if it is a role
	role string
	bit  int // in the sets of the policy, or -1: nobody has it
}

// maxAlone is how many roles a rule keeps a table of its own for.
const maxAlone = 256

// compile resolves n, which has been checked. The error says which of its names
// the policy does not know. An empty policy knows none and yields a rule that
// denies.
func (pol *Policy) compile(n need) (rule, error) {
	r := rule{policy: pol, any: n.any}
	if pol.empty() {
		return r, nil
	}
	var errs []error
	for _, perm := range n.perms {
		bit := pol.bit(perm)
		if bit < 0 {
			errs = append(errs, fmt.Errorf("no role is granted %q%s", perm, nearest(string(perm), pol.named)))
		}
		r.terms = append(r.terms, term{perm: perm, bit: bit})
	}
	for _, role := range n.roles {
		bit := pol.roleBit(role)
		if bit < 0 {
			errs = append(errs, fmt.Errorf("there is no role %q%s", role, nearest(role, pol.names())))
		}
		r.terms = append(r.terms, term{role: role, bit: bit})
	}
	var alone []string
	for _, d := range pol.defs {
		if r.each(&auth.Principal{Roles: []string{d.name}}) {
			alone = append(alone, d.name)
		}
	}
	if len(alone) <= maxAlone {
		r.alone = newNameTable(alone)
	}
	return r, errors.Join(errs...)
}

// check returns nil if p may, or why not.
func (r *rule) check(p *auth.Principal) error {
	if r.allows(p) {
		return nil
	}
	return r.refusal(p)
}

// allows is the check of every request.
func (r *rule) allows(p *auth.Principal) bool {
	if p == nil {
		return false
	}
	if p.Scopes == nil {
		for _, role := range p.Roles {
			if r.alone.find(role) >= 0 {
				return true
			}
		}
	}
	return r.each(p)
}

// each looks at the terms one by one. A rule without terms denies.
func (r *rule) each(p *auth.Principal) bool {
	if len(r.terms) == 0 {
		return false
	}
	for i := range r.terms {
		t := &r.terms[i]
		if ok := t.granted(r.policy, p.Roles) && t.covered(p.Scopes); ok == r.any {
			return ok
		}
	}
	return !r.any
}

func (t *term) granted(pol *Policy, roles []string) bool {
	return t.bit >= 0 && pol.granted(roles, t.bit)
}

// covered reports whether scopes let the term through. A role is no permission,
// so of all scopes only the one that bounds nothing covers it.
func (t *term) covered(scopes []string) bool {
	if t.perm == "" {
		return scopes == nil || slices.Contains(scopes, everything)
	}
	return covered(scopes, t.perm)
}

// refusal says why allows said no. If the roles permit what the scopes withhold
// it is a *auth.ScopeError: a wider credential would help, and the caller may
// know.
func (r *rule) refusal(p *auth.Principal) error {
	if p == nil {
		return errNoPrincipal
	}
	if r.policy.empty() {
		return errNoPolicy
	}
	var missing, withheld []string
	for i := range r.terms {
		t := &r.terms[i]
		switch {
		case !t.granted(r.policy, p.Roles):
			missing = append(missing, t.String())
		case !t.covered(p.Scopes):
			withheld = append(withheld, t.scope())
		}
	}
	switch {
	case r.any && len(withheld) > 0:
		return &auth.ScopeError{Scope: withheld[0]} // any one of them would do
	case !r.any && len(missing) == 0:
		return &auth.ScopeError{Scope: strings.Join(withheld, " ")}
	}
	return fmt.Errorf("%w: rbac: no role of the caller is granted %s", auth.ErrForbidden, strings.Join(missing, ", "))
}

func (t *term) String() string {
	if t.perm == "" {
		return fmt.Sprintf("the role %q", t.role)
	}
	return fmt.Sprintf("%.128q", t.perm)
}

// scope is the scope that a wider credential would need.
func (t *term) scope() string {
	if t.perm == "" {
		return everything
	}
	return string(t.perm)
}
