package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
)

func TestGoogle(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	s, key := newStub(t, ""), es256(t, "k")
	s.keys(key.public())
	build := func(t *testing.T, domains ...string) *oidc.Provider {
		p, err := oidc.NewGoogle(oidc.GoogleConfig{Config: oidc.Config{Issuer: s.URL, ClientID: clientID, Now: clock.Now}, Domains: domains})
		must(t, err)
		return p
	}
	for _, tt := range []struct {
		name    string
		domains []string
		hd      any
		ok      bool
	}{
		{"LNK-06 the domain", []string{"example.com"}, "example.com", true},
		{"LNK-06 one of the domains", []string{"example.org", "example.com"}, "example.com", true},
		{"LNK-06 another domain", []string{"example.com"}, "evil.example", false},
		{"LNK-06 no hd, and an address of the domain", []string{"example.com"}, nil, false},
		{"LNK-06 a domain below", []string{"example.com"}, "sub.example.com", false},
		{"LNK-06 another case", []string{"example.com"}, "EXAMPLE.com", false},
		{"LNK-06 a list", []string{"example.com"}, []string{"example.com"}, false},
		{"LNK-06 empty", []string{"example.com"}, "", false},
		{"LNK-06 no domain is required", nil, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			claims := idToken(s.URL, clock.Now())
			claims["email"], claims["email_verified"] = "alice@example.com", true
			if tt.hd != nil {
				claims["hd"] = tt.hd
			}
			_, err := build(t, tt.domains...).Identify(t.Context(), grantOf(key.sign(t, nil, claims), clock.Now()))
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, oauth.ErrIdentity) {
				t.Fatal(err)
			}
		})
	}
	t.Run("what is asked for", func(t *testing.T) {
		p, err := oidc.NewGoogle(oidc.GoogleConfig{
			Config:  oidc.Config{Issuer: s.URL, ClientID: clientID, Now: clock.Now, Params: url.Values{"prompt": {"consent"}}},
			Domains: []string{"example.com"}, Offline: true,
		})
		must(t, err)
		reg, err := p.Registration(t.Context())
		must(t, err)
		if got := reg.Params.Encode(); got != "access_type=offline&hd=example.com&prompt=consent" || p.Name() != "google" {
			t.Error(p.Name(), got)
		}
		reg, err = build(t, "example.com", "example.org").Registration(t.Context())
		must(t, err)
		if reg.Params.Get("hd") != "*" {
			t.Error(reg.Params)
		}
	})
	t.Run("bad domains", func(t *testing.T) {
		for _, d := range []string{"", "Example.com", "@example.com", "*"} {
			if _, err := oidc.NewGoogle(oidc.GoogleConfig{Config: oidc.Config{ClientID: "c"}, Domains: []string{d}}); err == nil {
				t.Errorf("%q is taken", d)
			}
		}
	})
	t.Run("the issuer is Google", func(t *testing.T) {
		if _, err := oidc.NewGoogle(oidc.GoogleConfig{Config: oidc.Config{ClientID: "c"}}); err != nil {
			t.Error(err)
		}
	})
}

