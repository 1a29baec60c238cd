package apikey

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Those of a key that is refused with 401 wrap
// auth.ErrInvalidCredentials. Why a key is refused is told to whoever has its secret,
// and to nobody else: for anybody else a revoked key and one that never was are both
// ErrInvalid.
var (
	// ErrMalformed: the text is no key of this service: it has another form, or its
	// checksum is wrong, as after a typing error. 401, API_KEY_MALFORMED.
	ErrMalformed = refused(problem.APIKeyMalformed, "malformed key")
	// ErrInvalid: there is no such key, or the secret is another. 401, API_KEY_INVALID.
	ErrInvalid = refused(problem.APIKeyInvalid, "invalid key")
	// ErrExpired: the key is genuine and its time is over. 401, API_KEY_EXPIRED. A
	// Store returns it for a Rotate.
	ErrExpired = refused(problem.APIKeyExpired, "key expired")
	// ErrRevoked: the key is genuine and was revoked. 401, API_KEY_REVOKED. A Store
	// returns it for a Rotate.
	ErrRevoked = refused(problem.APIKeyRevoked, "key revoked")
	// ErrOwner: the key is genuine and its owner may not sign in any more. 401,
	// API_KEY_REVOKED.
	ErrOwner = refused(problem.APIKeyRevoked, "the owner of the key is refused")
	// ErrAddress: the key is genuine and may not be used from there. 403,
	// API_KEY_ADDRESS.
	ErrAddress = problem.Sentinel(problem.APIKeyAddress, "apikey: the key may not be used from this address")

	// ErrRequest: such a key is not issued. 422, API_KEY_REJECTED, with what is wrong.
	ErrRequest = problem.Sentinel(problem.APIKeyRejected, "apikey: such a key is not issued")
	// ErrScope: the owner has not got a right that is asked for, so no key can have
	// it. 403.
	ErrScope = problem.Sentinel(problem.Forbidden, "apikey: the owner may not do what a scope says")
	// ErrTooMany: the owner has as many keys as may be. A Store returns it. 409,
	// API_KEY_LIMIT.
	ErrTooMany = problem.Sentinel(problem.APIKeyLimit, "apikey: the owner has as many keys as may be")
	// ErrRotated: the key has a successor already. A Store returns it. 409,
	// API_KEY_ROTATED.
	ErrRotated = problem.Sentinel(problem.APIKeyRotated, "apikey: the key was rotated before")
	// ErrNotFound: there is no such key. A Store returns it, wrapped or not, for a
	// record that is not there. 404.
	ErrNotFound = problem.Sentinel(problem.NotFound, "apikey: no such key")
	// ErrExists is what a Store returns for an id that is taken. 500.
	ErrExists = errors.New("apikey: the id is taken")
	// ErrFull is what a MemoryStore returns if it has MaxKeys live keys. 503.
	ErrFull = problem.Sentinel(problem.Unavailable, "apikey: the store in memory is full")
	// ErrNotInteractive: a key asked to manage keys. 403.
	ErrNotInteractive = notInteractive()

	errNoKey     = fmt.Errorf("%w: apikey: no key", auth.ErrNoCredentials)
	errTwoKeys   = fmt.Errorf("%w: two keys, or two headers with one", ErrMalformed)
	errNoSubject = errors.New("apikey: a subject must be named")
	errAborted   = errors.New("apikey: the look-up did not end")
)

func refused(code problem.Code, text string) error {
	return problem.Wrap(code, fmt.Errorf("%w: apikey: %s", auth.ErrInvalidCredentials, text))
}

func notInteractive() error {
	d := problem.New(problem.Forbidden).WithDetail("An API key cannot manage API keys. Sign in.")
	return &problem.Error{Details: d, Err: errors.New("apikey: an API key asked to manage API keys")}
}

// unacceptable is ErrRequest with the reason, which holds nothing that the client
// wrote.
func unacceptable(format string, args ...any) error {
	detail := fmt.Sprintf(format, args...)
	return &problem.Error{
		Details: problem.New(problem.APIKeyRejected).WithDetail(detail),
		Err:     fmt.Errorf("%w: %s", ErrRequest, detail),
	}
}

// ownErrors are those that a Store returns to say something.
var ownErrors = [...]error{ErrNotFound, ErrTooMany, ErrRotated, ErrRevoked, ErrExpired, ErrExists}

// storeFailed gives an error of a Store its public face: that of the sentinel that it
// is, else 503, unless the store chose another.
func storeFailed(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("apikey: %s: %w", doing, err)
	for _, own := range ownErrors {
		if errors.Is(err, own) {
			return err
		}
	}
	var e *problem.Error
	switch {
	case errors.Is(err, auth.ErrNoCredentials), errors.Is(err, auth.ErrInvalidCredentials):
		// A store says nothing of credentials. Its failure must not read as their
		// absence, or an Optional Gate would let the request in.
		err = errors.New(err.Error())
	case errors.As(err, &e) && e.Details.Status != http.StatusUnauthorized:
		return err
	}
	return problem.Wrap(problem.Unavailable, err)
}
