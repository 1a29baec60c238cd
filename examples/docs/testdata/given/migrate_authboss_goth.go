package given

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/session"
)

var (
	ctx      context.Context
	mux      *http.ServeMux
	links    *oauth.Links
	sessions *session.Manager
	accounts *account.Service
	factors  *mfa.Manager
	authboss http.Handler
	old      auth.Authenticator // an OldSession of the page
	orders   http.Handler
	rows     []struct{ User, Provider, UserID string }
)
