package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/oauth"
)

// AppleIssuer is the issuer of Apple accounts.
const AppleIssuer = "https://appleid.apple.com"

// appleSecretLife is how long a client secret is good; Apple takes up to six months.
const appleSecretLife = 5 * time.Minute

// AppleConfig configures NewApple.
type AppleConfig struct {
	// Config is that of a Provider. ClientID is the Services ID. Name is "apple",
	// Issuer AppleIssuer and Scopes email and name if they are empty. Auth must be nil:
	// it follows from the fields below.
	Config
	// TeamID and KeyID are what Apple calls the account of the developer and the key.
	TeamID, KeyID string
	// Key signs client secrets: the content of the .p8 file, on P-256.
	Key *ecdsa.PrivateKey
}

// NewApple returns Apple as a Provider. The answer comes by POST whenever a scope is
// asked for. The client secret is a JWT that is signed anew for each request.
//
// Apple tells the name of a user at the first sign-in only, and through the browser:
// Identity.Name is what the user claims to be called. The address is that of the ID
// token; it may be a relay of Apple.
func NewApple(cfg AppleConfig) (*Provider, error) {
	var errs []error
	if cfg.TeamID == "" || cfg.KeyID == "" {
		errs = append(errs, errors.New("oidc: AppleConfig: TeamID or KeyID is missing"))
	}
	if cfg.Key == nil || cfg.Key.Curve != elliptic.P256() {
		errs = append(errs, errors.New("oidc: AppleConfig.Key is not a key on P-256"))
	}
	if cfg.Auth != nil {
		errs = append(errs, errors.New("oidc: AppleConfig.Auth must be nil: Key makes the secrets"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := cfg.orElse("apple", AppleIssuer)
	if c.Scopes == nil {
		c.Scopes = []string{"email", "name"}
	}
	c.FormPost = c.FormPost || len(c.Scopes) > 0
	now := c.Now
	if now == nil {
		now = time.Now
	}
	c.Auth = oauth.ClientAuthFunc(func(ctx context.Context, r *oauth.TokenRequest) error {
		text, err := appleSecret(cfg, c.Issuer, now())
		if err != nil {
			return err
		}
		return oauth.ClientSecretPost(text).Authenticate(ctx, r)
	})
	return newProvider(c, special{mail: appleMail, finish: appleName})
}

// appleSecret is the client secret as Apple defines it.
func appleSecret(cfg AppleConfig, audience string, now time.Time) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": cfg.TeamID,
		"sub": cfg.ClientID,
		"aud": audience,
		"iat": now.Unix(),
		"exp": now.Add(appleSecretLife).Unix(),
	})
	t.Header["kid"] = cfg.KeyID
	text, err := t.SignedString(cfg.Key)
	if err != nil {
		return "", fmt.Errorf("oidc: signing a client secret: %w", err)
	}
	return text, nil
}

// appleMail: Apple defines email_verified as true or "true".
func appleMail(c claims) bool { return c["email_verified"] == true || c["email_verified"] == "true" }

// appleName reads the user that came through the browser. Its address is not looked at:
// that of the ID token is signed.
func appleName(id *oauth.Identity, g *oauth.Grant) {
	if id.Name != "" {
		return
	}
	user, err := oauth.ParseObject([]byte(g.Response.Get("user")))
	if err != nil {
		return
	}
	name, _ := user["name"].(map[string]any)
	id.Name = strings.TrimSpace(display(name, "firstName") + " " + display(name, "lastName"))
}
