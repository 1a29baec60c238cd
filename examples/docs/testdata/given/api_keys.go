package given

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
)

var (
	ctx     context.Context
	mux     *http.ServeMux
	keys    *apikey.Manager
	client  redis.UniversalClient
	users   auth.Current
	file    string
	subject string
)

func vault(name, text string) error                    { return nil }
func tell(subject, name string, from netip.Addr)       {}
func permits(owner *auth.Principal, scope string) bool { return true }
