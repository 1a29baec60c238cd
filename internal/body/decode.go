package body

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// DefaultLimit is the limit of a body where none is given, in bytes.
const DefaultLimit = 64 << 10

// MaxWait is how long a body may take to arrive, from when Decode is called. Who may do
// what is decided before that. Without a bound a thief of a session could begin a
// request, hold its body back until the owner has ended the session, and then send it.
const MaxWait = 10 * time.Second

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// errParsed is a fault of the service, not of the client, so it is a 500.
var errParsed = errors.New("body: the form was parsed before Decode, which reads the body itself: remove the call of ParseForm, FormValue or PostFormValue in front of it")

var errSlow = &problem.Error{
	Details: problem.New(problem.BodyInvalid).WithDetail("The body took too long to arrive"),
	Err:     errors.New("body: it took too long to arrive"),
}

// Decode reads the body of r into dst, a pointer to a struct; see the package
// comment for what is accepted. A body of more than limit bytes is refused; 0 is
// DefaultLimit. The body is read to its end unless it is refused before. One that takes
// longer than MaxWait is refused when it is there; to end the wait is the business of
// http.Server.ReadTimeout.
//
// An error is a *problem.Error, or that of a form which something has parsed
// before; then dst is unchanged. Decode panics if dst is not a pointer to such a
// struct and if limit is negative, whatever the request is, so the first test of
// a handler finds it.
func Decode(w http.ResponseWriter, r *http.Request, dst any, limit int64) error {
	t := newTarget(dst)
	if limit < 0 {
		panic("body: the limit is negative")
	}
	if limit == 0 {
		limit = DefaultLimit
	}
	media, err := mediaType(r.Header)
	if err != nil {
		return err
	}
	if media == typeForm && r.PostForm != nil {
		return errParsed
	}
	start := time.Now()
	data, err := read(w, r, limit)
	if err != nil {
		return err
	}
	if time.Since(start) > MaxWait {
		return errSlow
	}
	if media == typeForm {
		err = readForm(data, t)
	} else {
		err = readJSON(data, t)
	}
	if err != nil {
		return err
	}
	t.commit()
	return nil
}

// mediaType returns the content type of a body that can be read. RFC 9110
// §15.5.16 asks a 415 to name what would do.
func mediaType(h http.Header) (string, error) {
	for _, coding := range h["Content-Encoding"] {
		if !strings.EqualFold(coding, "identity") {
			return "", unsupported("The body must not be compressed", "Accept-Encoding", "identity")
		}
	}
	const detail = "The content type must be " + typeJSON + " or " + typeForm + ", in UTF-8"
	refused := unsupported(detail, "Accept", typeJSON+", "+typeForm)
	lines := h["Content-Type"]
	if len(lines) != 1 {
		return "", refused
	}
	media, parameters, err := mime.ParseMediaType(lines[0])
	if err != nil || (media != typeJSON && media != typeForm) {
		return "", refused
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return "", refused
		}
	}
	return media, nil
}

// read returns the whole body. One that is announced as too large is refused
// before a client that waits for 100 Continue sends it.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over): // of this limit, or of a lower one further out
		return nil, tooLarge(over.Limit)
	case err != nil:
		return nil, &problem.Error{
			Details: problem.New(problem.BodyInvalid).WithDetail("The body could not be read to its end"),
			Err:     fmt.Errorf("body: %w", err),
		}
	}
	return data, nil
}
