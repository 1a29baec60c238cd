// Package rbac decides what an authenticated caller may do: the second door. A
// [Policy] says which role is granted which permission; its middleware stands
// behind an auth.Gate and admits those whose roles are granted what the route
// asks for.
//
//	policy, err := rbac.NewPolicy(map[string]rbac.Role{
//		"customer": {Permissions: []rbac.Permission{"orders:read"}},
//		"manager":  {Permissions: []rbac.Permission{"orders:write"}, Inherits: []string{"customer"}},
//		"admin":    {Permissions: []rbac.Permission{"*"}},
//	})
//
//	member := auth.Require(keys, tokens, sessions)
//	mux.Handle("GET /orders", auth.Chain(member, policy.Require("orders:read"))(orders))
//
// # What it protects from
//
// A route that forgot its check is the service's own fault; every fault after
// that denies here. No principal is 401; no role, an unknown role, a role in
// another case or with a space behind it, an unknown permission, a nil or zero
// Policy, an empty list, a Decider or a rule that fails or panics: all deny. A
// typing error in a permission panics when the route is declared and not when
// it is asked for. Names are compared byte by byte; "orders:re" is not
// "orders:read", and a wildcard stands only where the grammar of [Permission]
// puts it, never in what a route requires.
//
// The middleware does not look at the method or the path, so HEAD, OPTIONS, a
// method override or an encoded path cannot get around it: what the router leads
// to the handler, it leads through the check.
//
// # Scopes
//
// The Scopes of a principal are an upper bound on what its roles permit. A
// permission needs a role that is granted it and, unless Scopes is nil, a scope
// that covers it: the permission itself, "resource:*", or "*", which bounds
// nothing. If the roles permit what the scopes withhold, the refusal is an
// *auth.ScopeError (403, INSUFFICIENT_SCOPE, RFC 6750 §3.1); otherwise it is
// auth.ErrForbidden (403).
//
// # Owners and tenants
//
// A permission speaks of all orders. [On] loads the one order that the request
// is about and asks further rules about it, such as [Owner] and [Tenant].
//
// # Other engines
//
// A [Guard] is the full form of the middleware: it has an event sink, a choice
// of 404 over 403, and asks any [Decider], so that Casbin or OPA may answer. A
// [Live] holds a Policy that is replaced while the service runs. No decision is
// cached anywhere in this package: a change is obeyed by the next request.
//
// # Cost
//
// A Policy is compiled to bit sets of permissions, one per role, with wildcards
// and inheritance folded in. A route resolves its permissions when it is
// declared and compares a few words per request, without an allocation and
// whatever the size of the policy; a check by name adds one look-up in a map.
// The cost grows with the number of roles of the caller and nothing else.
//
// # Limits
//
// A Policy has at most 10,000 roles, 100,000 different permissions, 32 levels of
// inheritance, and names of at most 128 bytes; a JSON policy at most 8 MiB. A
// permission that only "*" is granted cannot be told from a typing error. Roles
// are what the authenticator says: to have a demotion obeyed at the next
// request, give the Gate a Current.
package rbac
