package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/oauth"
)

// ofToken are claims that count only if they were signed: what a token is, and whose.
var ofToken = []string{
	"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "auth_time", "acr", "amr", "sid",
	"tid", "hd", eventsClaim,
}

// addUserInfo adds what the UserInfo endpoint says to the claims of an ID token (OpenID
// Connect Core §5.3). The ID token comes first. The address and whether it is verified
// are one statement: both are taken from one of the two.
func (p *Provider) addUserInfo(ctx context.Context, m *Metadata, g *oauth.Grant, c claims) error {
	if m.UserInfoURL == "" && p.cfg.UserInfo == UserInfoAlways {
		return fmt.Errorf("%w: it has no userinfo_endpoint", oauth.ErrProvider)
	}
	if m.UserInfoURL == "" || !p.wantsUserInfo(g, c) {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.UserInfoURL, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: %w", oauth.ErrProvider, err)
	}
	r.Header.Set("Authorization", "Bearer "+g.Token.AccessToken)
	// A signed or encrypted answer (application/jwt) is an error of Fetch: it must be
	// asked for when a client is registered, and TLS says as much here.
	more, err := oauth.Fetch(p.client, r)
	if err != nil {
		return err
	}
	// §5.3.2: an access token that was put in the place of the real one is somebody
	// else's.
	subject, err := claims(more).text("sub")
	own, _ := c.text("sub")
	if err != nil || !secret.Equal(subject, own) {
		return fmt.Errorf("%w: %w", oauth.ErrIdentity, errors.New("UserInfo is about somebody else"))
	}
	if c.says("email") {
		delete(more, "email")
		delete(more, "email_verified")
	} else {
		delete(c, "email_verified")
	}
	for name, value := range more {
		if !c.says(name) && !slices.Contains(ofToken, name) {
			c[name] = value
		}
	}
	return nil
}

func (p *Provider) wantsUserInfo(g *oauth.Grant, c claims) bool {
	switch p.cfg.UserInfo {
	case UserInfoAlways:
		return true
	case UserInfoNever:
		return false
	}
	granted := func(scope string) bool { return slices.Contains(g.Scopes, scope) }
	return granted("email") && !c.says("email") || granted("profile") && !c.says("name") && !c.says("preferred_username")
}
