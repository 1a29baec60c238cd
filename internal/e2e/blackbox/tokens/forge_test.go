package tokens_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

var b64 = base64.RawURLEncoding

// A forge makes access tokens with the service's own key: what is refused of it is
// refused for what it says, not for a bad signature.
type forge struct {
	*site
	key     ed25519.PrivateKey
	genuine string          // a token of the server
	claims  map[string]raw  // of the genuine one
	h1, h2  *running.Client // without cookies
}

type raw = json.RawMessage

// newForge takes a token of alice as the model.
func newForge(t *testing.T, s *site) *forge {
	t.Helper()
	s.user(t, alice)
	_, token := s.TokenFor(t, alice, password)
	f := &forge{site: s, genuine: token, key: signingKey(t, s.backend), h1: s.Client()}
	f.h2 = f.h1.HTTP2()
	payload, err := b64.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &f.claims); err != nil {
		t.Fatal(err)
	}
	s.watch("access token", token)
	return f
}

// signingKey reads the key of access tokens from the secrets of the service.
func signingKey(t *testing.T, b *running.Backend) ed25519.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(b.SecretsFile())
	if err != nil {
		t.Fatal(err)
	}
	var secrets struct{ Signing string }
	if err := json.Unmarshal(text, &secrets); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(secrets.Signing))
	if block == nil {
		t.Fatal("the signing key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(ed25519.PrivateKey)
}

const goodHeader = `{"alg":"EdDSA","kid":"1","typ":"at+jwt"}`

// sign signs any two texts.
func (f *forge) sign(header, payload string) string {
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	return input + "." + b64.EncodeToString(ed25519.Sign(f.key, []byte(input)))
}

// payload is that of a good token of now with other claims, "" for one without.
func (f *forge) payload(changes map[string]string) string {
	claims := maps.Clone(f.claims)
	now := time.Now().Unix()
	claims["iat"], claims["exp"] = raw(fmt.Sprint(now)), raw(fmt.Sprint(now+600))
	delete(claims, "iat_ms")
	for name, value := range changes {
		if value == "" {
			delete(claims, name)
			continue
		}
		claims[name] = raw(value)
	}
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(claims)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, claims[name])
	}
	return "{" + b.String() + "}"
}

// token returns a token with other claims.
func (f *forge) token(changes map[string]string) string {
	return f.sign(goodHeader, f.payload(changes))
}

// claim is a token of which one claim is another.
func (f *forge) claim(name, value string) string { return f.token(map[string]string{name: value}) }

// plus is a token with further members behind the good ones, as they stand.
func (f *forge) plus(members string) string {
	return f.sign(goodHeader, strings.TrimSuffix(f.payload(nil), "}")+","+members+"}")
}

// text returns s as JSON.
func text(s string) string {
	b, _ := json.Marshal(s) // a string has no error
	return string(b)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// accepted ends the test unless the token is good, over both protocols. It is what
// tells an attack that is refused from a rig that is broken.
func (f *forge) accepted(t *testing.T, token string) {
	t.Helper()
	for _, c := range []*running.Client{f.h1, f.h2} {
		if a := c.Send(t, "GET", profile, bearer(token), nil); a.StatusCode != 200 || a.String("data", "email") != alice {
			t.Fatalf("%s: %d %s", a.Proto, a.StatusCode, a.Text)
		}
	}
}

// refused fails the test unless the token is a 401 that calls it invalid, over both
// protocols.
func (f *forge) refused(t *testing.T, name, token string, codes ...string) {
	t.Helper()
	if len(codes) == 0 {
		codes = []string{"TOKEN_INVALID"}
	}
	f.watch("forged token", token)
	for _, c := range []*running.Client{f.h1, f.h2} {
		a := c.Send(t, "GET", profile, bearer(token), nil)
		if a.StatusCode != 401 || !slices.Contains(codes, a.Code()) {
			t.Errorf("%s, %s: %d %s", name, a.Proto, a.StatusCode, a.Text)
			continue
		}
		if challenge := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("%s: the challenge is %q", name, challenge)
		}
		problem(t, a, 401)
	}
}

// tooLarge fails the test if a request that is larger than the server reads does
// anything but end: a status of 4xx, or a connection that is closed on it.
func (f *forge) tooLarge(t *testing.T, name, authorization string) {
	t.Helper()
	for _, c := range []*running.Client{f.h1, f.h2} {
		a, err := c.Try(t, "GET", profile, http.Header{"Authorization": {authorization}}, nil)
		if err == nil && (a.StatusCode < 400 || a.StatusCode > 499) {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	f.accepted(t, f.genuine) // it serves on
}
