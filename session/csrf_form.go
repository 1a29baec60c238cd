package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-sallyport/auth/problem"
)

var errFormTooLarge = errors.New("session: the form is larger than CSRFConfig.MaxForm")

// maxPartHead is how much of a multipart form is read to find the token, in
// bytes: room for a boundary, the headers of the first part and its value.
const maxPartHead = 4 << 10

// takeToken returns the token that r carries, and the request to go on with,
// whose body is as good as unread. Where there is a header it alone decides.
func (c *CSRF) takeToken(w http.ResponseWriter, r *http.Request) (string, *http.Request, error) {
	if lines := r.Header[http.CanonicalHeaderKey(CSRFHeader)]; len(lines) > 0 {
		return only(lines, r)
	}
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil || r.Body == nil:
		return only(nil, r)
	case r.MultipartForm != nil || r.PostForm != nil && media != "multipart/form-data":
		return only(r.PostForm[CSRFField], r) // somebody was here before
	case media == "application/x-www-form-urlencoded":
		return c.takeField(w, r)
	case media == "multipart/form-data" && parameters["boundary"] != "":
		return takePart(r, parameters["boundary"])
	}
	return only(nil, r)
}

// only returns the one text of a list: two truths in one request are none.
func only(list []string, r *http.Request) (string, *http.Request, error) {
	if len(list) != 1 {
		return "", r, ErrCSRFToken
	}
	return list[0], r, nil
}

// takeField reads an urlencoded form and takes the token out of it.
func (c *CSRF) takeField(w http.ResponseWriter, r *http.Request) (string, *http.Request, error) {
	if r.ContentLength > c.maxForm {
		return "", r, problem.Wrap(problem.BodyTooLarge, errFormTooLarge)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, c.maxForm))
	var over *http.MaxBytesError // of this limit, or of a lower one further out
	switch {
	case errors.As(err, &over):
		return "", r, problem.Wrap(problem.BodyTooLarge, errFormTooLarge)
	case err != nil:
		return "", r, problem.Wrap(problem.BodyInvalid, fmt.Errorf("session: read the form: %w", err))
	}
	found, rest := cutField(data)
	whole := r.WithContext(r.Context()) // a copy
	whole.Body = body{bytes.NewReader(rest), r.Body}
	whole.ContentLength = int64(len(rest))
	whole.TransferEncoding = nil
	if _, ok := r.Header["Content-Length"]; ok {
		whole.Header = r.Header.Clone()
		whole.Header.Set("Content-Length", strconv.Itoa(len(rest)))
	}
	return only(found, whole)
}

// cutField returns the values of the field CSRFField of an urlencoded form, and
// the form without it. What cannot be read stays, for the handler to refuse.
func cutField(data []byte) (found []string, rest []byte) {
	rest = make([]byte, 0, len(data))
	first := true
	for pair := range bytes.SplitSeq(data, []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		if isField(name) {
			text, err := url.QueryUnescape(string(value))
			if err != nil {
				text = ""
			}
			found = append(found, text)
			continue
		}
		if !first {
			rest = append(rest, '&')
		}
		rest = append(rest, pair...)
		first = false
	}
	return found, rest
}

// isField reports whether an encoded name is that of the token.
func isField(name []byte) bool {
	if len(name) < len(CSRFField) || len(name) > 3*len(CSRFField) {
		return false
	}
	text, err := url.QueryUnescape(string(name))
	return err == nil && text == CSRFField
}

// takePart reads the first part of a multipart form, and no more than it takes:
// the rest may be a large file.
func takePart(r *http.Request, boundary string) (string, *http.Request, error) {
	var head bytes.Buffer
	text := firstPart(io.TeeReader(io.LimitReader(r.Body, maxPartHead), &head), boundary)
	whole := r.WithContext(r.Context()) // a copy
	whole.Body = body{io.MultiReader(&head, r.Body), r.Body}
	return only(text, whole)
}

func firstPart(in io.Reader, boundary string) []string {
	part, err := multipart.NewReader(in, boundary).NextPart()
	if err != nil || part.FormName() != CSRFField || part.FileName() != "" {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(part, csrfTokenLength+1))
	if err != nil {
		return nil
	}
	return []string{string(text)}
}

// A body is read anew and closed as it was.
type body struct {
	io.Reader
	io.Closer
}
