package rbac

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-sallyport/auth"
)

// A Rule decides about one object, after the permission has been granted. It is
// told who asks, for which action, and about which object; p is not nil. An
// error denies, as that of a Decider does. A Rule is called by many requests at
// once.
type Rule[T any] func(ctx context.Context, p *auth.Principal, perm Permission, object T) (bool, error)

// Owner permits the caller whose Subject is the owner of the object. An object
// without an owner belongs to nobody.
func Owner[T any](owner func(object T) string) Rule[T] {
	if owner == nil {
		panic("rbac: Owner wants a function")
	}
	return func(_ context.Context, p *auth.Principal, _ Permission, object T) (bool, error) {
		return same(p.Subject, owner(object)), nil
	}
}

// Tenant permits callers of the object's tenant. The caller's tenant is that
// attribute of the principal, which the authenticator or Gate.Current has set; it
// is never taken from the request. A caller or an object without one matches
// nothing.
func Tenant[T any](attribute string, tenant func(object T) string) Rule[T] {
	if attribute == "" || tenant == nil {
		panic("rbac: Tenant wants the name of an attribute and a function")
	}
	return func(_ context.Context, p *auth.Principal, _ Permission, object T) (bool, error) {
		return same(p.Attributes[attribute], tenant(object)), nil
	}
}

// Holds permits callers who have another permission, whatever the object: those
// of the support desk, say, who may read the orders of others. It panics where
// Require does.
func Holds[T any](d Decider, perm Permission) Rule[T] {
	decision, err := guardOf(d).bind(need{perms: []Permission{perm}})
	if err != nil {
		panic(fmt.Errorf("rbac: Holds: %w", err))
	}
	return func(ctx context.Context, p *auth.Principal, _ Permission, object T) (bool, error) {
		err := decision.check(ctx, p, object)
		if err != nil && refuses(err) {
			return false, nil
		}
		return err == nil, err
	}
}

// AnyOf permits what one of rules permits. They are asked in order until one does
// or one fails. It panics if there is none.
//
//	rbac.AnyOf(rbac.Owner((*Order).Owner), rbac.Holds[*Order](policy, "orders:support"))
func AnyOf[T any](rules ...Rule[T]) Rule[T] {
	if len(rules) == 0 {
		panic("rbac: AnyOf has no rule, so it would permit nothing: name at least one")
	}
	mustRules("AnyOf", rules)
	rules = slices.Clone(rules)
	return func(ctx context.Context, p *auth.Principal, perm Permission, object T) (bool, error) {
		for _, rule := range rules {
			if ok, err := rule(ctx, p, perm, object); ok || err != nil {
				return ok && err == nil, err
			}
		}
		return false, nil
	}
}

// same reports whether a and b are one name. Nothing equals nothing else.
func same(a, b string) bool { return a != "" && a == b }

func mustRules[T any](name string, rules []Rule[T]) {
	if i := slices.IndexFunc(rules, func(r Rule[T]) bool { return r == nil }); i >= 0 {
		panic(fmt.Sprintf("rbac: rule %d of %s is nil", i+1, name))
	}
}
