package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/problem"
)

// A Gate admits requests that one of its Authenticators accepts: the first door.
//
// The first credential that is present decides alone. A bad one never falls
// through to the next authenticator or to anonymous access, so a stolen cookie
// does not rescue a revoked key, nor the other way round. Explicit credentials
// are asked before Ambient ones.
//
// The zero Gate denies every request, as does one whose Authenticator or Current
// panics. A Gate must not be changed once it is in use; then it is safe for
// concurrent use.
type Gate struct {
	Authenticators []Authenticator
	// Optional lets requests without any credential through, anonymously. A bad
	// credential is refused all the same.
	Optional bool
	// Current is applied to the principal of any credential. Nil: what the
	// credential says stands.
	Current Current
	// OnEvent is told of refused credentials (EventRefused), not of absent ones.
	OnEvent EventFunc
	// ClientIP finds the client's address for events. Nil: the peer of the
	// connection; forwarded headers are not read.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// ErrorHandler answers refusals. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

// Require is a Gate of these Authenticators with nothing else configured.
func Require(as ...Authenticator) func(http.Handler) http.Handler {
	return (&Gate{Authenticators: as}).Handler
}

// Chain composes middleware; the first one is the outermost.
func Chain(mw ...func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		for i := len(mw) - 1; i >= 0; i-- {
			next = mw[i](next)
		}
		return next
	}
}

// Authenticate makes a Gate an Authenticator. If the Gate is Optional and there
// is no credential it returns an error that wraps ErrNoCredentials, as any other
// Gate does: being optional is a matter of Handler. The error of a 401 carries
// the challenges of all Authenticators.
func (g *Gate) Authenticate(r *http.Request) (*Principal, error) {
	p, _, err := g.authenticate(r)
	return p, err
}

// Handler admits requests to next with the principal in their context.
func (g *Gate) Handler(next http.Handler) http.Handler {
	gate := *g
	gate.Authenticators = append([]Authenticator(nil), g.Authenticators...)
	onError := gate.ErrorHandler
	if onError == nil {
		onError = problem.WriteError
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, by, err := gate.authenticate(r)
		if err != nil && !(by == none && gate.admitsVisitors()) {
			onError(w, r, err)
			return
		}
		if _, known := FromContext(r.Context()); err != nil && known {
			// A Gate further out knows the caller, and nothing here speaks against it.
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r.WithContext(&node{Context: r.Context(), principal: p, gate: &gate, by: by}))
	})
}

// admitsVisitors reports whether requests without a credential go through. A Gate
// that asks nobody is a mistake and not an open door.
func (g *Gate) admitsVisitors() bool { return g.Optional && len(g.Authenticators) > 0 }

// none is the index of no Authenticator.
const none = -1

// authenticate returns the principal and the index of the Authenticator that
// decided.
func (g *Gate) authenticate(r *http.Request) (p *Principal, by int, err error) {
	if len(g.Authenticators) == 0 {
		return nil, none, fmt.Errorf("%w: %w", ErrNoCredentials, errNoAuthenticators)
	}
	p, by, err = g.first(r)
	if err == nil && g.Current != nil {
		p, err = g.current(r, p)
	}
	if err == nil {
		return p, by, nil
	}
	if by != none && g.OnEvent != nil {
		g.refused(r, p, err)
	}
	if problem.From(err).Status == http.StatusUnauthorized {
		err = g.challenged(err, by, true)
	}
	return nil, by, err
}

// first asks the Authenticators in turn, the ambient ones last, until one finds
// a credential of its kind.
func (g *Gate) first(r *http.Request) (*Principal, int, error) {
	for _, ambient := range [...]bool{false, true} {
		for i, a := range g.Authenticators {
			if isAmbient(a) != ambient {
				continue
			}
			p, err := try(a, r)
			if err == nil || !errors.Is(err, ErrNoCredentials) {
				return p, i, err
			}
		}
	}
	return nil, none, ErrNoCredentials
}

// try calls a and turns a panic, and an answer that is none, into an error: a
// fault in one Authenticator refuses the request and lets the server go on.
func try(a Authenticator, r *http.Request) (p *Principal, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, panicked(v)
		}
	}()
	p, err = a.Authenticate(r)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errNilPrincipal
	}
	return p, nil
}

// panicked is the error of a panic: a fault of the service, whatever the value of
// the panic was. In particular it never says that there was no credential.
func panicked(v any) error {
	return problem.Wrap(problem.Internal, errors.New(problem.PanicError(v).Error()))
}

// current asks the Current hook, under the same guard as try. On an error it
// returns the principal that was refused, for the event.
func (g *Gate) current(r *http.Request, p *Principal) (now *Principal, err error) {
	defer func() {
		if v := recover(); v != nil {
			now, err = p, panicked(v)
		}
	}()
	now, err = g.Current(r.Context(), p)
	switch {
	case err != nil && errors.Is(err, ErrNoCredentials):
		// The credential was there. Its refusal must not read as its absence,
		// or an Optional Gate would let a disabled user in as a visitor.
		return p, fmt.Errorf("%w: Current: %s", ErrInvalidCredentials, err.Error())
	case err != nil:
		return p, err
	case now == nil:
		return p, errCurrentNil
	case now.Subject != p.Subject:
		return p, errCurrentSubject
	}
	return now, nil
}

func (g *Gate) refused(r *http.Request, p *Principal, err error) {
	e := Event{Kind: EventRefused, Err: err}
	if g.ClientIP == nil {
		e.Address = clientip.Peer(r)
	} else if addr, err := g.ClientIP(r); err == nil {
		e.Address = addr
	}
	if p != nil {
		e.Subject, e.Method, e.CredentialID = p.Subject, p.Method, p.CredentialID
	}
	g.OnEvent.Emit(r.Context(), e)
}
