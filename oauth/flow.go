package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/seal"
)

// A Flow signs users in with one provider, by the authorization code flow with PKCE.
// See the package comment for what it protects from.
//
// It is immutable and safe for concurrent use; a service has one for each provider.
type Flow struct {
	provider Provider
	name     string
	cfg      Config
	redirect *url.URL
	sealer   *seal.Sealer
	client   *http.Client
}

// New returns the Flow of a provider. Everything that is wrong with the
// configuration is in the error. The provider is not asked for anything yet, so a
// service starts while it is down.
func New(p Provider, cfg Config) (*Flow, error) {
	cfg, redirect, err := cfg.complete()
	errs := []error{err}
	name := ""
	if p == nil {
		errs = append(errs, errors.New("oauth: there is no Provider"))
	} else if name = p.Name(); !isName(name) {
		errs = append(errs, fmt.Errorf("oauth: the name of a provider is 1 to %d of a-z, 0-9 and \"-\", not %q", maxName, name))
	}
	client, err := NewHTTPClient(cfg.HTTP)
	errs = append(errs, err)
	sealer, err := seal.New("oauth attempt", cfg.Key, cfg.OldKeys...)
	if err != nil {
		errs = append(errs, fmt.Errorf("oauth: Key: %w", err))
	}
	if cfg.Tokens != nil && p != nil {
		errs = append(errs, cfg.Tokens.knows(p))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Flow{provider: p, name: name, cfg: cfg, redirect: redirect, sealer: sealer, client: client}, nil
}

const maxName = 32

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// Kinds of events of a Flow. Resource is the name of the provider. A sign-in itself is
// reported by the auth.SignIn, and what is refused as auth.EventSignInFail.
const (
	EventStarted  auth.EventKind = "oauth.started"  // a browser was sent to the provider
	EventIdentity auth.EventKind = "oauth.identity" // an identity was proved; CredentialID is the ID of its link
)
