package authtest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth"
)

// As returns r as it looks behind a Gate that has admitted p. A nil p is nobody.
//
// What p does not have is not there either: auth.RequireFresh wants a recent
// AuthenticatedAt, or a Factor of its kind, and package rbac the Roles.
func As(r *http.Request, p *auth.Principal) *http.Request {
	return r.WithContext(auth.NewContext(r.Context(), p))
}

// Serve calls h with r, such as a request of httptest.NewRequest, and returns what
// it has answered. There is no server: cookies are not kept, and nothing is
// hijacked. A panic of h goes on.
func Serve(t testing.TB, h http.Handler, r *http.Request) *Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request, resp.Body = r, http.NoBody
	return &Response{Response: resp, Body: w.Body.String(), t: t, sent: r}
}
