package passkey

import (
	"errors"

	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Those of package mfa come through as they are.
var (
	// ErrInvalid: the answer of the authenticator does not prove what it should: it
	// is malformed, for another challenge, origin or site, not signed by the passkey,
	// or its user was not there or not verified. 401.
	ErrInvalid = problem.Sentinel(problem.PasskeyInvalid, "passkey: the answer of the authenticator is not valid")
	// ErrCounter wraps no other error, and is one to look at: the counter of a
	// passkey has gone back, which is what a copy of its key looks like. To the
	// client it is as ErrInvalid, 401. A Store returns it from Use.
	ErrCounter = problem.Sentinel(problem.PasskeyInvalid, "passkey: the counter has gone back, the key may have been copied")
	// ErrUnknown: there is no such passkey, or it is not one of the user. 401. The
	// browser may forget it.
	ErrUnknown = problem.Sentinel(problem.PasskeyUnknown, "passkey: there is no such passkey")
	// ErrChallenge: the challenge has expired or was answered before, or it was made
	// for another browser, login or purpose. 401; begin again.
	ErrChallenge = problem.Sentinel(problem.PasskeyChallengeInvalid, "passkey: the challenge is not good here, or not any more")
	// ErrRejected: what the authenticator has made cannot be registered. 422.
	ErrRejected = problem.Sentinel(problem.PasskeyRejected, "passkey: what the authenticator has made cannot be registered")
	// ErrExists: the passkey is registered, here or with another account. 409. A
	// Store returns it from Add.
	ErrExists = problem.Sentinel(problem.PasskeyExists, "passkey: it is registered already")
	// ErrLimit: the user has as many passkeys as may be. 409. A Store returns it
	// from Add.
	ErrLimit = problem.Sentinel(problem.PasskeyLimit, "passkey: the user has as many as may be")
	// ErrNotFound: the user has no passkey with that id, to rename. 404.
	ErrNotFound = problem.Sentinel(problem.NotFound, "passkey: the user has no such passkey")
	// ErrName: the name is longer than MaxName bytes, or no text. 400.
	ErrName = problem.Sentinel(problem.BodyInvalid, "passkey: the name is too long or not text")
	// ErrCrossOrigin: another site has made a browser send the request. 403.
	ErrCrossOrigin = problem.Sentinel(problem.CrossOrigin, "passkey: cross-origin request")
	// ErrPlainHTTP: a challenge over plain HTTP, where a browser drops its cookie,
	// and offers no passkeys. Serve HTTPS, or set Config.InsecureCookie on loopback.
	// 500.
	ErrPlainHTTP = errors.New("passkey: a challenge over plain HTTP, whose cookie browsers refuse: serve HTTPS, or set InsecureCookie for loopback")
	// ErrNotLoopback: Config.InsecureCookie is set and the request does not come
	// from this machine. 500.
	ErrNotLoopback = errors.New("passkey: InsecureCookie is for loopback only, and the request is not of this machine")

	// ErrNoCredential is what a Store returns, wrapped or not, if there is no such
	// passkey.
	ErrNoCredential = errors.New("passkey: no such credential")
	// ErrAnswered is what a Store returns, wrapped or not, if the challenge was
	// answered before.
	ErrAnswered = errors.New("passkey: the challenge was answered before")
)
