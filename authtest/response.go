package authtest

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-sallyport/auth/problem"
)

// A Response is an answer that has been read to its end. Its Body shadows that
// of the http.Response. What its methods end is the test that its Browser was made
// for: in a subtest, use a Browser of the subtest (Another).
type Response struct {
	*http.Response
	Body string

	t    testing.TB
	sent *http.Request // Request, but with the context of its sender
}

// Want ends the test, and shows the response, if its status is another. It returns
// the response.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	if r.StatusCode != status {
		r.t.Fatalf("%s, want %d:\n%s", r.what(), status, r.Body)
	}
	return r
}

// WantProblem is Want for an error: it ends the test unless the body is a problem
// with that status and that code, which it returns.
func (r *Response) WantProblem(status int, code problem.Code) problem.Details {
	r.t.Helper()
	d := r.Want(status).Problem()
	if d.Code != code || d.Status != status {
		r.t.Fatalf("%s is the problem %d %q, want %d %q:\n%s", r.what(), d.Status, d.Code, status, code, r.Body)
	}
	return d
}

// Cookie returns the Set-Cookie of that name with its attributes, or nil. It
// ends the test if there are two: a browser would keep only one of them.
func (r *Response) Cookie(name string) *http.Cookie {
	r.t.Helper()
	var found *http.Cookie
	for _, c := range r.Cookies() {
		if c.Name != name {
			continue
		}
		if found != nil {
			r.t.Fatalf("%s sets cookie %s twice", r.what(), name)
		}
		found = c
	}
	return found
}

// JSON decodes the body into v. It ends the test if the response does not say
// that it is JSON, or is not.
func (r *Response) JSON(v any) {
	r.t.Helper()
	r.decode("application/json", v)
}

// Problem returns the problem that the body is. It ends the test if the response
// is none.
func (r *Response) Problem() problem.Details {
	r.t.Helper()
	var d problem.Details
	r.decode("application/problem+json", &d)
	return d
}

// Form returns what the first form of the page with that action submits if nobody
// fills it in: the hidden fields above all. It ends the test if there is none.
//
//	form := page.Form("/login")
//	form.Set("password", "correct horse battery staple")
//	b.Post("/login", form)
//
// It reads enough of HTML for pages that a template has written: input, textarea
// and select within the form. Buttons are not pressed.
func (r *Response) Form(action string) url.Values {
	r.t.Helper()
	fields, ok := formFields(r.Body, action)
	if !ok {
		r.t.Fatalf("%s has no form with action %q:\n%s", r.what(), action, r.Body)
	}
	return fields
}

func (r *Response) decode(contentType string, v any) {
	r.t.Helper()
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != contentType {
		r.t.Fatalf("%s is %q, want %s:\n%s", r.what(), r.Header.Get("Content-Type"), contentType, r.Body)
	}
	if err := json.Unmarshal([]byte(r.Body), v); err != nil {
		r.t.Fatalf("%s: %v:\n%s", r.what(), err, r.Body)
	}
}

// what names the response in a failure.
func (r *Response) what() string {
	return r.Status + " to " + r.sent.Method + " " + r.sent.URL.Path
}
