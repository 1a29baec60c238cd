package rbac

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
)

// An Explanation says why a Policy permits something or not. It is for logs,
// tests and the screens of administrators; a caller who was refused should not
// see it, as it names roles.
type Explanation struct {
	Permission Permission
	Allowed    bool
	// Path leads from a role of the caller through its parents to the role that
	// is granted the permission. It is empty if the roles do not permit it.
	Path []string
	// Grant is what the last role of Path is granted, such as "orders:*".
	Grant Permission
	// Scope is the scope that covers the permission. It is empty if the caller has
	// none that does, or is not bound by scopes.
	Scope string
	// Reason says why not. It is empty if Allowed.
	Reason string
}

// maxHolders is how many roles a Reason lists.
const maxHolders = 10

// Explain says what Allows would answer, and why. It walks through the policy as
// it was written, so it costs more than Allows.
func (pol *Policy) Explain(p *auth.Principal, perm Permission) Explanation {
	e := Explanation{Permission: perm}
	switch err := perm.check(); {
	case p == nil:
		e.Reason = "there is no principal"
		return e
	case pol.empty():
		e.Reason = "the policy is nil or zero"
		return e
	case err != nil:
		e.Reason = err.Error()
		return e
	}
	if e.Path, e.Grant = pol.path(p.Roles, perm); e.Path == nil {
		e.Reason = pol.without(p.Roles, perm)
		return e
	}
	if i := covering(p.Scopes, perm); i >= 0 {
		e.Scope = p.Scopes[i]
	} else if p.Scopes != nil {
		e.Reason = fmt.Sprintf("%s, but none of the scopes %q covers it", e.route(), p.Scopes)
		return e
	}
	e.Allowed = true
	return e
}

// String writes e as a sentence.
func (e Explanation) String() string {
	switch {
	case !e.Allowed:
		return fmt.Sprintf("%.128q is denied: %s", e.Permission, e.Reason)
	case e.Scope != "":
		return fmt.Sprintf("%q is permitted: %s, and the scope %q covers it", e.Permission, e.route(), e.Scope)
	}
	return fmt.Sprintf("%q is permitted: %s", e.Permission, e.route())
}

// route writes Path and Grant.
func (e Explanation) route() string {
	if len(e.Path) == 1 {
		return fmt.Sprintf("the role %q is granted %q", e.Path[0], e.Grant)
	}
	names := make([]string, len(e.Path))
	for i, name := range e.Path {
		names[i] = fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("the role %s, which is granted %q", strings.Join(names, " inherits "), e.Grant)
}

// path finds the shortest way from the first of roles that has one to a grant of
// perm.
func (pol *Policy) path(roles []string, perm Permission) ([]string, Permission) {
	for _, role := range roles {
		start := pol.roles.find(role)
		if start < 0 {
			continue
		}
		from := map[int]int{start: start} // a role and the child that led to it
		for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
			at := queue[0]
			if grant, ok := pol.defs[at].grant(perm); ok {
				path := []string{pol.defs[at].name}
				for at != start {
					at = from[at]
					path = append(path, pol.defs[at].name)
				}
				slices.Reverse(path)
				return path, grant
			}
			for _, parent := range pol.defs[at].parents {
				if _, seen := from[parent]; !seen {
					from[parent] = at
					queue = append(queue, parent)
				}
			}
		}
	}
	return nil, ""
}

// grant returns the narrowest permission of d itself that stands for perm.
func (d *definition) grant(perm Permission) (Permission, bool) {
	resource, _ := perm.resource()
	for _, form := range []Permission{perm, Permission(resource + ":*"), everything} {
		if slices.Contains(d.role.Permissions, form) {
			return form, true
		}
	}
	return "", false
}

// without says why roles do not permit perm.
func (pol *Policy) without(roles []string, perm Permission) string {
	var unknown []string
	for _, role := range roles {
		if pol.roles.find(role) < 0 {
			unknown = append(unknown, role)
		}
	}
	reason := fmt.Sprintf("none of the roles %.128q is granted it", roles)
	if len(roles) == 0 {
		reason = "the caller has no roles"
	}
	if len(unknown) > 0 {
		reason += fmt.Sprintf(", and %.128q are not in the policy", unknown)
	}
	if bit := pol.bit(perm); bit >= 0 {
		holders, more := pol.holders(bit), ""
		if len(holders) > maxHolders {
			holders, more = holders[:maxHolders], " and others"
		}
		return fmt.Sprintf("%s; %q%s are", reason, holders, more)
	}
	return reason + "; nobody is" + nearest(string(perm), pol.named)
}
