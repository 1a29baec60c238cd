package session

import (
	"errors"
	"fmt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package.
var (
	// ErrNoSession: the session does not exist, has expired, or was ended while
	// the request ran. 401. Stores return it, wrapped or not.
	ErrNoSession = problem.Sentinel(problem.Unauthenticated, "session: no such session")
	// ErrExists is what Create and Rename of a Store return for an id that is
	// taken. 500.
	ErrExists = errors.New("session: the id is taken")
	// ErrCorrupt: a stored session cannot be read. Stores return it together
	// with ErrNoSession: such a session is signed out.
	ErrCorrupt = errors.New("session: the stored session cannot be read")
	// ErrNoHandler: Manager.Handler is not in the chain. 500.
	ErrNoHandler = errors.New("session: Manager.Handler is not in the chain of this request")
	// ErrCommitted: the headers of the response are sent, so the session can no
	// longer be written. 500. Write to the session before the first byte.
	ErrCommitted = errors.New("session: the response has begun, it is too late to write to the session")
	// ErrTooLarge: the session is larger than MaxRecordSize. 500.
	ErrTooLarge = fmt.Errorf("session: the session is larger than %d bytes", MaxRecordSize)
	// ErrCrossOrigin: the request comes from another origin and the cookie came
	// with it. 403.
	ErrCrossOrigin = problem.Sentinel(problem.CrossOrigin, "session: cross-origin request")
	// ErrCSRFToken: a request without a token, or with one of another session. 403.
	ErrCSRFToken = problem.Sentinel(problem.CSRFTokenInvalid, "session: no CSRF token of this session")
	// ErrPlainHTTP: a sign-in over plain HTTP with a Secure cookie. 500. The
	// browser would drop the cookie. Serve HTTPS; behind a proxy that terminates
	// TLS, let it send X-Forwarded-Proto; on a development machine set
	// Config.InsecureCookie.
	ErrPlainHTTP = plain(errors.New("session: sign-in over plain HTTP with a Secure cookie: serve HTTPS, let the proxy send X-Forwarded-Proto: https, or for development on loopback set InsecureCookie"))
	// ErrNotLoopback: a request from outside while InsecureCookie is set. 500.
	ErrNotLoopback = plain(errors.New("session: InsecureCookie is for loopback only, and this request is not: unset it"))

	errEnded     = fmt.Errorf("%w: it ended while the request ran", ErrNoSession)
	errNobody    = errors.New("session: a subject, and to end one session its id, must be named")
	errNoCSRF    = errors.New("session: a CSRF that NewCSRF has not made refuses every request")
	errNoFactor  = errors.New("session: a factor without a Kind proves nothing")
	errNoSubject = errors.New("session: a principal without a Subject cannot sign in")
	errPublic    = errors.New("session: an update may not change the public id of a session")
	errSCSNil    = errors.New("session: FromSCS wants a store of scs")
	errSCSOwn    = errors.New("session: FromSCS was given the store inside Manager.SCS: pass one of scs itself")
	errSCSTaken  = errors.New("session: Config.SCS belongs to another Manager already: make one for each with scs.New")
	errSCSKey    = errors.New("session: this version of scs does not keep its data in the context: use v2.9.0")
	errSCSCommit = errors.New("session: SCS().Commit and SCS().LoadAndSave are not to be used: Manager.Handler saves the session")

	// Why a cookie counts for nothing. Made once: visitors are the common case.
	errNoCookie  = fmt.Errorf("%w: no session cookie", auth.ErrNoCredentials)
	errStale     = fmt.Errorf("%w: the cookie names no live session", auth.ErrNoCredentials)
	errVisitor   = fmt.Errorf("%w: the session is that of a visitor", auth.ErrNoCredentials)
	errMalformed = fmt.Errorf("%w: the session cookie is malformed", auth.ErrNoCredentials)
	errAmbiguous = fmt.Errorf("%w: the request has more than one session cookie", auth.ErrNoCredentials)
)

// plain tells a client of a service without HTTPS what its log tells in full.
func plain(err error) error {
	return &problem.Error{Details: problem.New(problem.Internal).WithDetail("Sessions need HTTPS."), Err: err}
}

// unavailable gives an error of a Store its public face: 503, unless the store
// chose another.
func unavailable(doing string, err error) error {
	err = fmt.Errorf("session: %s: %w", doing, err)
	var e *problem.Error
	if errors.As(err, &e) || errors.Is(err, ErrExists) {
		return err
	}
	return problem.Wrap(problem.Unavailable, err)
}
