// Package problem answers HTTP requests with RFC 9457 problem details. It is
// the only place in this module that writes an error response.
//
// # What it protects from
//
// An error that reaches a client is the classic side channel: a message with a
// table name in it, a stack, a token, or one sentence that differs between a
// wrong password and an unknown user. Here the two halves of an error are two
// values. [Error] pairs the [Details] that a client may see with the cause
// that only a log may see, and [WriteError] shows the first and never the
// second. An error that nobody paired is a bare 500: forgetting is safe.
//
// # Codes
//
// Every problem of this module has a [Code], a stable machine-readable word
// such as UNAUTHENTICATED, in the extension member "code". A client decides by
// it, not by title or status. The type URI of a code is its paragraph in
// docs/problems.md.
//
// # Use
//
// Return sentinels that carry their public face, and hand them to WriteError:
//
//	var ErrSuspended = problem.Sentinel(problem.Forbidden, "shop: account suspended")
//
//	problem.WriteError(w, r, fmt.Errorf("user %s: %w", id, ErrSuspended)) // 403, code FORBIDDEN
//
// WriteError has the signature of every ErrorHandler field in this module, so a
// service that wants HTML pages, or its own envelope, replaces it in one place.
// [Log] adds a record of every 5xx to any ErrorHandler, [Recover] turns a panic
// into a 500 problem.
//
// # Limits
//
// The package cannot take back a response that has begun: a problem written
// after the first byte of a body is appended to that body by net/http.
//
// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
package problem
