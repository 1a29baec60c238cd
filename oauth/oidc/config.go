package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/jwk"
	"github.com/go-sallyport/auth/oauth"
)

// Defaults and limits of Config.
const (
	DefaultName   = "oidc"
	DefaultLeeway = time.Minute
	MaxLeeway     = 5 * time.Minute
)

// UserInfo says when a Provider asks the UserInfo endpoint.
type UserInfo string

// Values of UserInfo.
const (
	// UserInfoMissing asks if scopes were granted, email or profile, of which the ID
	// token says nothing. Most providers answer only there (OpenID Connect Core §5.4).
	UserInfoMissing UserInfo = ""
	// UserInfoAlways asks each time, and fails if there is no endpoint.
	UserInfoAlways UserInfo = "always"
	// UserInfoNever leaves it at the ID token.
	UserInfoNever UserInfo = "never"
)

// Config configures a Provider. Issuer and ClientID have no default; the zero value of
// all else is the recommended production setting.
type Config struct {
	// Name is that of oauth.Provider: 1 to 32 of a-z, 0-9 and "-", of its own for each
	// provider of a service. Empty: "oidc", or that of the constructor.
	Name string
	// Issuer is the issuer identifier, character for character as the provider writes
	// it, with or without a slash at the end: https, without query. http is for
	// loopback.
	Issuer string
	// ClientID is that of this service, and Auth how it proves to be it. A nil Auth is
	// a public client, which PKCE alone protects.
	ClientID string
	Auth     oauth.ClientAuth
	// Scopes are asked for besides openid. Nil: email and profile.
	Scopes []string
	// Params are further parameters of the authorization request, such as prompt,
	// ui_locales or hd.
	Params url.Values
	// FormPost asks for the answer by POST, see package oauth.
	FormPost bool

	// Algorithms are those with which the provider may sign: of RS256, RS384, RS512,
	// PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA (Ed25519). Empty: those of them
	// that its metadata lists, or RS256 if it lists nothing (OpenID Connect Core §2).
	// HMAC and none are never taken, whatever the metadata says.
	Algorithms []string
	// MaxAge asks that the user has proved who they are at most so long before the
	// attempt began, and holds the ID token to it (auth_time). Zero: it does not.
	MaxAge time.Duration
	// ACR are the authentication context classes that are good. They are asked for
	// (acr_values), and an ID token with another or with none is refused. Empty: none
	// is asked for. What oauth.Options.Params asks for is not checked here: look at
	// Identity.ACR.
	ACR []string
	// Audiences may stand beside ClientID in the aud of a token. Empty: none may.
	Audiences []string
	// UserInfo says when the UserInfo endpoint is asked.
	UserInfo UserInfo
	// Accept is asked about every identity after all checks. It may refuse it, or keep
	// the ID token for a later Logout, and must not change id. An error that is no
	// problem.Error gets the class oauth.ErrIdentity. Nil: all are accepted.
	Accept func(ctx context.Context, id *oauth.Identity, idToken string) error

	// Leeway is how far the clocks may be apart. Zero: a minute; at most five.
	Leeway time.Duration
	// HTTP configures the client for metadata, keys and UserInfo.
	HTTP oauth.HTTPConfig
	// OnEvent is told of failures and of changed keys.
	OnEvent auth.EventFunc
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// complete fills in the defaults and reports everything that is wrong. It copies what
// the caller could change later.
func (c Config) complete() (Config, error) {
	var errs []error
	if c.Name == "" {
		c.Name = DefaultName
	}
	if len(c.Name) > 32 || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		errs = append(errs, fmt.Errorf("oidc: Name is 1 to 32 of a-z, 0-9 and \"-\", not %q", c.Name))
	}
	if err := checkIssuer(c.Issuer); err != nil {
		errs = append(errs, err)
	}
	if c.ClientID == "" {
		errs = append(errs, errors.New("oidc: ClientID is missing"))
	}
	if c.Scopes == nil {
		c.Scopes = []string{"email", "profile"}
	}
	c.Scopes = slices.Clone(c.Scopes)
	for _, s := range c.Scopes {
		if s == "" || strings.ContainsAny(s, " \"\\") {
			errs = append(errs, fmt.Errorf("oidc: Scopes: %q is not one scope", s))
		}
	}
	if !slices.Contains(c.Scopes, "openid") {
		c.Scopes = append([]string{"openid"}, c.Scopes...)
	}
	params := make(url.Values, len(c.Params)+1)
	for name, values := range c.Params {
		if slices.Contains(ofFlow, name) {
			errs = append(errs, fmt.Errorf("oidc: Params: %s is set by the Flow or by a field of Config", name))
		}
		params[name] = slices.Clone(values)
	}
	c.Params = params
	c.Algorithms, c.ACR, c.Audiences = slices.Clone(c.Algorithms), slices.Clone(c.ACR), slices.Clone(c.Audiences)
	for _, name := range c.Algorithms {
		if !jwk.Asymmetric(name) {
			errs = append(errs, fmt.Errorf("oidc: Algorithms: %q is not one for which a provider can publish keys", name))
		}
	}
	for _, class := range c.ACR {
		if class == "" || strings.Contains(class, " ") {
			errs = append(errs, fmt.Errorf("oidc: ACR: %q is not one class", class))
		}
	}
	if len(c.ACR) > 0 {
		if c.Params.Has("acr_values") {
			errs = append(errs, errors.New("oidc: Params has acr_values, which ACR sets"))
		}
		c.Params.Set("acr_values", strings.Join(c.ACR, " "))
	}
	if c.MaxAge < 0 || c.MaxAge%time.Second != 0 {
		errs = append(errs, fmt.Errorf("oidc: MaxAge is %s: use whole seconds", c.MaxAge))
	}
	switch c.UserInfo {
	case UserInfoMissing, UserInfoAlways, UserInfoNever:
	default:
		errs = append(errs, fmt.Errorf("oidc: UserInfo is %q", string(c.UserInfo)))
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	if c.Leeway < 0 || c.Leeway > MaxLeeway {
		errs = append(errs, fmt.Errorf("oidc: Leeway is %s: use up to %s, or 0 for %s", c.Leeway, MaxLeeway, DefaultLeeway))
	}
	if c.HTTP.Timeout == 0 {
		c.HTTP.Timeout = oauth.DefaultHTTPTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}

// ofFlow are the parameters of a request that are not for Config.Params.
var ofFlow = []string{
	"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce", "max_age",
	"code_challenge", "code_challenge_method", "request", "request_uri",
}

// checkIssuer is OpenID Connect Core §2 (iss) and RFC 8414 §2.
func checkIssuer(issuer string) error {
	if issuer == "" {
		return errors.New("oidc: Issuer is missing")
	}
	if err := oauth.CheckURL(issuer); err != nil {
		return fmt.Errorf("oidc: Issuer: %w", err)
	}
	if strings.ContainsAny(issuer, "?#") || len(issuer) > oauth.MaxIssuerBytes {
		return fmt.Errorf("oidc: Issuer %q has a query, or is too long", issuer)
	}
	return nil
}
