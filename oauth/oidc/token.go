package oidc

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/go-sallyport/auth/internal/jwk"
	"github.com/go-sallyport/auth/oauth"
)

// maxTokenBytes bounds a token, and maxHeaderBytes its decoded header.
const (
	maxTokenBytes  = 16 << 10
	maxHeaderBytes = 4 << 10
)

// A header is the protected header of a token. What else it may have, such as a key
// (jwk, jku, x5c, x5u), has no say.
type header struct {
	algorithm string
	keyID     string
	hasID     bool
	kind      string // typ, in lower case and without "application/"
}

var errMalformed = errors.New("it is not a signed JWT in compact form")

// readHeader reads the header of a token. Each part must be base64url as an encoder
// writes it: decoders skip line breaks and bits that are left over, so one token could
// be written in many ways.
func readHeader(token string) (header, error) {
	parts := strings.Split(token, ".")
	if len(token) > maxTokenBytes || len(parts) != 3 { // five: it is encrypted
		return header{}, errMalformed
	}
	var text []byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || len(b) == 0 || base64.RawURLEncoding.EncodedLen(len(b)) != len(part) {
			return header{}, errMalformed
		}
		if i == 0 {
			text = b
		}
	}
	if len(text) > maxHeaderBytes {
		return header{}, errMalformed
	}
	members, err := oauth.ParseObject(text)
	if err != nil {
		return header{}, errMalformed
	}
	c := claims(members)
	if c.has("crit") || c.has("b64") { // RFC 7515 §4.1.11: none is understood here
		return header{}, errors.New("its header has an extension that is critical")
	}
	h := header{hasID: c.has("kid")}
	for name, to := range map[string]*string{"alg": &h.algorithm, "kid": &h.keyID, "typ": &h.kind} {
		if *to, err = c.text(name); err != nil {
			return header{}, err
		}
	}
	h.kind = strings.TrimPrefix(strings.ToLower(h.kind), "application/") // RFC 7515 §4.1.9
	return h, nil
}

// verified returns the claims of a token of which nothing but its origin is certain:
// it was signed by the provider, with an algorithm that it may use. go-oidc verifies
// the signature with the one key that fits; it would fetch keys for every token that
// names another, and try all keys.
func (p *Provider) verified(ctx context.Context, m *Metadata, token string, kind func(string) error) (claims, header, error) {
	h, err := readHeader(token)
	if err != nil {
		return nil, h, err
	}
	if err := kind(h.kind); err != nil {
		return nil, h, err
	}
	if !slices.Contains(m.Algorithms, h.algorithm) || !jwk.Asymmetric(h.algorithm) {
		return nil, h, errors.New("it is signed with an algorithm that the provider must not use")
	}
	set, err := p.keys.get(ctx)
	if err != nil {
		return nil, h, err
	}
	payload, k, err := verifyWith(ctx, set, h, token)
	if err != nil {
		// The keys may have changed, also those behind an id that is known.
		newer, second := p.keys.newer(ctx, set)
		if second != nil {
			return nil, h, second
		}
		if newer == set {
			return nil, h, err
		}
		if payload, k, err = verifyWith(ctx, newer, h, token); err != nil {
			return nil, h, err
		}
	}
	members, err := oauth.ParseObject(payload)
	if err != nil {
		return nil, h, err
	}
	c := claims(members)
	return c, h, p.checkIssuer(c, k)
}

var errSignature = errors.New("its signature is not good")

func verifyWith(ctx context.Context, set *keySet, h header, token string) ([]byte, key, error) {
	k, err := set.find(h)
	if err != nil {
		return nil, k, err
	}
	payload, err := (&gooidc.StaticKeySet{PublicKeys: []crypto.PublicKey{k.Public}}).VerifySignature(ctx, token)
	if err != nil {
		return nil, k, errSignature
	}
	return payload, k, nil
}
