package given

import (
	"net/http"

	"github.com/alexedwards/scs/v2"
)

var (
	mux *http.ServeMux
	old scs.Store
)
