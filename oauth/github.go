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

// GitHubConfig configures GitHub. ClientID and Auth have no default.
type GitHubConfig struct {
	// ClientID is that of an OAuth app or GitHub App, and Auth most often
	// ClientSecretPost.
	ClientID string
	Auth     ClientAuth
	// URL is where people sign in. Empty: https://github.com. That of GitHub
	// Enterprise is https://github.example.com.
	URL string
	// APIURL is that of the REST API. Empty: https://api.github.com, or /api/v3 below a
	// URL that is not github.com.
	APIURL string
	// Name tells several GitHubs apart. Empty: "github".
	Name string
	// Scopes are asked for. Nil: user:email, which the addresses need; an empty list
	// that is not nil asks for nothing, and Identity.Email stays empty.
	Scopes []string
	// Params are further parameters of the authorization request, such as
	// allow_signup=false.
	Params map[string]string
	// HTTP configures the client for the API.
	HTTP HTTPConfig
}

// GitHub is GitHub, or a GitHub Enterprise Server, as a Provider. The Subject of an
// identity is the numeric id of the account: names change hands, and addresses do. The
// address is the primary one if GitHub has verified it, from the list of all addresses
// and never the public one, which anybody can choose.
//
// GitHub does not say when its user proved who they are.
type GitHub struct {
	name, issuer, api string
	registration      Registration
	client            *http.Client
	emails            bool
}

var _ Provider = (*GitHub)(nil)

const (
	githubURL = "https://github.com"
	githubAPI = "https://api.github.com"
	scopeMail = "user:email"
	scopeUser = "user" // includes scopeMail
)

// NewGitHub returns a GitHub.
func NewGitHub(cfg GitHubConfig) (*GitHub, error) {
	if cfg.Name == "" {
		cfg.Name = "github"
	}
	cfg.URL, cfg.APIURL = strings.TrimRight(cfg.URL, "/"), strings.TrimRight(cfg.APIURL, "/")
	if cfg.URL == "" {
		cfg.URL = githubURL
	}
	if cfg.APIURL == "" {
		cfg.APIURL = githubAPI
		if cfg.URL != githubURL {
			cfg.APIURL = cfg.URL + "/api/v3"
		}
	}
	if cfg.Scopes == nil {
		cfg.Scopes = []string{scopeMail}
	}
	client, err := NewHTTPClient(cfg.HTTP)
	errs := []error{err, CheckURL(cfg.URL), CheckURL(cfg.APIURL)}
	if cfg.ClientID == "" {
		errs = append(errs, errors.New("oauth: GitHubConfig.ClientID is missing"))
	}
	if cfg.Auth == nil {
		errs = append(errs, errors.New("oauth: GitHubConfig.Auth is missing: use ClientSecretPost"))
	}
	params, err := fixedParams(cfg.Params)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &GitHub{
		name: cfg.Name, issuer: cfg.URL, api: cfg.APIURL, client: client,
		emails: slices.Contains(cfg.Scopes, scopeMail) || slices.Contains(cfg.Scopes, scopeUser),
		registration: Registration{
			AuthURL:  cfg.URL + "/login/oauth/authorize",
			TokenURL: cfg.URL + "/login/oauth/access_token",
			Issuer:   cfg.URL + "/login/oauth",
			ClientID: cfg.ClientID,
			Auth:     cfg.Auth,
			Scopes:   slices.Clone(cfg.Scopes),
			Params:   params,
		},
	}, nil
}

// Name implements Provider.
func (g *GitHub) Name() string { return g.name }

// Registration implements Provider.
func (g *GitHub) Registration(context.Context) (*Registration, error) { return &g.registration, nil }

// Identify implements Provider.
func (g *GitHub) Identify(ctx context.Context, grant *Grant) (*Identity, error) {
	v, err := g.get(ctx, grant, "/user")
	if err != nil {
		return nil, err
	}
	user, _ := v.(map[string]any)
	number, _ := user["id"].(json.Number)
	id, err := strconv.ParseUint(number.String(), 10, 64)
	if err != nil || id == 0 {
		return nil, fmt.Errorf("%w: GitHub names a user without a numeric id", ErrIdentity)
	}
	i := &Identity{Issuer: g.issuer, Subject: strconv.FormatUint(id, 10), Claims: user}
	i.Username, _ = user["login"].(string)
	i.Name, _ = user["name"].(string)
	i.PictureURL, _ = user["avatar_url"].(string)
	if !g.emails {
		return i, nil
	}
	v, err = g.get(ctx, grant, "/user/emails?per_page=100") // 30 if not told, and the primary one may be any
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: GitHub does not list addresses", ErrProvider)
	}
	i.Email = primaryEmail(list)
	i.EmailVerified = i.Email != ""
	return i, nil
}

func (g *GitHub) get(ctx context.Context, grant *Grant, path string) (any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+path, http.NoBody) //nolint:gosec // configured, and checked by CheckURL
	if err != nil {
		return nil, err
	}
	grant.Token.SetAuthHeader(r)
	r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	return fetchJSON(g.client, r)
}

// primaryEmail returns the primary address of a list if it is verified and can be one,
// and "" otherwise. Two primary ones are none.
func primaryEmail(list []any) string {
	found := ""
	for _, v := range list {
		entry, _ := v.(map[string]any)
		if entry["primary"] != true {
			continue
		}
		address, _ := entry["email"].(string)
		if found != "" || entry["verified"] != true || !isAddress(address) {
			return ""
		}
		found = address
	}
	return found
}

// isAddress reports whether s could be a mail address: one @ with something on both
// sides, in visible ASCII. Whether two are the same is for the accounts to say.
func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(domain, "@ ") && !strings.Contains(local, " ") && len(s) <= 254 && isVisible(s)
}

// fixedParams checks the further parameters of a provider.
func fixedParams(params map[string]string) (map[string][]string, error) {
	values := make(map[string][]string, len(params))
	for name, v := range params {
		if slices.Contains(owned, name) {
			return nil, fmt.Errorf("oauth: Params: %s is not a free parameter", name)
		}
		values[name] = []string{v}
	}
	return values, nil
}
