package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
)

// A Provider is an OpenID Connect provider as an oauth.Provider: hand it to oauth.New.
// See the package comment for what it checks.
//
// It asks the provider for nothing before it is used, has no goroutine and nothing to
// close. It is safe for concurrent use.
type Provider struct {
	cfg      Config
	special  special
	client   *http.Client
	metadata source[known]
	keys     source[keySet]
}

var _ oauth.Provider = (*Provider)(nil)

// New returns the provider with an issuer. Everything that is wrong with the
// configuration is in the error.
func New(cfg Config) (*Provider, error) { return newProvider(cfg, special{}) }

func newProvider(cfg Config, s special) (*Provider, error) {
	cfg, err := cfg.complete()
	client, second := oauth.NewHTTPClient(cfg.HTTP)
	if err := errors.Join(err, second); err != nil {
		return nil, err
	}
	p := &Provider{cfg: cfg, special: s, client: client}
	p.metadata.load, p.metadata.now, p.metadata.timeout = p.loadMetadata, cfg.Now, cfg.HTTP.Timeout
	p.keys.load, p.keys.now, p.keys.timeout = p.loadKeys, cfg.Now, cfg.HTTP.Timeout
	return p, nil
}

// special is how a provider differs from the specifications. The zero value does not.
type special struct {
	// template is the issuer of the metadata if that is none of tokens, with
	// "{tenantid}" in it.
	template string
	// check looks at further claims of an ID token.
	check func(c claims) error
	// mail reports whether the address of these claims is verified. Nil: if
	// email_verified is true.
	mail func(c claims) bool
	// finish adds to an identity what only this provider says, and how.
	finish func(id *oauth.Identity, g *oauth.Grant)
}

func (s special) metadataIssuer(configured string) string {
	if s.template != "" {
		return s.template
	}
	return configured
}

// Name implements oauth.Provider.
func (p *Provider) Name() string { return p.cfg.Name }

// Registration implements oauth.Provider.
func (p *Provider) Registration(ctx context.Context) (*oauth.Registration, error) {
	k, err := p.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	return k.registration, nil
}

// Metadata returns what the provider says of itself. A service that wants to know
// early whether its provider is there calls it at the start.
func (p *Provider) Metadata(ctx context.Context) (*Metadata, error) {
	k, err := p.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	return k.metadata, nil
}

// Identify implements oauth.Provider: it verifies the ID token and asks UserInfo.
func (p *Provider) Identify(ctx context.Context, g *oauth.Grant) (*oauth.Identity, error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	c, err := p.verifyIDToken(ctx, m, g)
	if err != nil {
		return nil, distrust(oauth.ErrIdentity, fmt.Errorf("the ID token: %w", err))
	}
	if err := p.addUserInfo(ctx, m, g, c); err != nil {
		return nil, err
	}
	id, err := p.identity(c, g)
	if err != nil {
		return nil, distrust(oauth.ErrIdentity, err)
	}
	if p.cfg.Accept != nil {
		if err := p.cfg.Accept(ctx, id, g.IDToken); err != nil {
			return nil, distrust(oauth.ErrIdentity, err)
		}
	}
	return id, nil
}

func (p *Provider) emit(ctx context.Context, e auth.Event) {
	e.Method, e.Resource, e.Time = oauth.Method, p.cfg.Name, p.cfg.Now()
	p.cfg.OnEvent.Emit(ctx, e)
}
