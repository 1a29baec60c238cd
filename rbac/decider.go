package rbac

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// A Decider decides whether a caller may. A Policy is one; Casbin, OPA or code
// of the service may be another, behind a Guard.
//
//   - p is not nil and perm is well-formed. Resource is what On loaded, of the
//     type that its loader returns, or nil if the question is about no object.
//   - A Decider need not look at p.Scopes: the Guard holds every yes against
//     them.
//   - An error denies, whatever the answer beside it. It is answered with its own
//     *problem.Error if it wraps one, and with a 503 if not; a panic with a 500.
//   - It is asked by many requests at once, and again for every one of them: no
//     decision is remembered here.
type Decider interface {
	Decide(ctx context.Context, p *auth.Principal, perm Permission, resource any) (bool, error)
}

// A DeciderFunc is a function that is a Decider.
type DeciderFunc func(ctx context.Context, p *auth.Principal, perm Permission, resource any) (bool, error)

// Decide calls f.
func (f DeciderFunc) Decide(ctx context.Context, p *auth.Principal, perm Permission, resource any) (bool, error) {
	return f(ctx, p, perm, resource)
}

// ask asks d for one permission and returns nil if p may, or why not.
func ask(ctx context.Context, d Decider, p *auth.Principal, perm Permission, resource any) error {
	if p == nil {
		return errNoPrincipal
	}
	ok, err := safely(func() (bool, error) { return d.Decide(ctx, p, perm, resource) })
	switch {
	case err != nil:
		return fault(err)
	case !ok:
		return fmt.Errorf("%w: rbac: the Decider does not permit %.128q", auth.ErrForbidden, perm)
	case !covered(p.Scopes, perm):
		return &auth.ScopeError{Scope: string(perm)}
	}
	return nil
}

// askEach asks d for all or any of the permissions of n.
func askEach(ctx context.Context, d Decider, p *auth.Principal, n need, resource any) error {
	if len(n.perms) == 0 {
		return auth.ErrForbidden
	}
	var refusal error
	for _, perm := range n.perms {
		err := ask(ctx, d, p, perm, resource)
		switch {
		case err == nil && n.any:
			return nil
		case err == nil:
			continue
		case !n.any || !refuses(err):
			return err
		case refusal == nil || errors.Is(err, auth.ErrScope):
			refusal = err
		}
	}
	return refusal
}

// refuses reports whether err is a decision, and not the failure to make one.
func refuses(err error) bool {
	status := problem.From(err).Status
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// safely calls f and turns a panic into an error, which is a 500 whatever the
// value of the panic was.
func safely[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			var zero T
			v, err = zero, problem.Wrap(problem.Internal, problem.PanicError(r))
		}
	}()
	return f()
}

// fault gives the error of a Decider or Rule a public face, unless it has one: it
// could not decide, which is a 503.
func fault(err error) error {
	var e *problem.Error
	if errors.As(err, &e) {
		return err
	}
	return problem.Wrap(problem.Unavailable, err)
}
