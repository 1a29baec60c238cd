package jwtauth

import (
	"errors"
	"fmt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Those of a token wrap auth.ErrInvalidCredentials.
var (
	// ErrInvalid: the token is not an access token of the issuer, for this
	// audience, that counts now. 401, TOKEN_INVALID.
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
)
