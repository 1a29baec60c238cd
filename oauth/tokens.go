package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"golang.org/x/oauth2"

	"github.com/go-sallyport/auth/internal/seal"
)

// TokensConfig configures Tokens. Key and Providers have no default.
type TokensConfig struct {
	// Key seals tokens: 32 random bytes. OldKeys still open what they have sealed.
	Key     []byte
	OldKeys [][]byte
	// Providers are those whose tokens are kept: the very ones that the Flows have.
	Providers []Provider
	// HTTP configures the client with which tokens are refreshed.
	HTTP HTTPConfig
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Tokens keeps what the provider gave, for services that act there for their users.
// It is asked for in Config.Tokens; who only signs users in keeps nothing, and there is
// nothing to steal.
//
// Tokens reach the store sealed, bound to the identity that they are of, and never
// reach the browser. One set is kept for an identity: that of its last sign-in. They
// are refreshed when somebody needs them; within a process one at a time. Two
// processes that refresh at the same moment both ask the provider, and the answer
// that is kept first stays; a provider that takes that for theft (RFC 9700 §4.14.2)
// ends the grant, and the user signs in again.
//
// It is safe for concurrent use.
type Tokens struct {
	store     TokenStore
	providers map[string]Provider
	sealer    *seal.Sealer
	client    *http.Client
	now       func() time.Time
	refreshes keyedLock // by the ID of the link
}

// NewTokens returns Tokens over a store. Nil: one in the memory of this process.
func NewTokens(store TokenStore, cfg TokensConfig) (*Tokens, error) {
	var errs []error
	sealer, err := seal.New("oauth token", cfg.Key, cfg.OldKeys...)
	if err != nil {
		errs = append(errs, fmt.Errorf("oauth: TokensConfig.Key: %w", err))
	}
	client, err := NewHTTPClient(cfg.HTTP)
	errs = append(errs, err)
	t := &Tokens{store: store, providers: make(map[string]Provider), sealer: sealer, client: client, now: cfg.Now}
	for _, p := range cfg.Providers {
		if p == nil || t.providers[p.Name()] != nil {
			errs = append(errs, errors.New("oauth: TokensConfig.Providers: one is nil, or two have one name"))
			continue
		}
		t.providers[p.Name()] = p
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.store == nil {
		t.store = NewMemoryTokenStore(0)
	}
	return t, nil
}

// knows reports whether it is p whose tokens are refreshed. Another provider of the same
// name would be sent the refresh tokens of p.
func (t *Tokens) knows(p Provider) error {
	have := t.providers[p.Name()]
	switch {
	case have == nil:
		return fmt.Errorf("oauth: TokensConfig.Providers has no %q, so its tokens could not be refreshed", p.Name())
	case reflect.ValueOf(have).Comparable() && reflect.ValueOf(p).Comparable() && have != p:
		return fmt.Errorf("oauth: TokensConfig.Providers has another %q: give the Flow and the Tokens the same one, and each provider a Name of its own", p.Name())
	}
	return nil
}

// expiresEarly is how long before its end a token is refreshed.
const expiresEarly = 30 * time.Second

// A keptToken is what is sealed.
type keptToken struct {
	Access  string `json:"a"`
	Refresh string `json:"r,omitempty"`
	Expiry  int64  `json:"e,omitempty"` // milliseconds of Unix time
	IDToken string `json:"i,omitempty"`
}

func (k *keptToken) fresh(now time.Time) bool {
	return k.Expiry == 0 || now.Add(expiresEarly).Before(time.UnixMilli(k.Expiry))
}

func (k *keptToken) token() *oauth2.Token {
	token := &oauth2.Token{AccessToken: k.Access, TokenType: "Bearer"}
	if k.Expiry != 0 {
		token.Expiry = time.UnixMilli(k.Expiry).UTC()
	}
	return token
}

func (k *keptToken) take(g *Grant) {
	k.Access, k.Expiry = g.Token.AccessToken, 0
	if !g.Token.Expiry.IsZero() {
		k.Expiry = g.Token.Expiry.UnixMilli()
	}
	if g.Token.RefreshToken != "" { // else the old one stays good (RFC 6749 §6)
		k.Refresh = g.Token.RefreshToken
	}
	if g.IDToken != "" {
		k.IDToken = g.IDToken
	}
}

func (t *Tokens) binding(provider, issuer, subject string) []byte {
	b, _ := json.Marshal([]string{provider, issuer, subject}) // strings cannot fail
	return b
}

func (t *Tokens) seal(k *keptToken, provider, issuer, subject string) ([]byte, error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	sealed := t.sealer.Seal(plain, t.binding(provider, issuer, subject))
	if len(sealed) > MaxKeptToken {
		return nil, fmt.Errorf("oauth: tokens of %d bytes are too long to keep", len(sealed))
	}
	return sealed, nil
}

// keep puts the tokens of a sign-in into the store.
func (t *Tokens) keep(ctx context.Context, id *Identity, g *Grant) error {
	var k keptToken
	k.take(g)
	sealed, err := t.seal(&k, id.Provider, id.Issuer, id.Subject)
	if err != nil {
		return err
	}
	return unavailable("keeping tokens", t.store.Put(ctx, id.Issuer, id.Subject, sealed))
}

// Forget drops the tokens of a link. The provider is not told.
func (t *Tokens) Forget(ctx context.Context, l Link) error {
	return unavailable("forgetting tokens", t.store.Delete(ctx, l.Issuer, l.Subject))
}

// IDToken returns the last ID token of a link, as a hint for a logout at the provider,
// or "" if there was none. ErrNoToken: nothing is kept.
func (t *Tokens) IDToken(ctx context.Context, l Link) (string, error) {
	k, _, err := t.load(ctx, l)
	if err != nil {
		return "", err
	}
	return k.IDToken, nil
}

// Source returns the access token of a link, and a fresh one when it has expired. Its
// errors wrap ErrNoToken if nothing is kept any more, also because the provider has
// ended the grant: then the user has to sign in there again. ctx is used for every
// token.
func (t *Tokens) Source(ctx context.Context, l Link) oauth2.TokenSource {
	return &tokenSource{tokens: t, ctx: ctx, link: l}
}

type tokenSource struct {
	tokens *Tokens
	ctx    context.Context //nolint:containedctx // oauth2.TokenSource has no other place for it
	link   Link
}

// Token implements oauth2.TokenSource.
func (s *tokenSource) Token() (*oauth2.Token, error) {
	k, _, err := s.tokens.load(s.ctx, s.link)
	if err != nil {
		return nil, err
	}
	if k.fresh(s.tokens.now()) {
		return k.token(), nil
	}
	unlock, err := s.tokens.refreshes.lock(s.ctx, s.link.ID())
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.tokens.refresh(s.ctx, s.link)
}

func (t *Tokens) load(ctx context.Context, l Link) (*keptToken, []byte, error) {
	sealed, err := t.store.Get(ctx, l.Issuer, l.Subject)
	if errors.Is(err, ErrNoToken) {
		return nil, nil, ErrNoToken
	}
	if err != nil {
		return nil, nil, unavailable("reading tokens", err)
	}
	plain, _, err := t.sealer.Open(sealed, t.binding(l.Provider, l.Issuer, l.Subject))
	if err != nil {
		return nil, nil, fmt.Errorf("oauth: kept tokens: %w", err)
	}
	var k keptToken
	if err := json.Unmarshal(plain, &k); err != nil {
		return nil, nil, fmt.Errorf("oauth: kept tokens: %w", err)
	}
	return &k, sealed, nil
}

// refresh asks the provider for a new token (RFC 6749 §6) and keeps it. It begins with
// what is kept now: somebody may have been faster.
func (t *Tokens) refresh(ctx context.Context, l Link) (*oauth2.Token, error) {
	k, old, err := t.load(ctx, l)
	if err != nil {
		return nil, err
	}
	now := t.now()
	if k.fresh(now) {
		return k.token(), nil
	}
	p := t.providers[l.Provider]
	if p == nil || k.Refresh == "" {
		return nil, fmt.Errorf("%w: the access token has expired and cannot be refreshed", ErrNoToken)
	}
	reg, err := p.Registration(ctx)
	if err != nil {
		return nil, ofProvider("its registration", err)
	}
	g, err := redeem(ctx, t.client, reg, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.Refresh}}, now)
	if errors.Is(err, errGrant) {
		return t.lost(ctx, l, old)
	}
	if err != nil {
		return nil, err
	}
	k.take(g)
	sealed, err := t.seal(k, l.Provider, l.Issuer, l.Subject)
	if err != nil {
		return nil, err
	}
	// The provider may have ended the old token already: a caller that goes away now
	// must not lose the new one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DefaultHTTPTimeout)
	defer cancel()
	err = t.store.Swap(ctx, l.Issuer, l.Subject, old, sealed)
	switch {
	case errors.Is(err, ErrNoToken):
		return nil, ErrNoToken // the link was removed meanwhile
	case err != nil && !errors.Is(err, ErrTokenChanged):
		return nil, unavailable("keeping tokens", err)
	}
	return k.token(), nil
}

// lost is what follows when the provider does not know the refresh token: another
// process has used it a moment ago, and keeps a new one, or the grant has ended.
func (t *Tokens) lost(ctx context.Context, l Link, old []byte) (*oauth2.Token, error) {
	k, sealed, err := t.load(ctx, l)
	if err != nil {
		return nil, err
	}
	if string(sealed) != string(old) && k.fresh(t.now()) {
		return k.token(), nil
	}
	return nil, fmt.Errorf("%w: the provider has ended the grant", ErrNoToken)
}
