package oidc_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
)

// TestIDTokens sends every ID token of the corpus through a whole sign-in.
func TestIDTokens(t *testing.T) {
	r := newRig(t, nil, nil)
	for _, c := range r.idp.IDTokenCases() {
		t.Run(c.Name, func(t *testing.T) {
			r.t = t
			r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(c.Change))
			if c.OK {
				r.good()
				return
			}
			// One that is empty does not get so far.
			code := "IDENTITY_INVALID"
			if strings.Contains(c.Name, "a newline") {
				code = "PROVIDER_FAILED" // refused as a member of the token response
			}
			r.refused(code)
		})
	}
	t.Run("OID-01 no ID token at all", func(t *testing.T) {
		r.t = t
		r.idp.Script(hostileidp.Token, hostileidp.Change(func(o map[string]any) { o["id_token"] = nil }))
		r.refused("IDENTITY_INVALID")
	})
}

// A change is what a case does to a good ID token and its grant.
type change struct {
	header, claims map[string]any // a value of nil takes a claim out
	cfg            func(*oidc.Config)
	grant          func(*oauth.Grant)
}

const ago = -time.Second

// TestIDTokenClaims is for what the corpus cannot: the edges of times, and what a
// configuration asks for.
func TestIDTokenClaims(t *testing.T) {
	s, key := newStub(t, ""), es256(t, "k")
	s.keys(key.public())
	clock := authtest.NewClock(time.Now())
	now := clock.Now()
	unix := func(d time.Duration) int64 { return now.Add(d).Unix() }
	claim := func(name string, v any) change { return change{claims: map[string]any{name: v}} }
	const leeway = oidc.DefaultLeeway
	maxAge := func(c change, d time.Duration) change {
		c.grant = func(g *oauth.Grant) { g.MaxAge = d }
		return c
	}
	acr := func(c change) change {
		c.cfg = func(cfg *oidc.Config) { cfg.ACR = []string{"gold", "silver"} }
		return c
	}
	known := func(c change) change {
		c.cfg = func(cfg *oidc.Config) { cfg.Audiences = []string{"api"} }
		return c
	}
	two := []string{clientID, "api"}
	tests := []struct {
		name string
		change
		ok bool
	}{
		{"OID-03 exp within the leeway", claim("exp", unix(-leeway+time.Second)), true},
		{"OID-03 exp at the end of the leeway", claim("exp", unix(-leeway+ago)), false},
		{"OID-03 exp with a fraction", claim("exp", float64(unix(time.Minute))+0.5), true},
		{"OID-03 exp null", change{claims: map[string]any{"exp": jsonNull{}}}, false},
		{"OID-03 exp 0", claim("exp", 0), false},
		{"OID-03 exp beyond all dates", claim("exp", 1e300), false},
		{"OID-03 exp is a list", claim("exp", []int64{unix(time.Minute)}), false},
		{"F18 iat within the leeway", claim("iat", unix(leeway-time.Second)), true},
		{"F18 iat beyond the leeway", claim("iat", unix(leeway+2*time.Second)), false},
		{"OID-03 iat of before this attempt, as Microsoft dates back", claim("iat", unix(-5*time.Minute)), true},
		{"OID-03 iat too old", claim("iat", unix(-11*time.Minute-time.Second)), false},
		{"OID-03 nbf within the leeway", claim("nbf", unix(leeway-time.Second)), true},
		{"OID-03 nbf beyond the leeway", claim("nbf", unix(leeway+2*time.Second)), false},
		{"OID-03 nbf is text", claim("nbf", "0"), false},
		{"OID-03 sub of 255 bytes", claim("sub", strings.Repeat("s", 255)), true},
		{"OID-03 sub with a NUL", claim("sub", "a\x00b"), false},
		{"OID-03 only a claim SUB", change{claims: map[string]any{"sub": nil, "SUB": "alice-7"}}, false},
		{"OID-02 aud of numbers", claim("aud", []any{1}), false},
		{"OID-02 aud is an object", claim("aud", map[string]any{clientID: true}), false},
		{"OID-02 a known audience and azp", known(change{claims: map[string]any{"aud": two, "azp": clientID}}), true},
		{"OID-02 a known audience without azp", known(claim("aud", two)), false},
		{"OID-02 a known audience and azp of another", known(change{claims: map[string]any{"aud": two, "azp": "api"}}), false},
		{"OID-02 this client in no aud", known(change{claims: map[string]any{"aud": "api", "azp": clientID}}), false},
		{"OID-02 azp is empty", claim("azp", ""), false},
		{"OID-02 azp is a list", claim("azp", []string{clientID}), false},
		{"OAU-03 the nonce of another attempt", change{grant: func(g *oauth.Grant) { g.Nonce = "n-2" }}, false},
		{"OAU-03 no nonce was asked for", change{claims: map[string]any{"nonce": ""}, grant: func(g *oauth.Grant) { g.Nonce = "" }}, false},
		{"OAU-03 the nonce is a list", claim("nonce", []string{"n-1"}), false},
		{"OID-06 at_hash is a number", claim("at_hash", 1), false},
		{"OID-06 at_hash is empty", claim("at_hash", ""), false},
		{"OID-06 at_hash of all of the hash", claim("at_hash", hashOf(sha256.New, "access", 32)), false},
		{"OID-04 max_age, proved just now", maxAge(claim("auth_time", unix(0)), time.Minute), true},
		{"OID-04 max_age, proved before the attempt and within it", maxAge(claim("auth_time", unix(-2*time.Minute)), time.Minute), true},
		{"OID-04 max_age, proved too long ago", maxAge(claim("auth_time", unix(-2*time.Minute-leeway+ago)), time.Minute), false},
		{"OID-04 max_age without auth_time", maxAge(change{}, time.Minute), false},
		{"OID-04 auth_time in the future", claim("auth_time", unix(leeway+2*time.Second)), false},
		{"OID-04 auth_time is text", claim("auth_time", "now"), false},
		{"OID-04 an acr that was asked for", acr(claim("acr", "silver")), true},
		{"OID-04 another acr", acr(claim("acr", "bronze")), false},
		{"OID-04 no acr", acr(change{}), false},
		{"OID-04 acr is a list", acr(claim("acr", []string{"gold"})), false},
		{"OID-04 amr is text, which is none", claim("amr", "pwd"), true},
		{"OID-09 typ in another spelling", change{header: map[string]any{"typ": "application/AT+JWT"}}, false},
		{"OID-09 typ jwt in lower case", change{header: map[string]any{"typ": "application/jwt"}}, true},
		{"OID-09 typ is a number", change{header: map[string]any{"typ": 1}}, false},
		{"OID-03 null where nothing has to be", change{claims: map[string]any{"nbf": jsonNull{}, "auth_time": jsonNull{}, "acr": jsonNull{}, "amr": jsonNull{}, "sid": jsonNull{}}}, true},
		{"OID-02 azp is null", claim("azp", jsonNull{}), false},
		{"OID-04 max_age and auth_time is null", maxAge(claim("auth_time", jsonNull{}), time.Minute), false},
		{"OID-04 an acr was asked for and it is null", acr(claim("acr", jsonNull{})), false},
		{"OAU-03 the nonce is null", claim("nonce", jsonNull{}), false},
		{"OID-06 at_hash is null", claim("at_hash", jsonNull{}), false},
		{"OID-03 sub is null", claim("sub", jsonNull{}), false},
		{"OID-09 events is null", change{claims: map[string]any{"events": jsonNull{}}}, false},
		{"OID-01 b64 without crit", change{header: map[string]any{"b64": false}}, false},
		{"OID-01 kid is a number", change{header: map[string]any{"kid": 7}}, false},
		{"OID-01 kid is empty", change{header: map[string]any{"kid": ""}}, false},
		{"OID-01 a huge header", change{header: map[string]any{"x": strings.Repeat("x", 5000)}}, false},
		{"OID-01 an algorithm that the configuration does not know", change{cfg: func(c *oidc.Config) { c.Algorithms = []string{"RS256", "ES384"} }}, false},
		{"OID-01 an algorithm that it does", change{cfg: func(c *oidc.Config) { c.Algorithms = []string{"RS256", "ES256"} }}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := idToken(s.URL, now)
			for name, v := range tt.claims {
				if claims[name] = v; v == nil {
					delete(claims, name)
				}
			}
			g := grantOf(key.sign(t, tt.header, claims), now)
			if tt.grant != nil {
				tt.grant(g)
			}
			id, err := at(t, s, "", clock, tt.cfg).Identify(t.Context(), g)
			if tt.ok && (err != nil || id.Subject != claims["sub"] || id.Issuer != s.URL || id.Methods != nil) {
				t.Fatalf("%+v, %v", id, err)
			}
			if !tt.ok && (!errors.Is(err, oauth.ErrIdentity) || id != nil) {
				t.Fatalf("%+v, %v; want ErrIdentity", id, err)
			}
		})
	}
}

