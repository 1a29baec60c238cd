package password

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package.
var (
	// ErrMismatch: no such login, or the password is not its password, or it may
	// not sign in. There is one error for all of these, and it wraps
	// auth.ErrInvalidCredentials. 401.
	ErrMismatch = fmt.Errorf("password: unknown login or wrong password: %w", auth.ErrInvalidCredentials)
	// ErrNoAccount is what a Lookup returns, wrapped or not, if nobody may sign in
	// with the login: unknown, disabled, locked, not yet verified. A Checker
	// answers it with ErrMismatch.
	ErrNoAccount = errors.New("password: no account that may sign in")
	// ErrBusy: as many passwords are being hashed, and as many are waiting, as the
	// Pool allows. 503 with Retry-After.
	ErrBusy error = &problem.Error{
		Details: problem.New(problem.Unavailable),
		Header:  http.Header{"Retry-After": {"2"}},
		Err:     errors.New("password: the queue of the Pool is full"),
	}
	// ErrUnknownScheme: a stored hash is of no scheme that the Hasher verifies. It
	// may be of a fast one (MD5, SHA-2), or no hash at all.
	ErrUnknownScheme = errors.New("password: the stored hash is of no scheme that is verified here")
	// ErrBadHash: a stored hash is malformed, or asks for more work than it may.
	ErrBadHash = errors.New("password: the stored hash is not valid")
	// ErrRejected is wrapped by every *PolicyError. 422.
	ErrRejected = problem.Sentinel(problem.PasswordRejected, "password: rejected")
	// ErrToken: a one-time token is malformed, unknown, used, void, expired, or for
	// another purpose; there is one error for all of these. 400. Stores return it,
	// wrapped or not.
	ErrToken = problem.Sentinel(problem.OneTimeTokenInvalid, "password: no such one-time token")
)
