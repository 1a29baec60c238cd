package jwtauth

import (
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth"
)

// Claims are what an access token says (RFC 9068 §2.2). Times have the precision
// of a second, IssuedAt that of a millisecond in tokens of this package.
//
// Claims that a Verifier returns are shared by requests: do not change them. They
// are a jwt.Claims of golang-jwt too.
type Claims struct {
	Issuer    string    // iss
	Subject   string    // sub
	Audience  []string  // aud
	ExpiresAt time.Time // exp
	NotBefore time.Time // nbf; zero: not said
	IssuedAt  time.Time // iat, with iat_ms for the milliseconds
	ID        string    // jti
	ClientID  string    // client_id
	// SessionID is the sid: what the token was issued from, such as a refresh
	// family. Tokens of one sign-in share it.
	SessionID string
	// Scopes are the values of scope. Nil: the token does not have the claim.
	Scopes   []string
	Roles    []string      // roles
	Factors  []auth.Factor // amr, with amr_times for when each was proved
	AuthTime time.Time     // auth_time; zero: never interactively
	ACR      string        // acr
	// Attributes are small facts of the application, such as a tenant, in the
	// claim attrs.
	Attributes map[string]string

	payload string // of a verified token
}

// ClaimsOf returns the claims that say of p what a Verifier makes a principal of
// again. Issuer, Audience, the times of the token and its ID are for the caller to
// fill in.
func ClaimsOf(p *auth.Principal) *Claims {
	p = p.Clone()
	return &Claims{
		Subject:    p.Subject,
		Scopes:     p.Scopes,
		Roles:      p.Roles,
		Factors:    p.Factors,
		AuthTime:   p.AuthenticatedAt,
		Attributes: p.Attributes,
	}
}

// credentialID is the SessionID or, without one, the ID: what a Revoker is told to
// spare is the sign-in and not one of its tokens.
func (c *Claims) credentialID() string {
	if c.SessionID != "" {
		return c.SessionID
	}
	return c.ID
}

// fill makes p the principal of c. They share their lists.
func (c *Claims) fill(p *auth.Principal) {
	p.Subject = c.Subject
	p.Method = auth.MethodJWT
	p.CredentialID = c.credentialID()
	p.Roles = c.Roles
	p.Scopes = c.Scopes
	p.Factors = c.Factors
	p.AuthenticatedAt = c.AuthTime
	p.Attributes = c.Attributes
}

// Principal returns what c says of the caller. The CredentialID is the SessionID
// or, without one, the ID.
func (c *Claims) Principal() *auth.Principal {
	p := new(auth.Principal)
	c.fill(p)
	return p.Clone()
}

var _ jwt.Claims = (*Claims)(nil)

// GetExpirationTime implements jwt.Claims.
func (c *Claims) GetExpirationTime() (*jwt.NumericDate, error) { return numericDate(c.ExpiresAt), nil }

// GetIssuedAt implements jwt.Claims.
func (c *Claims) GetIssuedAt() (*jwt.NumericDate, error) { return numericDate(c.IssuedAt), nil }

// GetNotBefore implements jwt.Claims.
func (c *Claims) GetNotBefore() (*jwt.NumericDate, error) { return numericDate(c.NotBefore), nil }

// GetIssuer implements jwt.Claims.
func (c *Claims) GetIssuer() (string, error) { return c.Issuer, nil }

// GetSubject implements jwt.Claims.
func (c *Claims) GetSubject() (string, error) { return c.Subject, nil }

// GetAudience implements jwt.Claims.
func (c *Claims) GetAudience() (jwt.ClaimStrings, error) { return c.Audience, nil }

func numericDate(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return jwt.NewNumericDate(t)
}