// jsonNull is null in a place where nil means absent.
type jsonNull struct{}

func (jsonNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func hashOf(h func() hash.Hash, s string, n int) string {
	sum := h()
	sum.Write([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:n])
}

// TestAlgorithms signs with every algorithm, with the at_hash of each.
func TestAlgorithms(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	hashes := map[string]func() hash.Hash{"256": sha256.New, "384": sha512.New384, "512": sha512.New, "DSA": sha512.New}
	clock := authtest.NewClock(time.Now())
	for _, key := range []signer{
		{jwt.SigningMethodRS256, rsaKey(), "k"}, {jwt.SigningMethodRS384, rsaKey(), "k"}, {jwt.SigningMethodRS512, rsaKey(), "k"},
		{jwt.SigningMethodPS256, rsaKey(), "k"}, {jwt.SigningMethodPS384, rsaKey(), "k"}, {jwt.SigningMethodPS512, rsaKey(), "k"},
		es256(t, "k"), ecSigner(t, "k", elliptic.P384(), jwt.SigningMethodES384), ecSigner(t, "k", elliptic.P521(), jwt.SigningMethodES512),
		{jwt.SigningMethodEdDSA, edKey, "k"},
	} {
		alg := key.method.Alg()
		t.Run("OID-01 OID-06 "+alg, func(t *testing.T) {
			s := newStub(t, "")
			s.keys(key.public())
			p := at(t, s, "", clock, nil)
			claims := idToken(s.URL, clock.Now())
			newHash := hashes[alg[2:]]
			claims["at_hash"] = hashOf(newHash, "access", newHash().Size()/2)
			if _, err := p.Identify(t.Context(), grantOf(key.sign(t, nil, claims), clock.Now())); err != nil {
				t.Fatal(err)
			}
			claims["at_hash"] = hashOf(newHash, "another", newHash().Size()/2)
			if _, err := p.Identify(t.Context(), grantOf(key.sign(t, nil, claims), clock.Now())); !errors.Is(err, oauth.ErrIdentity) {
				t.Fatalf("the at_hash of another token: %v", err)
			}
		})
	}
	t.Run("OID-01 a header that names another algorithm for the same RSA key", func(t *testing.T) {
		s := newStub(t, "")
		s.keys(signer{jwt.SigningMethodRS256, rsaKey(), "k"}.public())
		raw := signer{jwt.SigningMethodPS256, rsaKey(), "k"}.sign(t, nil, idToken(s.URL, clock.Now()))
		if _, err := at(t, s, "", clock, nil).Identify(t.Context(), grantOf(raw, clock.Now())); !errors.Is(err, oauth.ErrIdentity) {
			t.Fatal(err)
		}
	})
	t.Run("OID-01 HMAC with the RSA key as text", func(t *testing.T) {
		s := newStub(t, "")
		public := signer{jwt.SigningMethodRS256, rsaKey(), "k"}.public()
		s.keys(public)
		raw := signer{jwt.SigningMethodHS256, []byte(public["n"].(string)), "k"}.sign(t, nil, idToken(s.URL, clock.Now()))
		if _, err := at(t, s, "", clock, nil).Identify(t.Context(), grantOf(raw, clock.Now())); !errors.Is(err, oauth.ErrIdentity) {
			t.Fatal(err)
		}
	})
}

// TestTokenForms changes nothing of what a token says and all of how it is written.
func TestTokenForms(t *testing.T) {
	s, key := newStub(t, ""), es256(t, "k")
	s.keys(key.public())
	clock := authtest.NewClock(time.Now())
	p := at(t, s, "", clock, nil)
	raw := key.sign(t, nil, idToken(s.URL, clock.Now()))
	part := strings.Split(raw, ".")
	for name, text := range map[string]string{
		"two parts":              part[0] + "." + part[1],
		"four parts":             raw + ".x",
		"five parts":             "a.b." + raw,
		"padding":                part[0] + "." + part[1] + "." + part[2] + "=",
		"a line break":           part[0] + "\n." + part[1] + "." + part[2],
		"a line break inside":    part[0] + "." + part[1][:4] + "\r\n" + part[1][4:] + "." + part[2],
		"bits that are left":     part[0] + "." + part[1] + "." + part[2][:len(part[2])-1] + flip(part[2][len(part[2])-1]),
		"an empty signature":     part[0] + "." + part[1] + ".",
		"a payload of null":      key.signText(t, "null"),
		"a payload of a list":    key.signText(t, "[]"),
		"a payload cut off":      key.signText(t, `{"iss":"`),
		"JSON serialization":     `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"a space at the end":     raw + " ",
		"more than 16 KiB":       strings.Repeat("A", 17<<10),
		"a header that is a JWT": raw + raw,
	} {
		t.Run("O03 "+name, func(t *testing.T) {
			if _, err := p.Identify(t.Context(), grantOf(text, clock.Now())); !errors.Is(err, oauth.ErrIdentity) {
				t.Fatal(err)
			}
		})
	}
	if _, err := p.Identify(t.Context(), grantOf(raw, clock.Now())); err != nil {
		t.Fatal(err)
	}
}

// signText signs a payload that is not made of claims.
func (s signer) signText(t testing.TB, payload string) string {
	t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+s.method.Alg()+`","kid":"`+s.kid+`"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(payload))
	sig, err := s.method.Sign(input, s.key)
	must(t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// flip returns another character of base64url that decodes to the same four bits.
func flip(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, c)^1])
}
