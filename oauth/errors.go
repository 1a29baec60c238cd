package oauth

import (
	"errors"

	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Each carries its public face.
var (
	// ErrAttempt: the callback is of no attempt to sign in that is open in this
	// browser: it has no state, or one that is used, expired, of another browser or of
	// another provider; or the answer is malformed or of another server. 400.
	ErrAttempt = problem.Sentinel(problem.SignInAttemptInvalid, "oauth: the sign-in attempt is not valid")
	// ErrDenied is wrapped by every *DeniedError. 403.
	ErrDenied = problem.Sentinel(problem.ProviderDenied, "oauth: the provider has refused")
	// ErrProvider: the provider cannot be reached, is too slow, or answers what it
	// must not. The user may begin again. 502.
	ErrProvider = problem.Sentinel(problem.ProviderFailed, "oauth: the provider has failed")
	// ErrIdentity: the provider has answered, and what it says of the user is not to
	// be trusted, such as an ID token for somebody else. 400.
	ErrIdentity = problem.Sentinel(problem.IdentityInvalid, "oauth: the identity is not valid")
	// ErrDisabled: Config.Enabled says no. 403.
	ErrDisabled = problem.Sentinel(problem.Forbidden, "oauth: the provider is disabled")
	// ErrCrossOrigin: another site has made a browser send the request. 403.
	ErrCrossOrigin = problem.Sentinel(problem.CrossOrigin, "oauth: cross-origin request")
	// ErrOtherUser: somebody else is signed in in this browser. 409.
	ErrOtherUser = problem.Sentinel(problem.OtherUserSignedIn, "oauth: another user is signed in")

	// ErrLinkRequired: the identity is nobody's here, and there is an account that it
	// may belong to. The user signs in to that as they always do, and then links
	// the identity. 409.
	ErrLinkRequired = problem.Sentinel(problem.LinkRequired, "oauth: sign in to the existing account and link the identity there")
	// ErrLinked: the identity belongs to another user here. 409.
	ErrLinked = problem.Sentinel(problem.LinkConflict, "oauth: the identity is linked to another user")
	// ErrTooManyLinks: the user has as many links as they may have. 409.
	ErrTooManyLinks = problem.Sentinel(problem.LinkConflict, "oauth: the user has too many links")
	// ErrLastMethod: without this link the user could not sign in any more. 409.
	ErrLastMethod = problem.Sentinel(problem.LastLoginMethod, "oauth: the link is the last way to sign in")
	// ErrNoLink: there is no such link. A LinkStore returns it, wrapped or not. 404.
	ErrNoLink = problem.Sentinel(problem.NotFound, "oauth: no such link")

	// ErrConsumed is what a Consumer returns, wrapped or not, for an attempt that is
	// used up.
	ErrConsumed = errors.New("oauth: the attempt has been used")
	// ErrNoToken: no token is kept. A TokenStore returns it, wrapped or not.
	ErrNoToken = errors.New("oauth: no token is kept")
	// ErrTokenChanged is what a TokenStore returns, wrapped or not, if the token that
	// was to be replaced has changed meanwhile.
	ErrTokenChanged = errors.New("oauth: the kept token was changed meanwhile")

	errNoSecret = errors.New("oauth: the client secret is empty")
)

// A DeniedError is an error answer of the authorization endpoint (RFC 6749 §4.1.2.1):
// the user said no, or the request was wrong. It wraps ErrDenied.
type DeniedError struct {
	// Code is what the provider wrote if it is one of the registered codes, such as
	// "access_denied", and "unknown_error" otherwise. The description and the URI
	// of the answer are not kept: anybody can write them.
	Code string
}

// Error names the code.
func (e *DeniedError) Error() string { return ErrDenied.Error() + ": " + e.Code }

// Unwrap returns an error that wraps ErrDenied and shows the code to the client, as
// the member "error" of the problem.
func (e *DeniedError) Unwrap() error {
	d := problem.New(problem.ProviderDenied)
	d.Extensions = map[string]any{"error": e.Code}
	return &problem.Error{Details: d, Err: ErrDenied}
}
