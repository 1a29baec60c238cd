package given

import (
	"context"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/oauth"
)

var (
	ctx      context.Context
	a, b     []byte
	step     int
	keys     *jwtauth.KeySet
	families jwtauth.FamilyStore
	store    mfa.Store
	userIDs  []string
	provider oauth.Provider
	githubID string
)

func current(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil }
func readSecret() string                                                    { return "" }
