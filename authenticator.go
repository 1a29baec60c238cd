package auth

import "net/http"

// An Authenticator recognises one kind of credential.
//
//   - It returns a principal if the request carries a good credential.
//   - It returns an error that wraps ErrNoCredentials if the request carries no
//     credential of its kind at all. Only then may another Authenticator decide.
//   - Any other error refuses the request. One that wraps ErrInvalidCredentials,
//     or carries a *problem.Error of its own, is the client's fault; anything
//     else, such as a store that is down, is answered with a 500 or what its
//     *problem.Error says.
//
// Authenticate decides and never writes a response. It is called by many
// requests at once. The returned principal may be shared between requests, so
// nobody may change it.
type Authenticator interface {
	Authenticate(r *http.Request) (*Principal, error)
}

// An AuthenticatorFunc is a function that is an Authenticator.
type AuthenticatorFunc func(r *http.Request) (*Principal, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(r *http.Request) (*Principal, error) { return f(r) }

// A Challenger is an Authenticator that has a WWW-Authenticate challenge
// (RFC 9110 §11.6.1).
type Challenger interface {
	// Challenge returns the challenge for a refusal because of err, built with
	// func Challenge, or "" for none. If err wraps ErrNoCredentials the request
	// carried no credential of this kind, and the challenge must not have an
	// error code (RFC 6750 §3.1). err may also be a *StepUpError or *ScopeError.
	Challenge(err error) string
}

// An Ambient is an Authenticator that can tell that browsers send its
// credential by themselves, as they do with a cookie. A Gate asks these last: an
// explicit header decides before an ambient cookie, whatever the order in which
// they were named.
type Ambient interface {
	Ambient() bool
}

func isAmbient(a Authenticator) bool {
	am, ok := a.(Ambient)
	return ok && am.Ambient()
}
