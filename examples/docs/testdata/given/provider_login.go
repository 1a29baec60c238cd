package given

import (
	"net/http"

	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/session"
)

var (
	mux      *http.ServeMux
	links    *oauth.Links
	sessions *session.Manager

	githubID, githubSecret, googleID, googleSecret, companyID, companySecret string
)
