package problem

import (
	"context"
	"errors"
	"net/http"
)

// An Error pairs an error, for the log, with the Details that a client may see.
// It wraps Err, so errors.Is and errors.As see through it. It is immutable once
// it has been returned.
type Error struct {
	Details Details
	Header  http.Header // further response headers, such as Retry-After
	// Challenges are lines of the header WWW-Authenticate (RFC 9110 §11.6.1).
	Challenges []string
	Err        error // the cause; never shown
}

// Error returns the text for the log.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	if e.Details.Detail != "" {
		return "problem: " + e.Details.Title + ": " + e.Details.Detail
	}
	return "problem: " + e.Details.Title
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Sentinel returns an error to be compared with errors.Is that is answered with
// the registered problem of code. Text is what Error returns; it is not shown.
func Sentinel(code Code, text string) error {
	return &Error{Details: New(code), Err: errors.New(text)}
}

// Wrap gives err the public face of code. A nil err stays nil.
func Wrap(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Details: New(code), Err: err}
}

// find returns the outermost Error in err's tree, or nil.
func find(err error) *Error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // the common case without the walk; errors.As follows
		return e
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// From returns what a client may know about err: the Details of the outermost
// Error that it wraps. A body over the limit of http.MaxBytesReader is
// BodyTooLarge and a passed deadline is Unavailable. Any other error, and nil,
// is the bare 500 of Internal.
func From(err error) Details {
	if e := find(err); e != nil {
		return e.Details
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return New(BodyTooLarge)
	case errors.Is(err, context.DeadlineExceeded):
		return New(Unavailable)
	}
	return New(Internal)
}
