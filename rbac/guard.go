package rbac

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/problem"
)

// EventGranted is what a Guard with AuditGrants emits when it admits a caller.
const EventGranted auth.EventKind = "request.granted"

// A Guard admits requests that its Decider permits: the second door. It stands
// behind an auth.Gate; without a principal it denies with auth.ErrNoCredentials,
// and the error says that the Gate may be missing.
//
// Whatever the Decider, the scopes of the principal are an upper bound on what
// it permits. Every refusal is an auth.EventDenied and one call of ErrorHandler,
// with the reason in the error and not in the response.
//
// The zero Guard denies every request. A Guard must not be changed once it is in
// use; then it is safe for concurrent use.
type Guard struct {
	// Decider decides: a *Policy, a *Live, or an engine of another kind.
	Decider Decider
	// Hide answers 404 where a known caller would get 403, so that an object, or a
	// route, does not show that it exists. A 401 stays what it is, and so does a
	// refusal for want of scope: the caller's own roles permit it. A route is well
	// hidden only if the router answers unknown paths with problem.NotFound too.
	Hide bool
	// AuditGrants emits EventGranted for every admitted request.
	AuditGrants bool
	// OnEvent is told of every refusal (auth.EventDenied). The Resource is what was
	// asked for: permissions separated by spaces, or "role=" and a role.
	OnEvent auth.EventFunc
	// ClientIP finds the client's address for events. Nil: the peer of the
	// connection; forwarded headers are not read.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// ErrorHandler answers refusals. A 401 and a refusal for want of scope come with
	// the challenge of the credential (auth.Challenged). Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

var _ Decider = (*Guard)(nil)

// Require returns middleware that admits callers who have all of perms.
//
// It panics if a permission is malformed or has a wildcard, if there is none, or
// if the Decider is a Policy, or a Live that holds one, in which no role is
// granted it.
func (g *Guard) Require(perms ...Permission) func(http.Handler) http.Handler {
	return g.middleware("Require", need{perms: slices.Clone(perms)})
}

// RequireAny returns middleware that admits callers who have at least one of
// perms. It panics where Require does.
func (g *Guard) RequireAny(perms ...Permission) func(http.Handler) http.Handler {
	return g.middleware("RequireAny", need{perms: slices.Clone(perms), any: true})
}

// RequireRole returns middleware that admits callers who hold at least one of
// roles, or a role that inherits one. A permission is nearly always the better
// question: it stays right when roles change. A principal that is bound by
// scopes does not pass, unless one of them is "*", because no other scope covers
// a role.
//
// It panics if there is no such role, if none is named, or if the Decider knows
// no roles, being neither a *Policy nor a *Live.
func (g *Guard) RequireRole(roles ...string) func(http.Handler) http.Handler {
	return g.middleware("RequireRole", need{roles: slices.Clone(roles), any: true})
}

// Check decides for the principal of ctx in the middle of a handler, which
// answers the error itself, with problem.WriteError for example. The error wraps
// auth.ErrNoCredentials, auth.ErrForbidden or auth.ErrScope, or says why there is
// no decision; it is emitted. Hide does not change it.
func (g *Guard) Check(ctx context.Context, perm Permission) error {
	p, _ := auth.FromContext(ctx)
	err := g.decide(ctx, p, perm, nil)
	if err != nil {
		g.emit(ctx, nil, auth.EventDenied, p, string(perm), err)
	}
	return err
}

// Can reports whether the principal of ctx may, as for the buttons of a page. It
// is a question and not an attempt, so nothing is emitted.
func (g *Guard) Can(ctx context.Context, perm Permission) bool {
	p, _ := auth.FromContext(ctx)
	return g.decide(ctx, p, perm, nil) == nil
}

// Decide makes a Guard a Decider: its own, with panics caught and the scopes of p
// respected. It emits nothing.
func (g *Guard) Decide(ctx context.Context, p *auth.Principal, perm Permission, resource any) (bool, error) {
	err := g.decide(ctx, p, perm, resource)
	if err != nil && refuses(err) {
		return false, nil
	}
	return err == nil, err
}

// decide decides by name.
func (g *Guard) decide(ctx context.Context, p *auth.Principal, perm Permission, resource any) error {
	switch d := g.Decider.(type) {
	case nil:
		return errNoDecider
	case *Policy:
		return d.check(p, perm)
	case *Live:
		return d.Policy().check(p, perm)
	case *Guard:
		return d.decide(ctx, p, perm, resource)
	}
	if err := perm.check(); err != nil {
		return fmt.Errorf("%w: rbac: permission %.128q: %w", auth.ErrForbidden, perm, err)
	}
	return ask(ctx, g.Decider, p, perm, resource)
}

// A decision is a need bound to the Decider of a Guard.
type decision struct {
	resource string // for events
	object   bool   // it wants to see the object that the request is about
	check    func(ctx context.Context, p *auth.Principal, object any) error
}

// bind resolves what can be resolved when a route is declared.
func (g *Guard) bind(n need) (decision, error) {
	if err := n.check(); err != nil {
		return decision{}, err
	}
	d := decision{resource: n.resource()}
	var err error
	switch by := g.Decider.(type) {
	case nil:
		d.check = func(context.Context, *auth.Principal, any) error { return errNoDecider }
	case *Policy:
		var r rule
		r, err = by.compile(n)
		d.check = func(_ context.Context, p *auth.Principal, _ any) error { return r.check(p) }
	case *Live:
		var i int
		i, err = by.declare(n)
		d.check = func(_ context.Context, p *auth.Principal, _ any) error { return by.check(i, p) }
	case *Guard:
		return by.bind(n)
	default:
		if len(n.roles) > 0 {
			err = errors.New("only a Policy or a Live knows roles: require a permission")
		}
		d.object = true
		d.check = func(ctx context.Context, p *auth.Principal, object any) error {
			return askEach(ctx, by, p, n, object)
		}
	}
	return d, err
}

func (g *Guard) middleware(name string, n need) func(http.Handler) http.Handler {
	guard := *g
	d, err := guard.bind(n)
	if err != nil {
		panic(fmt.Errorf("rbac: %s: %w", name, err))
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			p, _ := auth.FromContext(ctx)
			if err := d.check(ctx, p, nil); err != nil {
				guard.refuse(w, r, p, d.resource, err)
				return
			}
			guard.granted(r, p, d.resource)
			next.ServeHTTP(w, r)
		})
	}
}

