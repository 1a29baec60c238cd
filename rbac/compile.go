package rbac

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of a policy. They keep a mistake in a generated policy from taking the
// memory of the service, and every walk through it short.
const (
	maxRoles       = 10_000
	maxPermissions = 100_000
	maxDepth       = 32      // parents above one another
	maxWords       = 8 << 20 // of all sets together, 64 MiB
	maxProblems    = 100     // that an error lists
)

// A compiler turns roles into a Policy and collects what is wrong with them.
type compiler struct {
	policy   *Policy
	problems []error
	more     int   // problems that are only counted
	order    []int // indices of roles, parents before children
}

func compile(roles map[string]Role) (*Policy, error) {
	c := &compiler{policy: &Policy{}}
	switch n := len(roles); {
	case n == 0:
		c.problem("it has no roles, so it would deny everything to everybody")
	case n > maxRoles:
		c.problem("it has %d roles and the limit is %d", n, maxRoles)
	default:
		c.define(roles)
		c.sort()
	}
	if len(c.problems) == 0 {
		c.intern()
	}
	if c.more > 0 {
		c.problems = append(c.problems, fmt.Errorf("and %d more", c.more))
	}
	if len(c.problems) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, errors.Join(c.problems...))
	}
	c.fold()
	return c.policy, nil
}

func (c *compiler) problem(format string, args ...any) {
	if len(c.problems) >= maxProblems {
		c.more++
		return
	}
	c.problems = append(c.problems, fmt.Errorf(format, args...))
}

// define checks each role by itself and resolves the names of its parents.
func (c *compiler) define(roles map[string]Role) {
	names := slices.Sorted(maps.Keys(roles))
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	for _, name := range names {
		if err := checkRole(name); err != nil {
			c.problem("role %.128q: %w", name, err)
		}
		role := roles[name]
		d := definition{name: name, role: Role{
			Permissions: once(c, name, "permission", role.Permissions),
			Inherits:    once(c, name, "parent", role.Inherits),
		}}
		for _, perm := range d.role.Permissions {
			if err := perm.checkGrant(); err != nil {
				c.problem("role %.128q: permission %.128q: %w", name, perm, err)
			}
		}
		for _, parent := range d.role.Inherits {
			if p, ok := index[parent]; ok {
				d.parents = append(d.parents, p)
				continue
			}
			hint := ""
			if len(c.problems) < maxProblems {
				hint = nearest(parent, names)
			}
			c.problem("role %.128q inherits %.128q, which does not exist%s", name, parent, hint)
		}
		c.policy.defs = append(c.policy.defs, d)
	}
}

// once returns a copy of list and reports what is in it twice.
func once[T ~string](c *compiler, role, what string, list []T) []T {
	seen := make(map[T]bool, len(list))
	var unique []T
	for _, item := range list {
		if seen[item] {
			c.problem("role %.128q lists the %s %.128q twice", role, what, item)
			continue
		}
		seen[item] = true
		unique = append(unique, item)
	}
	return unique
}

// sort puts parents before children, which is impossible with a cycle, and
// measures the chains.
func (c *compiler) sort() {
	const unseen, open = -2, -1 // other values: how many parents stand above one another
	depth := make([]int, len(c.policy.defs))
	for i := range depth {
		depth[i] = unseen
	}
	var path []int
	var visit func(i int)
	visit = func(i int) {
		depth[i] = open
		path = append(path, i)
		deepest := 0
		for _, p := range c.policy.defs[i].parents {
			switch depth[p] {
			case unseen:
				visit(p)
			case open:
				c.problem("the roles inherit in a circle: %s", c.chain(append(path[slices.Index(path, p):], p)))
			}
			deepest = max(deepest, depth[p]+1)
		}
		path = path[:len(path)-1]
		depth[i] = deepest
		c.order = append(c.order, i)
		// Those below it are too deep because of it; naming them says no more.
		if deepest == maxDepth+1 {
			c.problem("role %q stands on %d parents above one another and the limit is %d",
				c.policy.defs[i].name, deepest, maxDepth)
		}
	}
	for i := range depth {
		if depth[i] == unseen {
			visit(i)
		}
	}
}

// chain writes the names of path.
func (c *compiler) chain(path []int) string {
	names := make([]string, len(path))
	for i, p := range path {
		names[i] = fmt.Sprintf("%q", c.policy.defs[p].name)
	}
	return strings.Join(names, " -> ")
}

// intern gives every permission and every wildcard a bit, and checks that the
// sets stay in bounds. Behind these bits come those of the roles themselves.
func (c *compiler) intern() {
	pol := c.policy
	pol.wild = make(map[string]int)
	named, wild := make(map[string]bool), make(map[string]bool)
	for _, d := range pol.defs {
		for _, perm := range d.role.Permissions {
			if resource, ok := perm.wildcard(); ok {
				wild[resource] = true
			} else if perm == everything {
				wild[everything] = true
			} else {
				named[string(perm)] = true
			}
		}
	}
	if n := len(named) + len(wild); n > maxPermissions {
		c.problem("it has %d different permissions and the limit is %d", n, maxPermissions)
		return
	}
	pol.named = slices.Sorted(maps.Keys(named))
	for _, resource := range slices.Sorted(maps.Keys(wild)) {
		pol.wild[resource] = len(pol.named) + len(pol.wild)
	}
	pol.words = (len(pol.named) + len(pol.wild) + len(pol.defs) + 63) / 64
	if n := pol.words * len(pol.defs); n > maxWords {
		c.problem("%d roles by %d permissions take %d MiB and the limit is %d: split the policy",
			len(pol.defs), len(pol.named), n>>17, maxWords>>17)
	}
}

// fold fills in the set of each role: what it is granted, with wildcards spelled
// out, itself, and the sets of its parents.
func (c *compiler) fold() {
	pol := c.policy
	pol.roles = newNameTable(pol.names())
	pol.bits = newNameTable(pol.named)
	pol.sets = make([]uint64, len(pol.defs)*pol.words)
	for _, i := range c.order {
		set := pol.sets[i*pol.words : (i+1)*pol.words]
		pol.grant(set, len(pol.named)+len(pol.wild)+i)
		for _, perm := range pol.defs[i].role.Permissions {
			pol.spell(set, perm)
		}
		for _, p := range pol.defs[i].parents {
			for w, word := range pol.sets[p*pol.words : (p+1)*pol.words] {
				set[w] |= word
			}
		}
	}
}

// spell adds the bits of all that perm, which may be a wildcard, stands for. The
// bit of a wildcard stands for what it covers and no role names, so "*" has them
// all.
func (pol *Policy) spell(set []uint64, perm Permission) {
	if perm == everything {
		for bit := range len(pol.named) + len(pol.wild) {
			pol.grant(set, bit)
		}
		return
	}
	resource, ok := perm.wildcard()
	if !ok {
		pol.grant(set, pol.bits.find(string(perm)))
		return
	}
	pol.grant(set, pol.wild[resource])
	// The permissions of one resource stand together in the sorted list.
	prefix := resource + ":"
	from, _ := slices.BinarySearch(pol.named, prefix)
	for bit := from; bit < len(pol.named) && strings.HasPrefix(pol.named[bit], prefix); bit++ {
		pol.grant(set, bit)
	}
}

func (pol *Policy) grant(set []uint64, bit int) { set[bit>>6] |= 1 << (bit & 63) }
