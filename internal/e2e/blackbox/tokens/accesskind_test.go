package tokens_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func otherKinds(t *testing.T, f *forge) {
	corpus.Case(t, "J19", "tokens of other kinds as access tokens: other typ under the true key, a refresh token, a reset token, a session cookie, an API key, a cookie of a known device", "401", func(t *testing.T) {
		for _, typ := range []string{`"JWT"`, `"id+jwt"`, `"logout+jwt"`, `"dpop+jwt"`, `"secevent+jwt"`, `"refresh"`, `""`, "null", `["at+jwt"]`, `"at+jwt "`, `"at+jwt\u0000"`, `"text/at+jwt"`, `"application/application/at+jwt"`} {
			f.refused(t, "typ "+typ, f.sign(`{"alg":"EdDSA","kid":"1","typ":`+typ+`}`, f.payload(nil)))
		}
		f.refused(t, "no typ", f.sign(`{"alg":"EdDSA","kid":"1"}`, f.payload(nil)))

		c := f.stranger()
		a := c.Want(t, c.Call(t, "POST", signIn, running.Credentials(alice, password)), 200)
		f.refused(t, "refresh token", a.Cookie("refresh").Value)
		f.refused(t, "device cookie", a.Cookie("known-device").Value)
		c.Want(t, c.Call(t, "POST", revoke, nil), 204)
		browser, cookie := f.session(t, alice)
		f.refused(t, "session cookie", cookie)
		key := browser.Want(t, browser.Call(t, "POST", "/api/v1/api-keys", map[string]any{"name": "a", "scopes": []string{"orders:read"}}), 201)
		f.refused(t, "API key", key.String("key"))
		browser.Want(t, browser.Call(t, "DELETE", "/api/v1/api-keys/"+key.String("id"), nil), 204)
		browser.Want(t, browser.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": alice}), 202)
		f.refused(t, "reset token", f.Token(t, alice, "password"))
		browser.Want(t, browser.Call(t, "POST", logout, nil), 204)
		f.exec(t, "DELETE FROM auth_user_tokens")
		f.exec(t, "DELETE FROM auth_api_keys")
	})

	corpus.Case(t, "J20", "a token for another service of the same issuer, and one of another issuer for this service, both under the true key", "401", func(t *testing.T) {
		f.refused(t, "for another service", f.claim("aud", text("https://other.example")))
		f.refused(t, "of another issuer", f.claim("iss", text("https://other.example")))
	})

	corpus.Case(t, "J28", "a sign-in and a refresh that bring claims along: iss, exp, sub, roles, scope", "400 or a token without them", func(t *testing.T) {
		c := f.stranger()
		for _, more := range []string{`"roles":["admin"]`, `"sub":"admin"`, `"exp":4102444800`, `"iss":"other"`, `"scope":"users:write"`, `"claims":{"roles":["admin"]}`} {
			a := c.Call(t, "POST", signIn, `{"email":"`+alice+`","password":"`+password+`",`+more+`}`)
			problem(t, a, 400, "BODY_INVALID")
		}
		c.Want(t, c.Call(t, "POST", signIn, running.Credentials(alice, password)), 200)
		a := c.Want(t, c.Call(t, "POST", refresh, `{"roles":["admin"],"scope":"users:write","sub":"admin","exp":4102444800,"iss":"other"}`), 200)
		payload, err := b64.DecodeString(strings.Split(a.String("access_token"), ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		life := claims["exp"].(float64) - claims["iat"].(float64)
		if claims["iss"] != f.Base || claims["scope"] != nil || life <= 0 || life > 900 || strings.Contains(string(payload), "admin") {
			t.Errorf("the token is %s", payload)
		}
		c.Want(t, c.Call(t, "POST", revoke, nil), 204)
	})
}

// TestKeyChange is about tokens of keys that are not, or not yet, those of a server.
func TestKeyChange(t *testing.T) {
	t.Parallel()
	corpus.Case(t, "J24", "a server is started with the next signing key under the same id, beside one with the old: each is shown the other's tokens", "401", func(t *testing.T) {
		b := running.On(t, "SQLite", nil)
		old := newForge(t, open(t, b, running.Options{}))
		file := filepath.Join(t.TempDir(), "next.json")
		nextSecrets(t, b, file)
		next := &forge{site: open(t, b, running.Options{Args: []string{"-secrets", file}})}
		next.h1 = next.Client()
		next.h2 = next.h1.HTTP2()
		_, token := next.TokenFor(t, alice, password)

		next.accepted(t, token)
		next.refused(t, "of the retired key", old.genuine)
		old.accepted(t, old.genuine)
		old.refused(t, "of a key that is not active yet", token)
	})
}

// nextSecrets writes the secrets of b with another signing key.
func nextSecrets(t *testing.T, b *running.Backend, file string) {
	t.Helper()
	text, err := os.ReadFile(b.SecretsFile())
	if err != nil {
		t.Fatal(err)
	}
	var secrets map[string]string
	if err := json.Unmarshal(text, &secrets); err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secrets["signing"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if text, err = json.Marshal(secrets); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
