package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-sallyport/auth/problem"
)

// Challenge formats one challenge of a WWW-Authenticate header (RFC 9110
// §11.6.1): the scheme and then names and values of parameters in turn. Values
// are quoted; characters that a header cannot carry become spaces, so a value
// cannot add a parameter, a challenge or a header line. A parameter with an
// empty value is left out. It panics on an odd number of params.
//
//	Challenge("Bearer", "realm", "api", "error", "invalid_token")
//	// Bearer realm="api", error="invalid_token"
func Challenge(scheme string, params ...string) string {
	if len(params)%2 != 0 {
		panic("auth: Challenge wants names and values in turn")
	}
	var b strings.Builder
	b.WriteString(scheme)
	sep := " "
	for pair := range slices.Chunk(params, 2) {
		name, value := pair[0], pair[1]
		if value == "" {
			continue
		}
		b.WriteString(sep)
		b.WriteString(name)
		b.WriteString(`="`)
		writeQuoted(&b, value)
		b.WriteByte('"')
		sep = ", "
	}
	return b.String()
}

// writeQuoted writes the inside of a quoted-string (RFC 9110 §5.6.4).
func writeQuoted(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
}

// Challenged returns err with the challenge that the authenticator of ctx's
// principal has for it, so that a refusal behind the Gate (by a permission, a
// scope or a step-up) names its scheme as RFC 6750 §3 and RFC 9470 §3 ask. Behind
// an Optional Gate that found no credential it has those of all authenticators.
// An err that brings challenges of its own, and one in a ctx that no Gate made,
// stays as it is.
func Challenged(ctx context.Context, err error) error {
	n, ok := ctx.Value(contextKey{}).(*node)
	if !ok || n.gate == nil {
		return err
	}
	return n.gate.challenged(err, n.by, n.by == none)
}

// A refusal is an Error with its challenges, in one allocation.
type refusal struct {
	problem.Error
	lines [2]string
}

// challenged pairs err with its public face and with the challenges for it: that of
// the Authenticator which decided and, if all, those of the others. Only the one that
// decided is told of the error. Each is a header line of its own: some clients cannot
// split a list.
func (g *Gate) challenged(err error, by int, all bool) error {
	var header http.Header
	if e := faceOf(err); e != nil {
		if len(e.Challenges) > 0 || len(e.Header.Values("WWW-Authenticate")) > 0 {
			return err
		}
		header = e.Header
	}
	r := new(refusal)
	lines := r.lines[:0]
	for i, a := range g.Authenticators {
		c, ok := a.(Challenger)
		if !ok || i != by && !all {
			continue
		}
		told := err
		if i != by {
			told = ErrNoCredentials
		}
		if line := c.Challenge(told); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err
	}
	r.Error = problem.Error{Details: problem.From(err), Header: header, Challenges: lines, Err: err}
	return &r.Error
}

// faceOf returns the outermost problem.Error of err, or nil.
func faceOf(err error) *problem.Error {
	if e, ok := err.(*problem.Error); ok { //nolint:errorlint // the common case without the walk; errors.As follows
		return e
	}
	var e *problem.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
