package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/jwk"
	"github.com/go-sallyport/auth/oauth"
)

// Metadata is what a provider says of itself (OpenID Connect Discovery 1.0 §3). It was
// checked, and is shared: nobody changes it.
type Metadata struct {
	Issuer string
	// The endpoints. The first three are there; the others are empty if they are not.
	// They need not be on the host of the issuer, but on HTTPS if that is.
	AuthURL, TokenURL, KeysURL string
	UserInfoURL, EndSessionURL string
	// Algorithms are those with which ID tokens may be signed, as Config.Algorithms.
	Algorithms []string
	// PromisesIssuer is authorization_response_iss_parameter_supported (RFC 9207).
	PromisesIssuer bool
	// Members is the whole document.
	Members map[string]any
}

// maxList bounds the lists of metadata that are read.
const maxList = 100

// discover fetches the metadata: by OpenID Connect Discovery §4, which appends to the
// issuer, or, if there is nothing, by RFC 8414 §3, which inserts before its path.
func (p *Provider) discover(ctx context.Context) (*Metadata, error) {
	u, err := url.Parse(p.cfg.Issuer)
	if err != nil {
		return nil, err
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	members, err := p.fetch(ctx, origin+path+"/.well-known/openid-configuration")
	if err != nil {
		var second error
		if members, second = p.fetch(ctx, origin+"/.well-known/oauth-authorization-server"+path); second != nil {
			return nil, err
		}
	}
	m, err := p.readMetadata(members)
	if err != nil {
		return nil, fmt.Errorf("%w: the metadata: %w", oauth.ErrProvider, err)
	}
	return m, nil
}

func (p *Provider) fetch(ctx context.Context, address string) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", oauth.ErrProvider, err)
	}
	return oauth.Fetch(p.client, r)
}

// readMetadata checks what a provider says of itself.
func (p *Provider) readMetadata(members map[string]any) (*Metadata, error) {
	c := claims(members)
	m := &Metadata{Members: members}
	for _, v := range []struct {
		name string
		to   *string
		must bool
	}{
		{"issuer", &m.Issuer, true},
		{"authorization_endpoint", &m.AuthURL, true},
		{"token_endpoint", &m.TokenURL, true},
		{"jwks_uri", &m.KeysURL, true},
		{"userinfo_endpoint", &m.UserInfoURL, false},
		{"end_session_endpoint", &m.EndSessionURL, false},
	} {
		s, err := c.text(v.name)
		if err != nil {
			return nil, err
		}
		*v.to = s
		switch {
		case s == "" && v.must:
			return nil, fmt.Errorf("it has no %s", v.name)
		case s == "" || v.name == "issuer":
			continue
		}
		if err := oauth.CheckURL(s); err != nil {
			return nil, fmt.Errorf("its %s: %w", v.name, err)
		}
		if strings.HasPrefix(p.cfg.Issuer, "https:") && !strings.HasPrefix(s, "https:") {
			return nil, fmt.Errorf("its %s is not https", v.name)
		}
	}
	// §4.3: whoever can put a document there could otherwise speak for another issuer.
	if m.Issuer != p.special.metadataIssuer(p.cfg.Issuer) {
		return nil, errors.New("it is of another issuer")
	}
	types, err := c.list("response_types_supported")
	if err != nil {
		return nil, err
	}
	if types != nil && !slices.Contains(types, "code") {
		return nil, errors.New("it does not know the authorization code flow")
	}
	if m.PromisesIssuer, err = c.truth("authorization_response_iss_parameter_supported"); err != nil {
		return nil, err
	}
	m.Algorithms, err = p.algorithms(c)
	return m, err
}

// algorithms are those of the configuration or, of the metadata, the safe ones.
func (p *Provider) algorithms(c claims) ([]string, error) {
	if len(p.cfg.Algorithms) > 0 {
		return p.cfg.Algorithms, nil
	}
	list, err := c.list("id_token_signing_alg_values_supported")
	if err != nil {
		return nil, err
	}
	if list == nil {
		return []string{"RS256"}, nil
	}
	safe := slices.DeleteFunc(list, func(name string) bool { return !jwk.Asymmetric(name) })
	if len(safe) == 0 {
		return nil, errors.New("it lists no algorithm for ID tokens that is good")
	}
	return safe, nil
}

// loadMetadata is discover, and tells when it fails.
func (p *Provider) loadMetadata(ctx context.Context) (*known, error) {
	m, err := p.discover(ctx)
	if err != nil {
		p.emit(ctx, auth.Event{Kind: EventMetadataFailed, Err: err})
		return nil, err
	}
	reg := &oauth.Registration{
		AuthURL: m.AuthURL, TokenURL: m.TokenURL,
		Issuer: m.Issuer, PromisesIssuer: m.PromisesIssuer,
		ClientID: p.cfg.ClientID, Auth: p.cfg.Auth,
		Scopes: p.cfg.Scopes, Params: p.cfg.Params, FormPost: p.cfg.FormPost,
		Nonce: true, MaxAge: p.cfg.MaxAge,
	}
	if m.Issuer != p.cfg.Issuer {
		reg.Issuer = "" // a template is no issuer, and nothing is equal to it
	}
	return &known{metadata: m, registration: reg}, nil
}

// known is what is made of the metadata.
type known struct {
	metadata     *Metadata
	registration *oauth.Registration
}