// refuse is the one place that records and answers a refusal.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, p *auth.Principal, resource string, err error) {
	// That an object does not exist is no decision about the caller.
	if !errors.Is(err, ErrNotFound) {
		g.emit(r.Context(), r, auth.EventDenied, p, resource, err)
	}
	switch status := problem.From(err).Status; {
	case status == http.StatusUnauthorized || errors.Is(err, auth.ErrScope):
		// Another credential of the same kind would help, so the scheme is named.
		err = auth.Challenged(r.Context(), err)
	case status == http.StatusForbidden && g.Hide:
		err = problem.Wrap(problem.NotFound, err)
	case status < http.StatusBadRequest:
		// An error of the service's own code must not read as success.
		err = problem.Wrap(problem.Internal, err)
	}
	if g.ErrorHandler == nil {
		problem.WriteError(w, r, err)
		return
	}
	g.ErrorHandler(w, r, err)
}

func (g *Guard) granted(r *http.Request, p *auth.Principal, resource string) {
	if g.AuditGrants {
		g.emit(r.Context(), r, EventGranted, p, resource, nil)
	}
}

// emit hands the event to OnEvent. A nil r is a check outside of middleware.
func (g *Guard) emit(ctx context.Context, r *http.Request, kind auth.EventKind, p *auth.Principal, resource string, err error) {
	if g.OnEvent == nil {
		return
	}
	e := auth.Event{Kind: kind, Resource: resource, Err: err}
	if r != nil {
		e.Address = g.address(r)
	}
	if p != nil {
		e.Subject, e.Method, e.CredentialID = p.Subject, p.Method, p.CredentialID
	}
	g.OnEvent.Emit(ctx, e)
}

func (g *Guard) address(r *http.Request) netip.Addr {
	if g.ClientIP != nil {
		addr, err := g.ClientIP(r)
		if err != nil {
			return netip.Addr{}
		}
		return addr
	}
	return clientip.Peer(r)
}
