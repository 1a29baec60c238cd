package oidc

import (
	"context"
	"fmt"
	"net/url"

	"github.com/go-sallyport/auth/oauth"
)

// A LogoutRequest is a request to end the session of a user at the provider (OpenID
// Connect RP-Initiated Logout 1.0 §2). The zero value is a good one.
type LogoutRequest struct {
	// IDToken is one that the provider has issued to the user, also if it has expired
	// (id_token_hint). Without it most providers ask the user. One of more than 4 KiB is
	// left out: it would not fit into an address.
	IDToken string
	// Hint says who the user is if there is no IDToken (logout_hint).
	Hint string
	// RedirectURL is where the browser comes back, as it is registered
	// (post_logout_redirect_uri). Empty: it does not. State comes back with it.
	RedirectURL, State string
}

const maxHint = 4 << 10 // bytes

// LogoutURL returns the address at the provider to which a browser must go for that, or
// ErrNoLogout. Logout has handlers for it.
func (p *Provider) LogoutURL(ctx context.Context, r LogoutRequest) (string, error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return "", err
	}
	if m.EndSessionURL == "" {
		return "", ErrNoLogout
	}
	u, err := url.Parse(m.EndSessionURL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", oauth.ErrProvider, err)
	}
	q := u.Query()
	q.Set("client_id", p.cfg.ClientID)
	for _, v := range []struct{ name, value string }{
		{"id_token_hint", r.IDToken}, {"logout_hint", r.Hint},
		{"post_logout_redirect_uri", r.RedirectURL}, {"state", r.State},
	} {
		if q.Del(v.name); v.value != "" && len(v.value) <= maxHint {
			q.Set(v.name, v.value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
