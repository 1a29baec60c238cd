package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

func apply(t *testing.T, a oauth.ClientAuth, issuer string) *oauth.TokenRequest {
	t.Helper()
	r := &oauth.TokenRequest{URL: "https://idp.example.com/token", Issuer: issuer, ClientID: "client", Form: url.Values{}, Header: http.Header{}}
	if err := a.Authenticate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClientSecret(t *testing.T) {
	t.Run("both ways sign in", func(t *testing.T) {
		const odd = "s:e&c=r+e t%ü"
		for name, a := range map[string]oauth.ClientAuth{"basic": oauth.ClientSecretBasic(odd), "post": oauth.ClientSecretPost(odd)} {
			r := newRig(t, setup{idp: oauthtest.Config{ClientID: "the client", ClientSecret: odd}, generic: func(c *oauth.GenericConfig) { c.ClientID, c.Auth = "the client", a }})
			if resp := r.signIn(r.b); resp.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %d %s", name, resp.StatusCode, resp.Body)
			}
			req := r.idp.Requests(hostileidp.Token)[0]
			if inBody, inHeader := req.Form.Has("client_secret"), req.Header.Get("Authorization") != ""; inBody == inHeader {
				t.Errorf("%s: RFC 6749 §2.3 wants one way", name)
			}
		}
	})
	t.Run("a wrong one does not", func(t *testing.T) {
		r := newRig(t, setup{generic: func(c *oauth.GenericConfig) { c.Auth = oauth.ClientSecretPost("wrong") }})
		r.refused(r.b, r.signIn(r.b), http.StatusBadGateway, "PROVIDER_FAILED")
	})
	t.Run("an empty one is an error", func(t *testing.T) {
		for _, a := range []oauth.ClientAuth{oauth.ClientSecretBasic(""), oauth.ClientSecretPost("")} {
			if err := a.Authenticate(t.Context(), &oauth.TokenRequest{Form: url.Values{}, Header: http.Header{}}); err == nil {
				t.Error("no error")
			}
		}
	})
	t.Run("a public client names itself", func(t *testing.T) {
		r := newRig(t, setup{generic: func(c *oauth.GenericConfig) { c.Auth = nil }})
		r.signIn(r.b) // which this provider refuses
		if f := r.idp.Requests(hostileidp.Token)[0].Form; f.Get("client_id") != oauthtest.ClientID || f.Has("client_secret") || f.Get("code_verifier") == "" {
			t.Errorf("%v", f)
		}
	})
}

func TestPrivateKeyJWT(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    crypto.Signer
		alg    string
		expect string
	}{"RS256": {rsaKey, "", "RS256"}, "PS256": {rsaKey, "PS256", "PS256"}, "ES256": {ecKey, "", "ES256"}, "EdDSA": {edKey, "", "EdDSA"}} {
		t.Run(name+" signs in", func(t *testing.T) {
			a, err := oauth.PrivateKeyJWT(oauth.PrivateKeyConfig{Key: c.key, KeyID: "k1", Algorithm: c.alg})
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, setup{idp: oauthtest.Config{ClientKey: c.key.Public()}, generic: func(g *oauth.GenericConfig) { g.Auth = a }})
			r.want(r.signIn(r.b), http.StatusSeeOther, "")
			f := r.idp.Requests(hostileidp.Token)[0].Form
			tok, _, err := jwt.NewParser().ParseUnverified(f.Get("client_assertion"), jwt.MapClaims{})
			if err != nil || tok.Header["alg"] != c.expect || tok.Header["kid"] != "k1" || f.Has("client_secret") {
				t.Errorf("%v, %v", tok, err)
			}
		})
	}
	t.Run("RFC 7523 §3 what an assertion says", func(t *testing.T) {
		at := time.Unix(1_800_000_000, 0)
		a, err := oauth.PrivateKeyJWT(oauth.PrivateKeyConfig{Key: ecKey, Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		read := func(issuer string) jwt.MapClaims {
			claims := jwt.MapClaims{}
			r := apply(t, a, issuer)
			if _, err := jwt.ParseWithClaims(r.Form.Get("client_assertion"), claims, func(*jwt.Token) (any, error) { return ecKey.Public(), nil },
				jwt.WithTimeFunc(func() time.Time { return at })); err != nil {
				t.Fatal(err)
			}
			return claims
		}
		one, two := read("https://idp.example.com"), read("")
		if one["iss"] != "client" || one["sub"] != "client" || one["aud"] != "https://idp.example.com" || two["aud"] != "https://idp.example.com/token" ||
			one["exp"].(float64)-one["iat"].(float64) != 60 || one["jti"] == two["jti"] {
			t.Errorf("%v and %v", one, two)
		}
	})
	weak := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}}
	for name, c := range map[string]oauth.PrivateKeyConfig{
		"no key": {}, "a weak key": {Key: weak}, "a public key": {Key: ecKey.Public()}, "a secret": {Key: []byte("secret")}, "a nil key": {Key: (*rsa.PrivateKey)(nil)},
		"another algorithm": {Key: ecKey, Algorithm: "RS256"}, "none": {Key: rsaKey, Algorithm: "none"}, "HS256": {Key: rsaKey, Algorithm: "HS256"},
		"an empty Ed25519 key": {Key: ed25519.PrivateKey{}},
	} {
		if _, err := oauth.PrivateKeyJWT(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
