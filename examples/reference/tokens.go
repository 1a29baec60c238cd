package main

import (
	"net/http"

	"github.com/go-sallyport/auth/jwtauth/client"
)

// routeTokens is a page that uses the API with access tokens, as a single-page
// application does: auth.js keeps the token in memory and refreshes it, once for all
// tabs. What the page shows it gets by fetch; nothing of it is rendered here.
func (s *service) routeTokens(mux *http.ServeMux, visitor func(http.Handler) http.Handler) {
	mux.Handle("GET /tokens", visitor(s.page("tokens", "Access tokens")))
	mux.Handle("GET /tokens-page.js", file("tokens-page.js"))
	mux.Handle("GET /auth.js", client.Handler())
}
