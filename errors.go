package auth

import (
	"errors"

	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Each carries its public face, so that an
// ErrorHandler answers it, and any error that wraps it, without a switch.
var (
	// ErrNoCredentials: the request carries no credential of this kind. An
	// Authenticator returns it, wrapped or not, to let the next one try. 401.
	ErrNoCredentials = problem.Sentinel(problem.Unauthenticated, "auth: no credentials")
	// ErrInvalidCredentials: a credential is there and is not good. 401.
	ErrInvalidCredentials = problem.Sentinel(problem.InvalidCredentials, "auth: invalid credentials")
	// ErrForbidden: the caller is known and may not do this. 403.
	ErrForbidden = problem.Sentinel(problem.Forbidden, "auth: forbidden")
	// ErrStepUp is wrapped by every *StepUpError. 401.
	ErrStepUp = problem.Sentinel(problem.StepUpRequired, "auth: a more recent or stronger sign-in is required")
	// ErrScope is wrapped by every *ScopeError. 403.
	ErrScope = problem.Sentinel(problem.InsufficientScope, "auth: insufficient scope")

	errNoAuthenticators = errors.New("auth: the Gate has no Authenticators, so it admits nobody: name at least one")
	errNilPrincipal     = errors.New("auth: an Authenticator returned neither a principal nor an error")
	errCurrentNil       = errors.New("auth: Current returned neither a principal nor an error")
	errCurrentSubject   = errors.New("auth: Current returned a principal of another subject")
)
