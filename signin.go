package auth

import (
	"context"
	"errors"
	"net/http"
)

// A SignIn turns a proven Principal into a credential on the client and writes
// the response: session.Manager sets a cookie, jwtauth.Issuer sends a token
// pair, and the gate of a second factor wraps either.
//
// Whoever proves an identity, by password or at another provider, is given a
// SignIn and calls it once. If it returns an error nothing has been written and
// no credential has been issued; the caller answers.
type SignIn interface {
	SignIn(w http.ResponseWriter, r *http.Request, p *Principal) error
}

// A SignInFunc is a function that is a SignIn.
type SignInFunc func(w http.ResponseWriter, r *http.Request, p *Principal) error

// SignIn calls f.
func (f SignInFunc) SignIn(w http.ResponseWriter, r *http.Request, p *Principal) error {
	return f(w, r, p)
}

// A Revoker ends the credentials of a subject, except the one with the given
// CredentialID (empty: all of them). A password reset or a change of factor
// calls it for credentials that it knows nothing about.
//
// When RevokeSubject returns nil, no later request with an old credential
// succeeds, but for a delay that the implementation documents. An error means
// that some may still be good; the caller must not report success.
type Revoker interface {
	RevokeSubject(ctx context.Context, subject, exceptCredentialID string) error
}

// A RevokerFunc is a function that is a Revoker.
type RevokerFunc func(ctx context.Context, subject, exceptCredentialID string) error

// RevokeSubject calls f.
func (f RevokerFunc) RevokeSubject(ctx context.Context, subject, exceptCredentialID string) error {
	return f(ctx, subject, exceptCredentialID)
}

// Revokers is a Revoker that asks each of its members, all of them even if some
// fail, and joins their errors.
type Revokers []Revoker

// RevokeSubject asks each member.
func (rs Revokers) RevokeSubject(ctx context.Context, subject, exceptCredentialID string) error {
	var errs []error
	for _, r := range rs {
		errs = append(errs, r.RevokeSubject(ctx, subject, exceptCredentialID))
	}
	return errors.Join(errs...)
}
