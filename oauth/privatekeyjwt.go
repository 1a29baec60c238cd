package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/internal/secret"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 §2.2
	assertionLife = time.Minute
	minRSABits    = 2048
)

// PrivateKeyConfig configures PrivateKeyJWT.
type PrivateKeyConfig struct {
	// Key is an *rsa.PrivateKey of at least 2048 bits, an *ecdsa.PrivateKey on P-256,
	// P-384 or P-521, or an ed25519.PrivateKey.
	Key crypto.PrivateKey
	// KeyID is the kid under which the provider knows the public key. Empty: none is
	// sent.
	KeyID string
	// Algorithm is the one that is registered with the provider. Empty: RS256 for RSA,
	// the one of its curve for ECDSA, EdDSA for Ed25519. RSA also takes RS384, RS512,
	// PS256, PS384 and PS512.
	Algorithm string
	// Audience is the aud of the assertion. Empty: the issuer identifier of the server,
	// or its token endpoint if that is not known. Some servers from before OAuth 2.1
	// want the endpoint although they have an identifier.
	Audience string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// PrivateKeyJWT authenticates with a signed assertion instead of a secret
// (private_key_jwt, RFC 7523): nothing that is sent can be used again, and the provider
// has nothing that could be stolen from it. Each assertion is good for a minute.
func PrivateKeyJWT(cfg PrivateKeyConfig) (ClientAuth, error) {
	method, err := signingMethod(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return ClientAuthFunc(func(_ context.Context, r *TokenRequest) error {
		audience := cfg.Audience
		if audience == "" {
			audience = r.Issuer
		}
		if audience == "" {
			audience = r.URL
		}
		now := cfg.Now()
		t := jwt.NewWithClaims(method, jwt.MapClaims{
			"iss": r.ClientID,
			"sub": r.ClientID,
			"aud": audience, // one: a list could hold that of another server
			"jti": secret.Token(16),
			"iat": now.Unix(),
			"exp": now.Add(assertionLife).Unix(),
		})
		if cfg.KeyID != "" {
			t.Header["kid"] = cfg.KeyID
		}
		assertion, err := t.SignedString(cfg.Key)
		if err != nil {
			return fmt.Errorf("oauth: signing a client assertion: %w", err)
		}
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_assertion_type", assertionType)
		r.Form.Set("client_assertion", assertion)
		return nil
	}), nil
}

// signingMethod checks the key and finds its algorithm.
func signingMethod(cfg PrivateKeyConfig) (jwt.SigningMethod, error) {
	var allowed []string
	switch k := cfg.Key.(type) {
	case *rsa.PrivateKey:
		if k == nil || k.N == nil || k.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("oauth: an RSA key has at least %d bits", minRSABits)
		}
		allowed = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PrivateKey:
		if k == nil || k.Curve == nil {
			return nil, errors.New("oauth: the ECDSA key is empty")
		}
		allowed = []string{map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]}
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return nil, errors.New("oauth: the Ed25519 key is empty")
		}
		allowed = []string{"EdDSA"}
	default:
		return nil, fmt.Errorf("oauth: a key of type %T cannot sign assertions", cfg.Key)
	}
	if cfg.Algorithm == "" {
		cfg.Algorithm = allowed[0]
	}
	for _, name := range allowed {
		if m := jwt.GetSigningMethod(name); name == cfg.Algorithm && m != nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("oauth: the algorithm %q does not fit the key", cfg.Algorithm)
}