const (
	tenantA  = "11111111-aaaa-4bbb-8ccc-1234567890ab"
	tenantB  = "22222222-aaaa-4bbb-8ccc-1234567890ab"
	personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

func TestMicrosoft(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	s, key, other := newStub(t, ""), es256(t, "k"), es256(t, "personal")
	template := s.URL + "/{tenantid}/v2.0"
	for _, authority := range []string{"common", "organizations"} {
		s.set("/"+authority+"/v2.0"+discoveryPath, s.metadata(template))
	}
	for _, id := range []string{tenantA, personal} {
		s.set("/"+id+"/v2.0"+discoveryPath, s.metadata(s.URL+"/"+id+"/v2.0"))
	}
	s.keys(with(key.public(), "issuer", template), with(other.public(), "issuer", s.URL+"/"+personal+"/v2.0"))
	build := func(t *testing.T, tenant string, only ...string) *oidc.Provider {
		t.Helper()
		p, err := oidc.NewMicrosoft(oidc.MicrosoftConfig{Config: oidc.Config{ClientID: clientID, Now: clock.Now}, Tenant: tenant, Tenants: only, Authority: s.URL})
		must(t, err)
		return p
	}
	type token struct {
		iss, tid any
		key      signer
	}
	of := func(tenant string) token { return token{s.URL + "/" + tenant + "/v2.0", tenant, key} }
	for _, tt := range []struct {
		name   string
		tenant string
		only   []string
		token  token
		ok     bool
	}{
		{"organizations: a tenant", "organizations", nil, of(tenantA), true},
		{"organizations: another tenant", "organizations", nil, of(tenantB), true},
		{"organizations: a personal account", "organizations", nil, of(personal), false},
		{"common: a personal account", "common", nil, of(personal), true},
		{"consumers", "consumers", nil, of(personal), true},
		{"consumers: a tenant", "consumers", nil, of(tenantA), false},
		{"organizations: one of the tenants", "organizations", []string{tenantA}, of(tenantA), true},
		{"organizations: none of the tenants", "organizations", []string{tenantA}, of(tenantB), false},
		{"O03 the template itself", "organizations", nil, token{template, "{tenantid}", key}, false},
		{"O03 the template, and a tid", "organizations", nil, token{template, tenantA, key}, false},
		{"O03 the issuer of another tenant than tid", "organizations", []string{tenantA}, token{s.URL + "/" + tenantB + "/v2.0", tenantA, key}, false},
		{"O03 no tid", "organizations", nil, token{s.URL + "/" + tenantA + "/v2.0", nil, key}, false},
		{"O03 a tid that climbs", "organizations", nil, token{s.URL + "/../v2.0", "..", key}, false},
		{"O03 a tid in capitals", "organizations", nil, token{s.URL + "/" + strings.ToUpper(tenantA) + "/v2.0", strings.ToUpper(tenantA), key}, false},
		{"O03 a key that is for personal accounts only", "organizations", nil, token{s.URL + "/" + tenantA + "/v2.0", tenantA, other}, false},
		{"a key for personal accounts and such an account", "common", nil, token{s.URL + "/" + personal + "/v2.0", personal, other}, true},
		{"one tenant", tenantA, nil, of(tenantA), true},
		{"one tenant: another", tenantA, nil, of(tenantB), false},
	} {
		t.Run("OID-02 "+tt.name, func(t *testing.T) {
			claims := idToken("", clock.Now())
			claims["email"], claims["email_verified"] = "alice@example.com", true
			claims["iss"] = tt.token.iss
			if tt.token.tid != nil {
				claims["tid"] = tt.token.tid
			}
			id, err := build(t, tt.tenant, tt.only...).Identify(t.Context(), grantOf(tt.token.key.sign(t, nil, claims), clock.Now()))
			if !tt.ok {
				if !errors.Is(err, oauth.ErrIdentity) {
					t.Fatal(err)
				}
				return
			}
			if err != nil || id.Issuer != tt.token.iss {
				t.Fatal(id, err)
			}
			if id.EmailVerified || id.Email == "" {
				t.Errorf("LNK-02 an address of Microsoft is verified: %+v", id)
			}
		})
	}
	t.Run("OID-07 the metadata must have the template, and of a tenant its issuer", func(t *testing.T) {
		for _, authority := range []string{"organizations", tenantB} {
			s.set("/"+authority+"/v2.0"+discoveryPath, s.metadata(s.URL+"/"+tenantA+"/v2.0"))
			if _, err := build(t, authority).Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) {
				t.Errorf("%s: %v", authority, err)
			}
		}
	})
	t.Run("OAU-04 a template is no issuer of an answer", func(t *testing.T) {
		reg, err := build(t, "common").Registration(t.Context())
		if err != nil || reg.Issuer != "" {
			t.Error(reg, err)
		}
	})
	t.Run("configurations that are refused", func(t *testing.T) {
		for name, cfg := range map[string]oidc.MicrosoftConfig{
			"no tenant":                 {},
			"a domain":                  {Tenant: "example.com"},
			"a tenant in capitals":      {Tenant: strings.ToUpper(tenantA)},
			"tenants of one tenant":     {Tenant: tenantA, Tenants: []string{tenantB}},
			"tenants that are none":     {Tenant: "common", Tenants: []string{"x"}},
			"an issuer":                 {Tenant: tenantA, Config: oidc.Config{Issuer: "https://example.com"}},
			"an authority without TLS":  {Tenant: tenantA, Authority: "http://example.com"},
			"a tenant with other marks": {Tenant: strings.ReplaceAll(tenantA, "-", "_")},
		} {
			cfg.ClientID = "c"
			if _, err := oidc.NewMicrosoft(cfg); err == nil {
				t.Errorf("%s is taken", name)
			}
		}
	})
}

