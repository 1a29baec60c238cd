package jwtauth

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// Authenticate returns the principal of the bearer token of r (RFC 6750 §2.1). The
// token is taken from the header Authorization and from nowhere else: a token in a
// URL gets into logs and histories, and one in a form or a cookie can be sent by
// another site. If there is no such header of scheme Bearer the error wraps
// auth.ErrNoCredentials; if there is one and it is not good, alone or beside
// another header of the name, the request is refused.
//
// The CredentialID of the principal is the sid of the token, or its jti. The roles
// are those of when the token was issued.
func (v *Verifier) Authenticate(r *http.Request) (*auth.Principal, error) {
	token, err := bearerToken(r.Header["Authorization"])
	if err != nil {
		return nil, err
	}
	t, err := v.verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	return &t.principal, nil
}

// bearerToken returns the token of the one header of scheme Bearer. The verifier
// checks the length of the token and its alphabet, which is a part of that of b64token
// (RFC 6750 §2.1).
func bearerToken(values []string) (string, error) {
	const prefix = len("Bearer ")
	found := ""
	for _, value := range values {
		if !isBearer(value) {
			continue
		}
		if len(values) > 1 {
			return "", errTwoHeaders
		}
		if len(value) <= prefix || value[prefix-1] != ' ' {
			return "", errBearer
		}
		found = value[prefix:]
	}
	if found == "" {
		return "", errNoBearer
	}
	return found, nil
}

// isBearer reports whether the scheme of value is Bearer, in whatever case (RFC
// 9110 §11.1). What follows may be missing.
func isBearer(value string) bool {
	const scheme = len("Bearer")
	return len(value) >= scheme && strings.EqualFold(value[:scheme], "Bearer") &&
		(len(value) == scheme || value[scheme] == ' ' || value[scheme] == '\t' || value[scheme] == ',')
}

// challenges are those of RFC 6750 §3, ready made.
type challenges struct{ none, expired, invalid string }

func newChallenges(realm string) challenges {
	return challenges{
		none:    auth.Challenge("Bearer", "realm", realm),
		expired: auth.Challenge("Bearer", "realm", realm, "error", "invalid_token", "error_description", "The access token is no longer good"),
		invalid: auth.Challenge("Bearer", "realm", realm, "error", "invalid_token", "error_description", "The access token is not valid"),
	}
}

// Challenge implements auth.Challenger (RFC 6750 §3): without an error code if there
// was no token, with invalid_token if it was refused, insufficient_scope or
// insufficient_user_authentication (RFC 9470) if the caller is known. Other
// refusals that are not a 401 have no challenge.
func (v *Verifier) Challenge(err error) string {
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		return v.bearer.none
	case errors.Is(err, ErrExpired), errors.Is(err, ErrRevoked):
		return v.bearer.expired
	case errors.Is(err, auth.ErrInvalidCredentials):
		return v.bearer.invalid
	}
	var stepUp *auth.StepUpError
	var scope *auth.ScopeError
	switch {
	case errors.As(err, &stepUp):
		return stepUp.Challenge("Bearer")
	case errors.As(err, &scope):
		return scope.Challenge("Bearer")
	case problem.From(err).Status == http.StatusUnauthorized:
		return v.bearer.invalid
	}
	return ""
}

var _ auth.Challenger = (*Verifier)(nil)
