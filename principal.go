package auth

import (
	"context"
	"maps"
	"slices"
	"time"
)

// The Method of the principals that this module makes.
const (
	MethodSession = "session"
	MethodJWT     = "jwt"
	MethodAPIKey  = "apikey"
)

// Factor kinds, the values of RFC 8176 that this module uses.
const (
	FactorPassword  = "pwd"
	FactorOTP       = "otp"
	FactorHardware  = "hwk"
	FactorFederated = "fed" // not of RFC 8176: proved by another identity provider
	FactorRecovery  = "rcv" // not of RFC 8176: a recovery code
)

// A Principal is an authenticated caller, a person or a service. Once it is in
// a context it is shared by everything that handles the request: treat it as
// immutable and change a Clone.
type Principal struct {
	Subject      string // stable id of the user or service; never an e-mail address
	Method       string // the kind of credential on this request, such as MethodSession
	CredentialID string // id of the credential, for audit and revocation; never the secret
	Roles        []string
	// Scopes is an upper bound on what the roles permit. Nil is no bound; an
	// empty list that is not nil permits nothing.
	Scopes          []string
	Factors         []Factor          // what was proved and when, for step-up
	AuthenticatedAt time.Time         // when this sign-in happened; zero: never interactively
	Attributes      map[string]string // small facts of the application, such as a tenant
}

// A Factor is one proof of identity.
type Factor struct {
	Kind string // RFC 8176 value, such as FactorOTP
	At   time.Time
}

// Clone returns a deep copy of p. Nil and empty slices stay what they are.
func (p *Principal) Clone() *Principal {
	if p == nil {
		return nil
	}
	c := *p
	c.Roles = slices.Clone(p.Roles)
	c.Scopes = slices.Clone(p.Scopes)
	c.Factors = slices.Clone(p.Factors)
	c.Attributes = maps.Clone(p.Attributes)
	return &c
}

// Equal reports whether p and q say the same of the same caller. A nil list of
// scopes differs from an empty one.
func (p *Principal) Equal(q *Principal) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Subject == q.Subject &&
		p.Method == q.Method &&
		p.CredentialID == q.CredentialID &&
		p.AuthenticatedAt.Equal(q.AuthenticatedAt) &&
		slices.Equal(p.Roles, q.Roles) &&
		slices.Equal(p.Scopes, q.Scopes) && (p.Scopes == nil) == (q.Scopes == nil) &&
		slices.EqualFunc(p.Factors, q.Factors, func(a, b Factor) bool { return a.Kind == b.Kind && a.At.Equal(b.At) }) &&
		maps.Equal(p.Attributes, q.Attributes)
}

// FactorAt returns the latest time at which a factor of that kind was proved,
// or the zero time.
func (p *Principal) FactorAt(kind string) time.Time {
	var at time.Time
	for _, f := range p.Factors {
		if f.Kind == kind && f.At.After(at) {
			at = f.At
		}
	}
	return at
}

// The context key is a type that no other package can name, so an identity
// cannot be put into a request from the outside, by a header for example.
type contextKey struct{}

// A node is context and value in one, so that an identity costs a request one
// allocation here and one in http.Request.WithContext.
type node struct {
	context.Context
	principal *Principal
	gate      *Gate // that let the request through, or nil
	by        int   // index of the Authenticator that decided, or none
}

func (n *node) Value(key any) any {
	if key == (contextKey{}) {
		return n
	}
	return n.Context.Value(key)
}

// NewContext returns a context that carries p. A nil p hides a principal of ctx.
// Gate calls it; a service calls it for work outside of requests, and in tests.
func NewContext(ctx context.Context, p *Principal) context.Context {
	return &node{Context: ctx, principal: p}
}

// FromContext returns the authenticated caller of ctx. It reports false if there
// is none, also when no Gate is in the chain; it never panics.
func FromContext(ctx context.Context) (*Principal, bool) {
	n, ok := ctx.Value(contextKey{}).(*node)
	if !ok || n.principal == nil {
		return nil, false
	}
	return n.principal, true
}
