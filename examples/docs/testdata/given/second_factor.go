package given

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/session"
)

var (
	ctx        context.Context
	mux        *http.ServeMux
	flow       *oauth.Flow
	links      *oauth.Links
	factors    *mfa.Manager
	sessions   *session.Manager
	outbox     *account.Outbox
	accountKey []byte
	subject    string
)
