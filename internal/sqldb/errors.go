package sqldb

import (
	"context"
	"errors"
	"strings"
)

// What a failure means. [Dialect.Classify] says how each is recognised; every
// error of this package that comes from a server wraps the one that fits, and
// the error of the driver.
var (
	// ErrDuplicate: a unique key is taken.
	ErrDuplicate = errors.New("sqldb: a unique key is taken")
	// ErrConflict: other transactions were in the way, for longer than the retries
	// lasted. Nothing was done.
	ErrConflict = errors.New("sqldb: other transactions were in the way")
	// ErrReadOnly: the server takes no writes, as one that was replaced by another.
	ErrReadOnly = errors.New("sqldb: the database is read-only")
	// ErrUnavailable: the server cannot be reached, or has ended the connection.
	ErrUnavailable = errors.New("sqldb: the database is not available")
	// ErrNoTable: a table is missing. Migrate creates it.
	ErrNoTable = errors.New("sqldb: a table is missing: has Migrate run, with this Prefix and Schema?")
	// ErrInDoubt: a write was sent and its answer is missing, so that it may have
	// been done or not. Whoever can tell by reading should.
	ErrInDoubt = errors.New("sqldb: no answer to a write: it may have been done")
	// ErrSchema: the tables are not those of this program. The text says why.
	ErrSchema = errors.New("sqldb: the schema does not fit")
)

// An Error is a failure that a driver or a server has reported. Its text leaves
// out what servers quote from the data; the driver's own error, which may have
// it, is found by errors.As and must not be logged.
type Error struct {
	Class   error // one of the errors above, or nil
	InDoubt bool  // also wraps ErrInDoubt
	text    string
	cause   error
	ended   error // that of the context
}

// Error describes the failure without a value from the data.
func (e *Error) Error() string {
	var parts []string
	if e.InDoubt {
		parts = append(parts, ErrInDoubt.Error())
	}
	if e.Class != nil {
		parts = append(parts, e.Class.Error())
	}
	if e.ended != nil {
		parts = append(parts, "sqldb: "+e.ended.Error())
	}
	return strings.Join(append(parts, e.text), ": ")
}

// Unwrap returns the class, ErrInDoubt, the error of the context and that of the
// driver, as far as there are any.
func (e *Error) Unwrap() []error {
	var list []error
	for _, err := range []error{e.Class, e.ended, e.cause} {
		if err != nil {
			list = append(list, err)
		}
	}
	if e.InDoubt {
		list = append(list, ErrInDoubt)
	}
	return list
}

// fail makes an *Error of what a driver returned under ctx. Since drivers report
// the end of a context in many ways, it is the context that says so. An error
// that needs no more words stays.
func (d Dialect) fail(ctx context.Context, err error, inDoubt bool) error {
	var known *Error
	var last final
	if err == nil || errors.As(err, &last) || errors.As(err, &known) {
		return err
	}
	e := &Error{Class: d.Classify(err), InDoubt: inDoubt, text: d.describe(err), cause: err}
	if errors.Is(e.Class, ErrDuplicate) || errors.Is(e.Class, ErrReadOnly) || errors.Is(e.Class, ErrNoTable) {
		return e
	}
	if e.ended = context.Cause(ctx); e.ended != nil && errors.Is(e.Class, ErrUnavailable) {
		e.Class = nil
	}
	return e
}
