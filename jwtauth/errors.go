package jwtauth

import (
	"errors"
	"fmt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Those of a token that is refused wrap
// auth.ErrInvalidCredentials.
var (
	// ErrInvalid: the token is not an access token of the issuer, for this
	// audience, that counts now. 401, TOKEN_INVALID: the client may refresh once,
	// in case that the key of its token was retired.
	ErrInvalid = problem.Wrap(problem.TokenInvalid, fmt.Errorf("%w: jwtauth: invalid token", auth.ErrInvalidCredentials))
	// ErrExpired: the token is good but for its age. 401, TOKEN_EXPIRED: the
	// client refreshes once and repeats the request.
	ErrExpired = problem.Wrap(problem.TokenExpired, fmt.Errorf("%w: jwtauth: token expired", auth.ErrInvalidCredentials))
	// ErrRevoked: the token is good, and was issued before its subject's
	// credentials were ended, or its session was. 401, TOKEN_EXPIRED as well: a
	// device that was spared refreshes and goes on, one that was not is refused
	// by the refresh.
	ErrRevoked = problem.Wrap(problem.TokenExpired, fmt.Errorf("%w: jwtauth: token revoked", auth.ErrInvalidCredentials))
	// ErrUnavailable: keys, epochs or revocations cannot be asked for. 503.
	ErrUnavailable = problem.Sentinel(problem.Unavailable, "jwtauth: cannot tell whether the token is good")
	// ErrClaims: a token with such claims is not issued, because a Verifier would
	// refuse it or because a custom claim would stand for a registered one. 500.
	ErrClaims = errors.New("jwtauth: these claims cannot be issued")
	// ErrNoSigningKey: the KeySet only verifies. 500.
	ErrNoSigningKey = errors.New("jwtauth: the key set has no signing key")
	// ErrKey: a key is refused. The error says why, and never shows the key.
	ErrKey = errors.New("jwtauth: key refused")

	// ErrNoRefreshToken: the request carries none. 401.
	ErrNoRefreshToken = fmt.Errorf("%w: jwtauth: no refresh token", auth.ErrNoCredentials)
	// ErrNoFamily: the refresh token is not genuine, or its family is revoked or
	// has expired. 401. A FamilyStore returns it, wrapped or not, for a family
	// that is not there.
	ErrNoFamily = fmt.Errorf("%w: jwtauth: the refresh token is good for nothing", auth.ErrInvalidCredentials)
	// ErrReused: the refresh token was spent before, by its holder or by a thief.
	// Its family has ended, and what else IssuerConfig.Reuse says. 401.
	ErrReused = fmt.Errorf("%w: jwtauth: the refresh token was spent before", auth.ErrInvalidCredentials)
	// ErrFamilyExists is what Create of a FamilyStore returns for an id that is
	// taken. 500.
	ErrFamilyExists = errors.New("jwtauth: the family id is taken")
	// ErrGrantSize: what a sign-in grants is larger than MaxGrantSize. 500.
	ErrGrantSize = fmt.Errorf("jwtauth: the principal takes more than %d bytes", MaxGrantSize)
	// ErrCrossOrigin: the request comes from another origin and the cookie came
	// with it, or would be set. 403.
	ErrCrossOrigin = problem.Sentinel(problem.CrossOrigin, "jwtauth: cross-origin request")
	// ErrPlainHTTP: a sign-in over plain HTTP with a Secure cookie, which the
	// browser would drop. 500.
	ErrPlainHTTP = needsHTTPS(errors.New("jwtauth: sign-in over plain HTTP with a Secure cookie: serve HTTPS, let the proxy send X-Forwarded-Proto: https, or for development on loopback set InsecureCookie"))
	// ErrNotLoopback: a request from outside while InsecureCookie is set. 500.
	ErrNotLoopback = needsHTTPS(errors.New("jwtauth: InsecureCookie is for loopback only, and this request is not: unset it"))

	errManyCookies = fmt.Errorf("%w: jwtauth: the request has more than one refresh cookie", auth.ErrInvalidCredentials)
	errNobody      = errors.New("jwtauth: a subject, and to end one family its id, must be named")
	errNoSubject   = errors.New("jwtauth: a principal without a Subject cannot sign in")
)

// needsHTTPS tells a client of a service without HTTPS what its log tells in full.
func needsHTTPS(err error) error {
	return &problem.Error{Details: problem.New(problem.Internal).WithDetail("Sign-in needs HTTPS."), Err: err}
}

// storeFailed gives an error of a FamilyStore its public face: 503, unless the
// store chose another.
func storeFailed(doing string, err error) error {
	err = fmt.Errorf("jwtauth: %s: %w", doing, err)
	var e *problem.Error
	if errors.As(err, &e) || errors.Is(err, ErrFamilyExists) {
		return err
	}
	return problem.Wrap(problem.Unavailable, err)
}
