package body

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-sallyport/auth/problem"
)

// maxShownName is the longest unknown name that is repeated to the client, in
// bytes.
const maxShownName = 64

// nameBytes are the bytes of names that are repeated.
const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.[]$"

var errUnknown = errors.New("body: unknown member")

// invalid is the refusal of a body for the reason in detail, which must hold
// nothing that the client wrote: it is the text for the log, too.
func invalid(detail string) error {
	return &problem.Error{Details: problem.New(problem.BodyInvalid).WithDetail(detail)}
}

// unknown is the refusal of a member that is none. Its name came from the client,
// so only the client gets to see it, and only if it looks like a name: JSON that
// is sent as a form is all name up to the first "=".
func unknown(name, hint string) error {
	subject := "A member"
	if len(name) <= maxShownName && strings.Trim(name, nameBytes) == "" {
		subject = "The member " + strconv.Quote(name)
	}
	return &problem.Error{
		Details: problem.New(problem.BodyInvalid).WithDetail(subject + " is not known" + hint),
		Err:     errUnknown,
	}
}

func tooLarge(limit int64) error {
	detail := "At most " + strconv.FormatInt(limit, 10) + " bytes are read"
	return &problem.Error{Details: problem.New(problem.BodyTooLarge).WithDetail(detail)}
}

func unsupported(detail, header, value string) error {
	return &problem.Error{
		Details: problem.New(problem.UnsupportedMediaType).WithDetail(detail),
		Header:  http.Header{header: {value}},
	}
}
