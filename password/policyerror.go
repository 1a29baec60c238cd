package password

import (
	"strings"

	"github.com/go-sallyport/auth/problem"
)

// A Reason says, to machines, why a password was refused. It never changes its
// meaning.
type Reason string

// Reasons.
const (
	ReasonTooShort Reason = "TOO_SHORT" // fewer code points than MinLength
	ReasonTooLong  Reason = "TOO_LONG"  // more bytes than MaxBytes, or than the scheme hashes
	ReasonNotText  Reason = "NOT_TEXT"  // not UTF-8, or with a NUL in it
	ReasonCommon   Reason = "COMMON"    // on the bundled list of common passwords
	ReasonContext  Reason = "CONTEXT"   // too short without the names of user and service
	ReasonBreached Reason = "BREACHED"  // known from a breach
)

// A PolicyError refuses a new password. It wraps ErrRejected. It does not hold
// the password.
type PolicyError struct {
	Reasons   []Reason // at least one
	MinLength int      // code points; set with ReasonTooShort
	MaxBytes  int      // set with ReasonTooLong
}

// Error implements error.
func (e *PolicyError) Error() string {
	words := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		words[i] = string(r)
	}
	return "password: rejected: " + strings.Join(words, ", ")
}

// Unwrap makes errors.Is(err, ErrRejected) true and gives the error its public
// face: 422, code PASSWORD_REJECTED, with the members reasons and, where they
// are set, min_length (code points) and max_bytes.
func (e *PolicyError) Unwrap() error {
	d := problem.New(problem.PasswordRejected).With("reasons", e.Reasons)
	if e.MinLength > 0 {
		d = d.With("min_length", e.MinLength)
	}
	if e.MaxBytes > 0 {
		d = d.With("max_bytes", e.MaxBytes)
	}
	return &problem.Error{Details: d, Err: ErrRejected}
}
