package given

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth"
)

func lookup(context.Context, string) (string, *auth.Principal, error) { return "", nil, nil }

var orders http.Handler
