package given

import (
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/session"
)

var (
	mux      *http.ServeMux
	keys     *apikey.Manager
	bearer   *jwtauth.Verifier
	sessions *session.Manager
	current  auth.Current
	create   http.Handler
)
