package testkit

import (
	"net/http"

	"github.com/go-sallyport/auth"
)

// As returns r as it looks behind a Gate that has admitted p. A nil p is nobody.
func As(r *http.Request, p *auth.Principal) *http.Request {
	return r.WithContext(auth.NewContext(r.Context(), p))
}
