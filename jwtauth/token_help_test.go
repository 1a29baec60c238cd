package jwtauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/jwtauth"
)

const (
	testIssuer   = "https://id.example.com"
	testAudience = "https://api.example.com"
)

// testSecret is the HMAC secret of the tests, 32 bytes.
var testSecret = []byte("\x8a\x01\x17Zq\xf2\x90\x33\x5c\xd4\x6e\x0b\xa7\x29\xee\x48\x91\x3d\xc6\x72\x1f\xb8\x54\xe3\x0c\x99\x67\xd1\x2a\xf5\x80\x4b")

// Keys are slow to make, so all tests share some.
var (
	rsaTestKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecTestKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edTestKey  = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A signer makes the signature of a signing input.
type signer func(input string) []byte

func signHS256(secret []byte) signer {
	return func(input string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(input))
		return h.Sum(nil)
	}
}

func signES256(key *ecdsa.PrivateKey) signer {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}
}

func signRS256(key *rsa.PrivateKey) signer {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		return must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))
	}
}

func signPS256(key *rsa.PrivateKey, salt int) signer {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		return must(rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt}))
	}
}

// signUnsaltedPS256 does what crypto/rsa has no option for: EMSA-PSS (RFC 8017 §9.1.1)
// with an empty salt.
func signUnsaltedPS256(key *rsa.PrivateKey) signer {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		h := sha256.Sum256(append(make([]byte, 8), sum[:]...))
		em := make([]byte, key.Size())
		db := em[:len(em)-len(h)-1]
		db[len(db)-1] = 1
		mask := make([]byte, 0, len(db)+len(h))
		for i := byte(0); len(mask) < len(db); i++ {
			block := sha256.Sum256(append(h[:], 0, 0, 0, i))
			mask = append(mask, block[:]...)
		}
		for i := range db {
			db[i] ^= mask[i]
		}
		db[0] &= 0x7f
		copy(em[len(db):], h[:])
		em[len(em)-1] = 0xbc
		return new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N).FillBytes(make([]byte, key.Size()))
	}
}

func signEdDSA(key ed25519.PrivateKey) signer {
	return func(input string) []byte { return ed25519.Sign(key, []byte(input)) }
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge makes a token of any header and payload.
func forge(header, payload string, sign signer) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(string(sign(input)))
}

// A member is one change to the claims of a good token.
type member struct {
	name  string
	value any // absent: without it; json.RawMessage: as it is
}

type absentValue struct{}

var absent absentValue

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// claimsAt returns the payload of a token that is good at that time, with changes.
func claimsAt(now time.Time, changes ...member) string {
	m := map[string]any{
		"iss": testIssuer, "sub": "alice", "aud": testAudience, "jti": "token-1", "client_id": "web",
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "roles": []string{"customer"}, "scope": "orders:read orders:write",
	}
	for _, c := range changes {
		if c.value == absent {
			delete(m, c.name)
		} else {
			m[c.name] = c.value
		}
	}
	return string(must(json.Marshal(m)))
}

// A house is a verifier of one key, and what it takes to make tokens for it.
type house struct {
	t      testing.TB
	clock  *authtest.Clock
	keys   *jwtauth.KeySet
	config jwtauth.VerifierConfig
	v      *jwtauth.Verifier
	header string
	sign   signer
}

func header(alg, kid string) string {
	return fmt.Sprintf(`{"alg":"%s","kid":"%s","typ":"at+jwt"}`, alg, kid)
}

// newHouse makes a house of an algorithm with a shared test key of id "k1".
func newHouse(t testing.TB, alg jwtauth.Algorithm, changes ...func(*jwtauth.VerifierConfig)) *house {
	t.Helper()
	h := &house{t: t, clock: authtest.NewClock(time.Time{}), header: header(string(alg), "k1")}
	var key *jwtauth.Key
	var err error
	switch alg {
	case jwtauth.HS256:
		key, err = jwtauth.HMACKey("k1", alg, testSecret)
		h.sign = signHS256(testSecret)
	case jwtauth.RS256:
		key, err = jwtauth.SignerKey("k1", alg, rsaTestKey())
		h.sign = signRS256(rsaTestKey())
	case jwtauth.PS256:
		key, err = jwtauth.SignerKey("k1", alg, rsaTestKey())
		h.sign = signPS256(rsaTestKey(), 32)
	case jwtauth.ES256:
		key, err = jwtauth.SignerKey("k1", alg, ecTestKey())
		h.sign = signES256(ecTestKey())
	case jwtauth.EdDSA:
		key, err = jwtauth.SignerKey("k1", alg, edTestKey())
		h.sign = signEdDSA(edTestKey())
	default:
		t.Fatalf("no test key for %s", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	if h.keys, err = jwtauth.NewKeySet(key); err != nil {
		t.Fatal(err)
	}
	h.config = jwtauth.VerifierConfig{Issuer: testIssuer, Audience: testAudience, Now: h.clock.Now}
	for _, change := range changes {
		change(&h.config)
	}
	if h.v, err = jwtauth.NewVerifier(h.keys, h.config); err != nil {
		t.Fatal(err)
	}
	return h
}

// token makes a good token of the house, with changes to its claims.
func (h *house) token(changes ...member) string {
	return forge(h.header, claimsAt(h.clock.Now(), changes...), h.sign)
}

// verify returns what Verify says, and holds it to say either or.
func (h *house) verify(token string) (*jwtauth.Claims, error) {
	h.t.Helper()
	c, err := h.v.Verify(h.t.Context(), token)
	if (c == nil) == (err == nil) {
		h.t.Errorf("Verify returned %v and %v", c, err)
	}
	return c, err
}

// request returns r with Authorization headers.
func request(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	if len(values) > 0 {
		r.Header["Authorization"] = values
	}
	return r
}

// serve answers r behind auth.Require(v) with the subject of the caller.
func serve(v *jwtauth.Verifier, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprint(w, p.Subject)
	})
	auth.Require(v)(page).ServeHTTP(w, r)
	return w
}

// codeOf returns the member code of a problem.
func codeOf(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var d struct{ Code string }
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("the body is no problem: %v: %.80q", err, w.Body)
	}
	return d.Code
}
