package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// GenericConfig configures Generic. Name, Issuer, the three addresses and ClientID have
// no default.
type GenericConfig struct {
	// Name tells the providers of a service apart, see Provider.
	Name string
	// Issuer is the issuer identifier of the server if it has one (RFC 8414 §2), and
	// otherwise its origin. It is the first half of the key of identities: it must not
	// change.
	Issuer string
	// AuthURL, TokenURL and UserInfoURL are the endpoints.
	AuthURL, TokenURL, UserInfoURL string
	// PromisesIssuer says that every answer has an iss, which is Issuer (RFC 9207).
	PromisesIssuer bool
	// ClientID and Auth are those of this service. A nil Auth is a public client.
	ClientID string
	Auth     ClientAuth
	// Scopes are asked for, and no others.
	Scopes []string
	// Params are further parameters of the authorization request.
	Params map[string]string
	// FormTokens lets the token endpoint answer with a form instead of JSON.
	FormTokens bool
	// FormPost asks for the answer by POST.
	FormPost bool
	// Fields say where in the answer of UserInfoURL is what. Empty ones are those of
	// OpenID Connect.
	Fields Fields
	// HTTP configures the client for UserInfoURL.
	HTTP HTTPConfig
}

// Fields are names of members of a JSON object; a dot goes into a member that is an
// object, as in "data.id".
type Fields struct {
	Subject       string // "sub": text, or a whole number; never a name or an address
	Email         string // "email"
	EmailVerified string // "email_verified": true counts, and nothing else does
	Name          string // "name"
	Username      string // "preferred_username"
	PictureURL    string // "picture"
}

// Generic is any server with the authorization code flow and an endpoint that says who
// the user is, as a Provider. A server that speaks OpenID Connect belongs to package
// oauth/oidc, where its statements are signed.
type Generic struct {
	name, issuer, userInfo string
	registration           Registration
	fields                 Fields
	client                 *http.Client
}

var _ Provider = (*Generic)(nil)

// NewGeneric returns a Generic.
func NewGeneric(cfg GenericConfig) (*Generic, error) {
	client, err := NewHTTPClient(cfg.HTTP)
	errs := []error{err}
	for _, v := range []struct{ name, address string }{
		{"Issuer", cfg.Issuer}, {"AuthURL", cfg.AuthURL}, {"TokenURL", cfg.TokenURL}, {"UserInfoURL", cfg.UserInfoURL},
	} {
		if err := CheckURL(v.address); err != nil {
			errs = append(errs, fmt.Errorf("oauth: GenericConfig.%s: %w", v.name, err))
		}
	}
	if len(cfg.Issuer) > MaxIssuerBytes {
		errs = append(errs, errors.New("oauth: GenericConfig.Issuer is too long"))
	}
	if cfg.ClientID == "" {
		errs = append(errs, errors.New("oauth: GenericConfig.ClientID is missing"))
	}
	params, err := fixedParams(cfg.Params)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name *string
		zero string
	}{
		{&cfg.Fields.Subject, "sub"},
		{&cfg.Fields.Email, "email"},
		{&cfg.Fields.EmailVerified, "email_verified"},
		{&cfg.Fields.Name, "name"},
		{&cfg.Fields.Username, "preferred_username"},
		{&cfg.Fields.PictureURL, "picture"},
	} {
		if *f.name == "" {
			*f.name = f.zero
		}
	}
	return &Generic{
		name: cfg.Name, issuer: cfg.Issuer, userInfo: cfg.UserInfoURL, fields: cfg.Fields, client: client,
		registration: Registration{
			AuthURL: cfg.AuthURL, TokenURL: cfg.TokenURL, Issuer: cfg.Issuer, PromisesIssuer: cfg.PromisesIssuer,
			ClientID: cfg.ClientID, Auth: cfg.Auth, Scopes: slices.Clone(cfg.Scopes), Params: params,
			FormTokens: cfg.FormTokens, FormPost: cfg.FormPost,
		},
	}, nil
}

// Name implements Provider.
func (p *Generic) Name() string { return p.name }

// Registration implements Provider.
func (p *Generic) Registration(context.Context) (*Registration, error) { return &p.registration, nil }

// Identify implements Provider.
func (p *Generic) Identify(ctx context.Context, g *Grant) (*Identity, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.userInfo, http.NoBody) //nolint:gosec // configured, and checked by CheckURL
	if err != nil {
		return nil, err
	}
	g.Token.SetAuthHeader(r)
	user, err := Fetch(p.client, r)
	if err != nil {
		return nil, err
	}
	id := &Identity{
		Issuer:     p.issuer,
		Subject:    subjectOf(member(user, p.fields.Subject)),
		Email:      text(user, p.fields.Email),
		Name:       text(user, p.fields.Name),
		Username:   text(user, p.fields.Username),
		PictureURL: text(user, p.fields.PictureURL),
		Claims:     user,
	}
	if !isAddress(id.Email) {
		id.Email = ""
	}
	id.EmailVerified = id.Email != "" && member(user, p.fields.EmailVerified) == true
	return id, nil
}

// member finds what a path of names leads to.
func member(object map[string]any, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return object[path]
	}
	inner, _ := object[name].(map[string]any)
	return member(inner, rest)
}

func text(object map[string]any, path string) string {
	s, _ := member(object, path).(string)
	return s
}

// subjectOf returns an id as text. A number is one that has a single way to be
// written: 7.0 and 7e0 are refused, or one account could have many ids.
func subjectOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err == nil && n > 0 {
			return strconv.FormatInt(n, 10)
		}
	}
	return ""
}
