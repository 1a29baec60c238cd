package oidc_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/problem"
)

func TestConfig(t *testing.T) {
	good := oidc.Config{Issuer: "https://login.example.com", ClientID: "c"}
	if p, err := oidc.New(good); err != nil || p.Name() != oidc.DefaultName {
		t.Fatal(p, err)
	}
	for name, tt := range map[string]struct {
		change func(*oidc.Config)
		says   string
	}{
		"no issuer":                 {func(c *oidc.Config) { c.Issuer = "" }, "Issuer"},
		"an issuer without TLS":     {func(c *oidc.Config) { c.Issuer = "http://login.example.com" }, "Issuer"},
		"an issuer with a query":    {func(c *oidc.Config) { c.Issuer += "?x=1" }, "Issuer"},
		"an issuer with a fragment": {func(c *oidc.Config) { c.Issuer += "#x" }, "Issuer"},
		"an issuer that is none":    {func(c *oidc.Config) { c.Issuer = "login.example.com" }, "Issuer"},
		"an issuer that is long":    {func(c *oidc.Config) { c.Issuer += "/" + strings.Repeat("x", 300) }, "Issuer"},
		"a name in capitals":        {func(c *oidc.Config) { c.Name = "OIDC" }, "Name"},
		"a name with a space":       {func(c *oidc.Config) { c.Name = "a b" }, "Name"},
		"a long name":               {func(c *oidc.Config) { c.Name = strings.Repeat("a", 33) }, "Name"},
		"a state of one's own":      {func(c *oidc.Config) { c.Params = url.Values{"state": {"x"}} }, "state"},
		"a nonce of one's own":      {func(c *oidc.Config) { c.Params = url.Values{"nonce": {"x"}} }, "nonce"},
		"no client":                 {func(c *oidc.Config) { c.ClientID = "" }, "ClientID"},
		"a scope of two":            {func(c *oidc.Config) { c.Scopes = []string{"a b"} }, "Scopes"},
		"OID-01 HS256":              {func(c *oidc.Config) { c.Algorithms = []string{"ES256", "HS256"} }, "HS256"},
		"OID-01 none":               {func(c *oidc.Config) { c.Algorithms = []string{"none"} }, "none"},
		"a class of two":            {func(c *oidc.Config) { c.ACR = []string{"a b"} }, "ACR"},
		"classes twice":             {func(c *oidc.Config) { c.ACR = []string{"a"}; c.Params = url.Values{"acr_values": {"b"}} }, "acr_values"},
		"a MaxAge of half a second": {func(c *oidc.Config) { c.MaxAge = time.Second / 2 }, "MaxAge"},
		"a negative MaxAge":         {func(c *oidc.Config) { c.MaxAge = -time.Second }, "MaxAge"},
		"a UserInfo of no kind":     {func(c *oidc.Config) { c.UserInfo = "sometimes" }, "UserInfo"},
		"a leeway of an hour":       {func(c *oidc.Config) { c.Leeway = time.Hour }, "Leeway"},
		"a negative leeway":         {func(c *oidc.Config) { c.Leeway = -1 }, "Leeway"},
		"a timeout of an hour":      {func(c *oidc.Config) { c.HTTP.Timeout = time.Hour }, "Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := oidc.New(cfg); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want a word of %s", err, tt.says)
			}
		})
	}
	t.Run("all faults are told at once", func(t *testing.T) {
		if _, err := oidc.New(oidc.Config{Leeway: -1}); err == nil || strings.Count(err.Error(), "oidc:") != 3 {
			t.Error(err)
		}
	})
	t.Run("what the caller changes later changes nothing", func(t *testing.T) {
		params, scopes, algorithms := url.Values{"prompt": {"login"}}, []string{"openid", "email"}, []string{"ES256"}
		r := newRig(t, func(c *oidc.Config) { c.Params, c.Scopes, c.Algorithms = params, scopes, algorithms }, nil)
		params["prompt"][0], scopes[1], algorithms[0] = "none", "admin", "RS256"
		params.Set("login_hint", "x")
		r.good()
		reg, err := r.provider.Registration(t.Context())
		if err != nil || reg.Params.Encode() != "prompt=login" || reg.Scopes[1] != "email" {
			t.Error(reg, err)
		}
	})
}

// TestAccept is the last word of the application.
func TestAccept(t *testing.T) {
	var kept string
	refuse := errors.New("not one of us")
	var answer error
	r := newRig(t, func(c *oidc.Config) {
		c.Accept = func(_ context.Context, id *oauth.Identity, idToken string) error {
			if id.Subject == "alice-7" {
				kept = idToken
			}
			return answer
		}
	}, nil)
	r.good()
	if strings.Count(kept, ".") != 2 {
		t.Errorf("the ID token: %q", kept)
	}
	answer = refuse
	r.refused("IDENTITY_INVALID")
	answer = problem.Wrap(problem.Unavailable, refuse)
	r.refused("UNAVAILABLE")
}
