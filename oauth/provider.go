package oauth

import (
	"context"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// A Provider is an authorization server together with the way to learn from it who
// the user is. Package oauth/oidc has the ones for OpenID Connect.
//
// A Provider is safe for concurrent use. It talks to the server through a client of
// NewHTTPClient. Errors that wrap ErrProvider are faults of the server or of the way
// to it, and ErrIdentity says that its answer is not to be trusted; see there.
type Provider interface {
	// Name tells the providers of a service apart: in cookies, events, links and
	// kept tokens. It is constant: 1 to 32 of a-z, 0-9 and "-".
	Name() string
	// Registration returns what a Flow needs to ask for a code and to redeem it.
	// Every Start and Callback calls it, so a Provider that reads metadata of the
	// server keeps it. The result is shared: nobody changes it.
	Registration(ctx context.Context) (*Registration, error)
	// Identify returns who the user of a grant is. Issuer and Subject are set, and
	// checked as far as the protocol can. It is called once for each grant, after
	// the token response was checked.
	Identify(ctx context.Context, g *Grant) (*Identity, error)
}

// A Registration is what is known of an authorization server and of this service as
// its client.
type Registration struct {
	// AuthURL and TokenURL are the endpoints. They are https, or http on loopback.
	AuthURL, TokenURL string
	// Issuer is the issuer identifier of the server (RFC 8414 §2), with which an iss
	// parameter of the answer is compared, exactly. Empty: not known, and an answer
	// that has an iss is refused.
	Issuer string
	// PromisesIssuer is authorization_response_iss_parameter_supported of RFC 9207
	// §3: an answer without iss is refused.
	PromisesIssuer bool
	// ClientID and Auth are those of this service.
	ClientID string
	// Auth proves to the token endpoint that it is this service. Nil: it is a public
	// client, which PKCE alone protects.
	Auth ClientAuth
	// Scopes are asked for, and no others.
	Scopes []string
	// Params are further parameters of the authorization request, such as prompt.
	// Those that the Flow sets by itself must not be among them.
	Params url.Values
	// FormPost asks for the answer by POST (response_mode=form_post).
	FormPost bool
	// Nonce sends a nonce, which Identify then must find in the ID token.
	Nonce bool
	// MaxAge asks for a proof that is at most that old (max_age, whole seconds).
	// Zero: none is asked for. Identify must check it.
	MaxAge time.Duration
	// FormTokens lets the token endpoint answer with a form instead of JSON, as some
	// servers from before RFC 6749 do.
	FormTokens bool
}

// A Grant is what the token endpoint has given for a code.
type Grant struct {
	// Token has a bearer access token. Its Extra has the other members of the
	// response, as encoding/json decodes them.
	Token *oauth2.Token
	// IDToken is the ID token of the response, not verified. Empty: there was none.
	IDToken string
	// Scopes are those granted: of the response or, if it does not say, those that
	// were asked for (RFC 6749 §5.1).
	Scopes []string
	// Nonce is what the ID token has to hold. Empty if Registration.Nonce is false.
	Nonce string
	// MaxAge is what was asked for in this attempt; zero: nothing.
	MaxAge time.Duration
	// StartedAt is when this attempt began, and Now what time it is.
	StartedAt, Now time.Time
	// Response has the further parameters of the authorization response, one value
	// each, such as the user of Apple. They came through the browser: whoever holds it can
	// write them, so they are for display and prove nothing.
	Response url.Values
}

// An Identity is an account at a provider. It is known by Issuer and Subject. All
// else can change, and mail addresses change hands: it is for display, or for what a
// new account begins with.
type Identity struct {
	// Provider is the name of the Provider. The Flow sets it.
	Provider string
	// Issuer is who has named the Subject: the issuer of an ID token, or the origin of
	// the server. It is at most MaxIssuerBytes.
	Issuer string
	// Subject is the stable id of the account there, never given to another: at most
	// MaxSubjectBytes of printable ASCII. Where ids are numbers it is the number.
	Subject string

	// Email is an address of the account. Empty: not known.
	Email string
	// EmailVerified says that the provider has verified it. It is true only if the
	// provider says so in the right type, and never by default.
	EmailVerified bool
	// Name, Username and PictureURL are what the user calls themselves there. Escape
	// them like any text of a stranger.
	Name, Username, PictureURL string

	// AuthTime is when the user proved to the provider who they are. Zero: it does
	// not say.
	AuthTime time.Time
	// Methods are how they did (the amr claim, RFC 8176), and ACR how well. They are
	// not made into factors: LinksConfig.Principal may, where it trusts a provider so
	// far.
	Methods []string
	ACR     string
	// SessionID is that of the user's session at the provider (the sid claim), by
	// which it may end it later.
	SessionID string
	// Claims are everything that the provider said.
	Claims map[string]any
}

// Limits of identities.
const (
	MaxIssuerBytes  = 255
	MaxSubjectBytes = 255 // OpenID Connect Core §2, claim sub
)
