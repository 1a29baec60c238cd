package account

import (
	"errors"

	"github.com/go-sallyport/auth/problem"
)

// The errors of this package.
var (
	// ErrEmail: the address is none that is accepted, see Canonical. 422.
	ErrEmail = problem.Sentinel(problem.EmailInvalid, "account: the address is not acceptable")
	// ErrUnverified: the password is right, and the address of the account was
	// never proved. 403.
	ErrUnverified = problem.Sentinel(problem.EmailUnverified, "account: the address is not verified yet")
	// ErrCrossOrigin: another site has made a browser send the request. 403.
	ErrCrossOrigin = problem.Sentinel(problem.CrossOrigin, "account: cross-origin request")
	// ErrNotSupported: the Store cannot do this, see Deleter. 500.
	ErrNotSupported = errors.New("account: the store does not support this")

	// ErrNotFound is what a Store returns, wrapped or not, if there is no such user.
	ErrNotFound = errors.New("account: no such user")
	// ErrExists is what a Store returns, wrapped or not, if the address belongs to
	// a user already.
	ErrExists = errors.New("account: the address belongs to a user already")
	// ErrConflict is what a Store returns, wrapped or not, if what was to be
	// replaced has changed meanwhile.
	ErrConflict = errors.New("account: the user was changed meanwhile")
)
