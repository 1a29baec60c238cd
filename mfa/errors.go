package mfa

import (
	"errors"

	"github.com/go-sallyport/auth/problem"
)

// The errors of this package.
var (
	// ErrRequired: the sign-in waits for a second factor. 401 MFA_REQUIRED, with
	// the member factors.
	ErrRequired = problem.Sentinel(problem.MFARequired, "mfa: a second factor is required")
	// ErrCode: the code is wrong, was used, or is of an earlier time than one that
	// was used; or the recovery code is wrong or was used. 401.
	ErrCode = problem.Sentinel(problem.MFACodeInvalid, "mfa: the code is not valid")
	// ErrChallenge: no sign-in waits in this browser: there was none, it has
	// expired, ended or come to its end, or it was tried too often. 401.
	ErrChallenge = problem.Sentinel(problem.MFAChallengeInvalid, "mfa: no sign-in waits for a factor in this browser")
	// ErrNotEnrolled: the subject has no factor of the kind. 409.
	ErrNotEnrolled = problem.Sentinel(problem.MFANotEnrolled, "mfa: there is no such factor")
	// ErrEnrolment: no enrolment of this login waits to be confirmed. 409.
	ErrEnrolment = problem.Sentinel(problem.MFAEnrolmentInvalid, "mfa: no enrolment of this login waits to be confirmed")
	// ErrCrossOrigin: another site has made a browser send the request. 403.
	ErrCrossOrigin = problem.Sentinel(problem.CrossOrigin, "mfa: cross-origin request")
	// ErrPlainHTTP: a sign-in has to wait over plain HTTP, where a browser drops
	// the cookie of the challenge. Serve HTTPS, or set Config.InsecureCookie on
	// loopback. 500.
	ErrPlainHTTP = errors.New("mfa: a challenge over plain HTTP, whose cookie browsers refuse: serve HTTPS, or set InsecureCookie for loopback")
	// ErrNotLoopback: Config.InsecureCookie is set and the request does not come
	// from this machine. 500.
	ErrNotLoopback = errors.New("mfa: InsecureCookie is for loopback only, and the request is not of this machine")

	// ErrNoPending is what a FactorStore returns, wrapped or not, if no enrolment
	// waits.
	ErrNoPending = errors.New("mfa: no enrolment waits")
	// ErrNoChallenge is what a ChallengeStore returns, wrapped or not, if there is
	// no such challenge.
	ErrNoChallenge = errors.New("mfa: no such challenge")
	// ErrNoDevice is what a DeviceStore returns, wrapped or not, if there is no such
	// device.
	ErrNoDevice = errors.New("mfa: no such device")

	errNoPrincipal = errors.New("mfa: a Gate wants a principal with a subject of at most 255 bytes")
	errLabel       = errors.New("mfa: the name of the account is empty, too long, or not text")
	errCurrent     = errors.New("mfa: Current has returned nobody, or somebody else")
	errSplit       = errors.New("mfa: a part of the Split is nil: name a store for each of the three")
	errSecret      = errors.New("mfa: not a secret of this version")
)
