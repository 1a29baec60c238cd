package rbac

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-sallyport/auth"
)

// On returns middleware that decides about one object: the order, document or
// account that a request is about. A permission says that its holder may read
// orders; a rule says which.
//
//	rbac.On(policy, "orders:read", loadOrder, rbac.Tenant("tenant", (*Order).Tenant), rbac.Owner((*Order).Owner))
//
// d is asked for perm; give it a *Guard to have events, 404 in place of 403, or
// an answer of your own. Then load finds the object, once, and the handler has it
// from Resource. Then all of rules must permit. A *Policy and a *Live do not look
// at objects, so they are asked before anything is loaded. Another Decider is
// asked with the object, after.
//
// Load returns an error that wraps ErrNotFound for what does not exist, which is
// a 404; any other error is a 500 or what its *problem.Error says. It must take
// from the request only which object is meant, and never who asks. If load, d or
// a rule panics, the answer is a 500. With Guard.Hide, an object that the caller
// may not see is answered as one that does not exist.
//
// On panics where Require does, on a nil load, and without a rule, unless d looks
// at objects itself.
func On[T any](d Decider, perm Permission, load func(r *http.Request) (T, error), rules ...Rule[T]) func(http.Handler) http.Handler {
	g := guardOf(d)
	decision, err := g.bind(need{perms: []Permission{perm}})
	switch {
	case err != nil:
		panic(fmt.Errorf("rbac: On: %w", err))
	case load == nil:
		panic(fmt.Errorf("rbac: On(%q) has no loader", perm))
	case len(rules) == 0 && !decision.object:
		panic(fmt.Errorf("rbac: On(%q) has no rule, so it would not look at the object: name one, such as Owner, or use Require", perm))
	}
	mustRules("On", rules)
	o := &object[T]{guard: g, perm: perm, decision: decision, load: load, rules: slices.Clone(rules)}
	return o.handler
}

// Resource returns the object that On has loaded for this request. T must be the
// type that the loader returns. It reports false if there is none.
func Resource[T any](ctx context.Context) (T, bool) {
	v, ok := ctx.Value(resourceKey[T]{}).(*resource[T])
	if !ok {
		var zero T
		return zero, false
	}
	return v.object, true
}

// guardOf returns d if it is a Guard, and else the Guard of d with nothing else
// configured.
func guardOf(d Decider) *Guard {
	if g, ok := d.(*Guard); ok {
		guard := *g
		return &guard
	}
	return &Guard{Decider: d}
}

// An object is what On was given.
type object[T any] struct {
	guard    *Guard
	perm     Permission
	decision decision
	load     func(r *http.Request) (T, error)
	rules    []Rule[T]
}

func (o *object[T]) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		v, err := o.admit(r, p)
		if err != nil {
			o.guard.refuse(w, r, p, o.decision.resource, err)
			return
		}
		o.guard.granted(r, p, o.decision.resource)
		next.ServeHTTP(w, r.WithContext(&resource[T]{Context: r.Context(), object: v}))
	})
}

// admit returns the object if p may, or why not.
func (o *object[T]) admit(r *http.Request, p *auth.Principal) (v T, err error) {
	if p == nil {
		return v, errNoPrincipal
	}
	ctx := r.Context()
	if !o.decision.object {
		if err := o.decision.check(ctx, p, nil); err != nil {
			return v, err
		}
	}
	v, err = safely(func() (T, error) { return o.load(r) })
	if err != nil {
		return v, err
	}
	if o.decision.object {
		if err := o.decision.check(ctx, p, v); err != nil {
			return v, err
		}
	}
	for i, rule := range o.rules {
		ok, err := safely(func() (bool, error) { return rule(ctx, p, o.perm, v) })
		switch {
		case err != nil:
			return v, fault(err)
		case !ok:
			return v, fmt.Errorf("%w: rbac: rule %d of On(%q) does not permit this object", auth.ErrForbidden, i+1, o.perm)
		}
	}
	return v, nil
}

// Each type of object has a key of its own, which no other package can name.
type resourceKey[T any] struct{}

// A resource is context and value in one.
type resource[T any] struct {
	context.Context
	object T
}

func (c *resource[T]) Value(key any) any {
	if key == (resourceKey[T]{}) {
		return c
	}
	return c.Context.Value(key)
}
