package oidc

import (
	"errors"
	"fmt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package, besides those of package oauth: an ID token that is not
// good wraps oauth.ErrIdentity, and a provider that fails oauth.ErrProvider.
var (
	// ErrLogoutToken: a logout token is not good, or has been used. 400.
	ErrLogoutToken = problem.Sentinel(problem.BadRequest, "oidc: the logout token is not valid")
	// ErrLogoutState: the browser comes back from a sign-out that it did not begin
	// here. 400.
	ErrLogoutState = problem.Sentinel(problem.BadRequest, "oidc: no sign-out of this browser is under way")
	// ErrNoLogout: the provider has no end_session_endpoint.
	ErrNoLogout = errors.New("oidc: the provider has no sign-out that a client can begin")
)

// Kinds of events of a Provider. Resource is its name.
const (
	EventMetadataFailed auth.EventKind = "oidc.metadata-failed" // the metadata could not be fetched, or is not good
	EventKeysFailed     auth.EventKind = "oidc.keys-failed"     // the keys could not be fetched, or none is good
	EventKeysChanged    auth.EventKind = "oidc.keys-changed"    // there are other keys; Err names those that are not used, and why
	EventLogout         auth.EventKind = "oidc.logout"          // the provider has ended what a user had here
)

// distrust gives an error about a token the class of a token that is not good, unless
// it has a public face already, as that of a provider that fails has.
func distrust(class, err error) error {
	var face *problem.Error
	if errors.As(err, &face) {
		return err
	}
	return fmt.Errorf("%w: %w", class, err)
}
