package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/oauth"
)

// maxIssued is how long ago an ID token may have been issued when it arrives. It was
// made for this attempt, but some providers date it back by minutes.
const maxIssued = 10 * time.Minute

// eventsClaim tells what a token reports (RFC 8417 §2.2). No ID token has it.
const eventsClaim = "events"

// verifyIDToken returns the claims of the ID token of a grant after the checks of OpenID
// Connect Core §3.1.3.7, §3.1.3.8 and RFC 8725.
func (p *Provider) verifyIDToken(ctx context.Context, m *Metadata, g *oauth.Grant) (claims, error) {
	if g.IDToken == "" {
		return nil, errors.New("there is none")
	}
	c, h, err := p.verified(ctx, m, g.IDToken, idTokenKind)
	if err != nil {
		return nil, err
	}
	if c.has(eventsClaim) {
		return nil, errors.New("it is one of another kind")
	}
	for _, check := range []func() error{
		func() error { return p.checkAudience(c) },
		func() error { return p.checkTimes(c, g.Now, maxIssued) },
		func() error { return checkSubject(c) },
		func() error { return checkNonce(c, g.Nonce) },
		func() error { return checkAccessTokenHash(c, h.algorithm, g.Token.AccessToken) },
		func() error { return p.checkAuthentication(c, g) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if p.special.check != nil {
		return c, p.special.check(c)
	}
	return c, nil
}

// idTokenKind takes what ID tokens are typed as: JWT or nothing. An access token
// (at+jwt, RFC 9068) and a logout token say what they are.
func idTokenKind(kind string) error {
	if kind != "" && kind != "jwt" {
		return errors.New("its typ is that of another kind of token")
	}
	return nil
}

// checkIssuer compares iss. Where the keys of many issuers are in one place, each for
// its own, it also compares that of the key.
func (p *Provider) checkIssuer(c claims, k key) error {
	issuer, err := c.text("iss")
	if err != nil {
		return err
	}
	want := p.cfg.Issuer
	if p.special.template != "" {
		tenant, err := c.text("tid")
		if err != nil || !isTenant(tenant) {
			return errors.New("its tid is not that of a tenant")
		}
		want = ofTenant(p.special.template, tenant)
		if k.issuer != "" && ofTenant(k.issuer, tenant) != want {
			return errors.New("it is signed with a key of another issuer")
		}
	}
	if issuer != want {
		return errors.New("it is of another issuer")
	}
	return nil
}

// checkAudience compares aud and azp. A token that is for others as well could be used
// here by them, so it is for this service alone unless the configuration knows them.
func (p *Provider) checkAudience(c claims) error {
	var audience []string
	switch v := c["aud"].(type) {
	case string:
		audience = []string{v}
	case []any:
		var err error
		if audience, err = c.list("aud"); err != nil {
			return err
		}
	}
	if !slices.Contains(audience, p.cfg.ClientID) {
		return errors.New("it is not for this client")
	}
	for _, a := range audience {
		if a != p.cfg.ClientID && !slices.Contains(p.cfg.Audiences, a) {
			return errors.New("it is also for others")
		}
	}
	party, err := c.text("azp")
	if err != nil {
		return err
	}
	if (c.has("azp") || len(audience) > 1) && party != p.cfg.ClientID {
		return errors.New("it was issued to another client")
	}
	return nil
}

// checkTimes compares exp, iat and nbf.
func (p *Provider) checkTimes(c claims, now time.Time, maxAge time.Duration) error {
	var expires, issued, from time.Time
	for name, to := range map[string]*time.Time{"exp": &expires, "iat": &issued, "nbf": &from} {
		var err error
		if *to, err = c.date(name); err != nil {
			return err
		}
	}
	leeway := p.cfg.Leeway
	switch {
	case expires.IsZero() || issued.IsZero():
		return errors.New("it does not say when it was issued, or when it expires")
	case !now.Before(expires.Add(leeway)):
		return errors.New("it has expired")
	case issued.After(now.Add(leeway)) || from.After(now.Add(leeway)):
		return errors.New("it is not good yet")
	case issued.Before(now.Add(-maxAge - leeway)):
		return errors.New("it was issued too long ago")
	}
	return nil
}

func checkSubject(c claims) error {
	subject, err := c.text("sub")
	if err != nil {
		return err
	}
	if subject == "" || len(subject) > oauth.MaxSubjectBytes || strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("its sub is missing, too long or not ASCII")
	}
	return nil
}

func checkNonce(c claims, want string) error {
	nonce, err := c.text("nonce")
	if err != nil {
		return err
	}
	if want == "" || !secret.Equal(nonce, want) {
		return errors.New("its nonce is not that of this attempt")
	}
	return nil
}

// checkAccessTokenHash is §3.1.3.8: an access token that was put in the place of the
// real one would be sent to UserInfo, and kept.
func checkAccessTokenHash(c claims, algorithm, accessToken string) error {
	if !c.has("at_hash") {
		return nil
	}
	got, err := c.text("at_hash")
	if err != nil {
		return err
	}
	var sum []byte
	switch {
	case strings.HasSuffix(algorithm, "256"):
		h := sha256.Sum256([]byte(accessToken))
		sum = h[:]
	case strings.HasSuffix(algorithm, "384"):
		h := sha512.Sum384([]byte(accessToken))
		sum = h[:]
	default: // 512, and EdDSA with Ed25519
		h := sha512.Sum512([]byte(accessToken))
		sum = h[:]
	}
	if !secret.Equal(got, base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])) {
		return errors.New("it was issued with another access token")
	}
	return nil
}

// checkAuthentication compares when and how the user has proved who they are with what
// was asked for. What counts is the age when it was asked: the user may take long over
// a page of consent.
func (p *Provider) checkAuthentication(c claims, g *oauth.Grant) error {
	at, err := c.date("auth_time")
	switch {
	case err != nil:
		return err
	case at.After(g.Now.Add(p.cfg.Leeway)):
		return errors.New("its auth_time is in the future")
	case g.MaxAge > 0 && at.Before(g.StartedAt.Add(-g.MaxAge-p.cfg.Leeway)): // as the zero time is, if it does not say
		return errors.New("the user has not proved who they are as recently as it was asked for")
	}
	class, err := c.text("acr")
	if err != nil {
		return err
	}
	if len(p.cfg.ACR) > 0 && !slices.Contains(p.cfg.ACR, class) {
		return errors.New("its acr is none of those that were asked for")
	}
	return nil
}