func TestApple(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	r := newRig(t, func(c *oidc.Config) { c.Auth = nil }, func(c oidc.Config) (*oidc.Provider, error) {
		return oidc.NewApple(oidc.AppleConfig{Config: c, TeamID: "TEAM", KeyID: "KEY", Key: key})
	})
	// The provider of the rig knows another secret, and says what Apple says.
	var secret string
	var request url.Values
	r.idp.Script(hostileidp.Token, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		must(t, req.ParseForm())
		request, secret = req.PostForm, req.PostForm.Get("client_secret")
		req.PostForm.Set("client_secret", "secret of the client")
		r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
			delete(tok.Claims, "name")
			tok.Claims["email_verified"] = "true"
		})(w, req, next)
	})
	start := r.b.Get("/auth/oidc")
	to, err := start.Location()
	must(t, err)
	if q := to.Query(); q.Get("response_mode") != "form_post" || q.Get("scope") != "openid email name" {
		t.Fatalf("asked for %v", q)
	}
	page := r.b.Get(to.String())
	form := page.Form(callbackURL)
	form.Set("user", `{"name":{"firstName":"Alice","lastName":"Liddell"},"email":"victim@example.com"}`)
	// Apple posts from its own origin, without the cookies of this one.
	posted := r.b.Post("/auth/oidc/callback", form, "Origin", "https://appleid.apple.com", "Sec-Fetch-Site", "cross-site", "Cookie", "")
	if posted.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", posted.StatusCode, posted.Body)
	}
	done := r.b.Get(posted.Header.Get("Location"))
	if done.StatusCode != http.StatusSeeOther || r.me(r.b) == "" {
		t.Fatalf("%d %s", done.StatusCode, done.Body)
	}
	if r.last.Name != "Alice Liddell" || r.last.Email != "alice@example.com" || !r.last.EmailVerified {
		t.Errorf("%+v", r.last)
	}
	if request.Get("client_id") != clientID {
		t.Errorf("client_id %q", request.Get("client_id"))
	}
	parsed, err := jwt.Parse(secret, func(tok *jwt.Token) (any, error) {
		if tok.Header["kid"] != "KEY" {
			t.Errorf("kid %v", tok.Header["kid"])
		}
		return &key.PublicKey, nil
	}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer("TEAM"), jwt.WithSubject(clientID), jwt.WithAudience(r.idp.URL),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(r.clock.Now))
	if err != nil || !parsed.Valid {
		t.Errorf("the client secret: %v", err)
	}
	t.Run("configurations that are refused", func(t *testing.T) {
		other, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		good := oidc.AppleConfig{Config: oidc.Config{ClientID: "c"}, TeamID: "T", KeyID: "K", Key: key}
		if _, err := oidc.NewApple(good); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*oidc.AppleConfig){
			"no team": func(c *oidc.AppleConfig) { c.TeamID = "" }, "no key id": func(c *oidc.AppleConfig) { c.KeyID = "" },
			"no key": func(c *oidc.AppleConfig) { c.Key = nil }, "a key on P-384": func(c *oidc.AppleConfig) { c.Key = other },
			"an Auth": func(c *oidc.AppleConfig) { c.Auth = oauth.ClientSecretPost("s") },
		} {
			cfg := good
			if change(&cfg); func() bool { _, err := oidc.NewApple(cfg); return err == nil }() {
				t.Errorf("%s is taken", name)
			}
		}
	})
}

func TestAppleName(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s, sign := newStub(t, ""), es256(t, "k")
	s.keys(sign.public())
	p, err := oidc.NewApple(oidc.AppleConfig{Config: oidc.Config{Issuer: s.URL, ClientID: clientID, Now: clock.Now}, TeamID: "T", KeyID: "K", Key: key})
	must(t, err)
	for user, want := range map[string]string{
		"":                                "",
		"nothing":                         "",
		`{"name":{"firstName":"Alice"}}`:  "Alice",
		`{"name":{"lastName":"Liddell"}}`: "Liddell",
		`{"name":"Alice"}`:                "",
		`{"name":{"firstName":7,"lastName":"Liddell"}}`:              "Liddell",
		`{"name":{"firstName":"a\u0007"}}`:                           "",
		`{"name":{"firstName":"` + strings.Repeat("a", 2000) + `"}}`: "",
		`{"name":{"firstName":"A"},"name":{"firstName":"B"}}`:        "",
	} {
		claims := idToken(s.URL, clock.Now())
		g := grantOf(sign.sign(t, nil, claims), clock.Now())
		g.Response = url.Values{"user": {user}}
		id, err := p.Identify(t.Context(), g)
		if err != nil || id.Name != want || id.Email != "" {
			t.Errorf("%.60s: %+v, %v", user, id, err)
		}
	}
	for v, want := range map[any]bool{true: true, "true": true, "false": false, false: false, "TRUE": false, 1: false} {
		claims := idToken(s.URL, clock.Now())
		maps.Copy(claims, map[string]any{"email": "alice@example.com", "email_verified": v})
		id, err := p.Identify(t.Context(), grantOf(sign.sign(t, nil, claims), clock.Now()))
		if err != nil || id.EmailVerified != want {
			t.Errorf("O15 email_verified %v of Apple: %v, %v", v, id, err)
		}
	}
}

func TestGitLab(t *testing.T) {
	p, err := oidc.NewGitLab(oidc.Config{ClientID: "c"})
	if err != nil || p.Name() != "gitlab" {
		t.Fatal(p, err)
	}
	r := newRig(t, nil, oidc.NewGitLab)
	r.good()
	if r.provider.Name() != "gitlab" {
		t.Error(r.provider.Name())
	}
}
