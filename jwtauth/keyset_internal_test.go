package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/internal/testkit"
)

var rsa2048 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// testKey makes a key, fast.
func testKey(t testing.TB, id string, alg Algorithm) *Key {
	t.Helper()
	var k *Key
	var err error
	if algorithms[alg].kind == typeRSA {
		private, err := rsa2048()
		if err != nil {
			t.Fatal(err)
		}
		if k, err = SignerKey(id, alg, private); err != nil {
			t.Fatal(err)
		}
		return k
	}
	if k, err = GenerateKey(id, alg); err != nil {
		t.Fatal(err)
	}
	return k
}

func testSet(t testing.TB, signing *Key, verify ...*Key) *KeySet {
	t.Helper()
	s, err := NewKeySet(signing, verify...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var testNow = time.Date(2026, time.January, 2, 15, 4, 5, 0, time.UTC)

func testClaims(now time.Time, id string) *Claims {
	return &Claims{Issuer: "https://id.example.com", Subject: "alice", Audience: []string{"api"}, ID: id, IssuedAt: now, ExpiresAt: now.Add(5 * time.Minute)}
}

// issue signs testClaims with the set.
func issue(t testing.TB, s *KeySet, now time.Time, id string) string {
	t.Helper()
	payload, err := testClaims(now, id).encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.sign(DefaultType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func testVerifier(t testing.TB, keys KeySource, now func() time.Time, changes ...func(*VerifierConfig)) *Verifier {
	t.Helper()
	cfg := VerifierConfig{Issuer: "https://id.example.com", Audience: "api", Now: now}
	for _, change := range changes {
		change(&cfg)
	}
	v, err := NewVerifier(keys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func fixed(now time.Time) func() time.Time { return func() time.Time { return now } }

func TestKeyRoundTrip(t *testing.T) {
	for alg := range algorithms {
		t.Run("JWT-22 JWT-01 "+string(alg), func(t *testing.T) {
			k := testKey(t, "k1", alg)
			set := testSet(t, k)
			token := issue(t, set, testNow, "t1")
			if _, err := testVerifier(t, set, fixed(testNow)).Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
			// golang-jwt takes our tokens, and we take its.
			var key any = k.public
			if k.mac != nil {
				key = k.mac.secret
			}
			parsed, err := jwt.ParseWithClaims(token, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return key, nil },
				jwt.WithValidMethods([]string{string(alg)}), jwt.WithTimeFunc(fixed(testNow)), jwt.WithIssuer("https://id.example.com"), jwt.WithAudience("api"), jwt.WithStrictDecoding())
			if err != nil || !parsed.Valid || parsed.Header["typ"] != DefaultType || parsed.Header["kid"] != "k1" {
				t.Errorf("golang-jwt: %+v, %v", parsed, err)
			}
			theirs := jwt.NewWithClaims(jwt.GetSigningMethod(string(alg)), jwt.MapClaims{"iss": "https://id.example.com", "sub": "alice", "aud": []string{"api"}, "jti": "t2", "iat": testNow.Unix(), "exp": testNow.Add(time.Minute).Unix()})
			theirs.Header["typ"], theirs.Header["kid"] = DefaultType, "k1"
			var private any = k.signer
			if k.mac != nil {
				private = k.mac.secret
			}
			token, err = theirs.SignedString(private)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := testVerifier(t, set, fixed(testNow)).Verify(t.Context(), token); err != nil || c.ID != "t2" {
				t.Errorf("from golang-jwt: %+v, %v", c, err)
			}
		})
	}
}

// A kms signs as a key management service does: it is nothing but a crypto.Signer.
type kms struct {
	crypto.Signer
	change func([]byte, error) ([]byte, error)
}

func (k kms) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	b, err := k.Signer.Sign(r, digest, opts)
	if k.change != nil {
		return k.change(b, err)
	}
	return b, err
}

func TestKMS(t *testing.T) {
	for _, alg := range []Algorithm{ES256, ES384, ES512, RS256, RS512, PS256, PS384, EdDSA} {
		inner := testKey(t, "k1", alg).signer
		sign := func(change func([]byte, error) ([]byte, error)) (*KeySet, string, error) {
			k, err := SignerKey("k1", alg, kms{inner, change})
			if err != nil {
				t.Fatal(err)
			}
			set := testSet(t, k)
			payload, err := testClaims(testNow, "t1").encode(nil)
			if err != nil {
				t.Fatal(err)
			}
			token, err := set.sign(DefaultType, payload)
			return set, token, err
		}
		t.Run("a key management service signs "+string(alg), func(t *testing.T) {
			set, token, err := sign(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := testVerifier(t, set, fixed(testNow)).Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
		t.Run("JWT-22 a service that signs with something else yields no token: "+string(alg), func(t *testing.T) {
			for name, change := range map[string]func([]byte, error) ([]byte, error){
				"an error":      func([]byte, error) ([]byte, error) { return nil, errors.New("throttled") },
				"nothing":       func([]byte, error) ([]byte, error) { return nil, nil },
				"a changed bit": func(b []byte, err error) ([]byte, error) { b[len(b)-1] ^= 1; return b, err },
				"one byte more": func(b []byte, err error) ([]byte, error) { return append(b, 0), err },
				"zeros":         func(b []byte, err error) ([]byte, error) { return make([]byte, len(b)), err },
				"r=s=0":         func([]byte, error) ([]byte, error) { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0}, nil },
				"a negative r":  func([]byte, error) ([]byte, error) { return []byte{0x30, 6, 2, 1, 0xff, 2, 1, 1}, nil },
			} {
				if _, token, err := sign(change); err == nil || token != "" {
					t.Errorf("%s: %q", name, token)
				}
			}
		})
	}
}

func TestKeySetRules(t *testing.T) {
	es, rs, hs := testKey(t, "es", ES256), testKey(t, "rs", RS256), testKey(t, "hs", HS256)
	public, err := PublicKey("pub", ES256, es.public)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		signing *Key
		verify  []*Key
	}{
		{"JWT-03 HMAC beside asymmetric", hs, []*Key{es}},
		{"JWT-03 asymmetric beside HMAC", es, []*Key{rs, hs}},
		{"JWT-03 HMAC to verify only", nil, []*Key{es, hs}},
		{"no key", nil, nil},
		{"two of one id", es, []*Key{testKey(t, "es", ES256)}},
		{"the same key twice", es, []*Key{es}},
		{"a public key to sign with", public, nil},
		{"nil among them", es, []*Key{nil}},
		{"a key of nobody", es, []*Key{new(Key)}},
		{"a window on the signing key", es.Between(testNow, time.Time{}), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if s, err := NewKeySet(tc.signing, tc.verify...); s != nil || !errors.Is(err, ErrKey) {
				t.Errorf("got %v, %v", s, err)
			}
			good := testSet(t, es, rs)
			if err := good.Replace(tc.signing, tc.verify...); !errors.Is(err, ErrKey) || good.Signing() != es || len(good.Keys()) != 2 {
				t.Errorf("JWT-18 after a Replace that failed: %v, %v", err, good.Keys())
			}
		})
	}
	t.Run("more than 100 keys", func(t *testing.T) {
		keys := make([]*Key, 101)
		for i := range keys {
			keys[i] = testKey(t, fmt.Sprint("k", i), EdDSA)
		}
		if _, err := NewKeySet(nil, keys...); !errors.Is(err, ErrKey) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a set that only verifies does not sign", func(t *testing.T) {
		if _, err := testSet(t, nil, es).sign(DefaultType, []byte("{}")); !errors.Is(err, ErrNoSigningKey) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a typ that would change the header", func(t *testing.T) {
		if _, err := testSet(t, es).sign(`x","alg":"none`, []byte("{}")); err == nil {
			t.Error("signed")
		}
	})
	t.Run("JWT-18 the signing key cannot be retired, others can", func(t *testing.T) {
		s := testSet(t, es, rs)
		if err := s.Retire("es"); !errors.Is(err, ErrKey) {
			t.Errorf("got %v", err)
		}
		if err := errors.Join(s.Retire("rs"), s.Retire("rs"), s.Retire("unknown")); err != nil || len(s.Keys()) != 1 {
			t.Errorf("got %v, %v", err, s.Keys())
		}
	})
	t.Run("JWT-18 rotating to another key of a published id is refused", func(t *testing.T) {
		s := testSet(t, es, rs)
		if err := s.Rotate(testKey(t, "rs", ES256), testNow, time.Hour); !errors.Is(err, ErrKey) || s.Signing() != es {
			t.Errorf("got %v", err)
		}
		if err := s.Rotate(nil, testNow, time.Hour); !errors.Is(err, ErrKey) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("JWT-18 retired keys whose time is over are taken out by the next rotation", func(t *testing.T) {
		s := testSet(t, testKey(t, "k0", EdDSA))
		now := testNow
		for i := range 300 {
			now = now.Add(time.Hour)
			if err := s.Rotate(testKey(t, fmt.Sprint("k", i+1), EdDSA), now, 90*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(s.Keys()); n > 3 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestZeroKeySet(t *testing.T) {
	s := new(KeySet)
	if s.Signing() != nil || len(s.Keys()) != 0 {
		t.Error("it has keys")
	}
	if _, err := NewIssuer(s, nil, IssuerConfig{Issuer: "i", Audience: []string{"a"}, RefreshKeys: [][]byte{[]byte("0123456789abcdef0123456789abcdef")}, SkipCurrent: true}); !errors.Is(err, ErrNoSigningKey) {
		t.Errorf("NewIssuer: %v", err)
	}
	key := testKey(t, "a", ES256)
	token := issue(t, testSet(t, key), testNow, "t")
	v := testVerifier(t, s, fixed(testNow))
	expect(t, v, token, ErrInvalid)
	if err := s.Retire("a"); err == nil {
		t.Error("a set without a key is accepted")
	}
	if err := s.Add(key); err != nil {
		t.Fatal(err)
	}
	expect(t, v, token, nil)
}

func TestRotation(t *testing.T) {
	t.Run("J24 keys before and after their time", func(t *testing.T) {
		clock := testNow
		now := func() time.Time { return clock }
		a, b := testKey(t, "a", ES256), testKey(t, "b", ES256)
		s := testSet(t, a, b.Between(testNow.Add(time.Hour), time.Time{}))
		v := testVerifier(t, s, now)
		other := testSet(t, b)
		check := func(name, token string, want error) {
			t.Helper()
			for range 2 {
				if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) || want == nil && err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		check("J24 not yet active", issue(t, other, clock, "1"), ErrInvalid)
		clock = testNow.Add(time.Hour)
		check("active now", issue(t, other, clock, "2"), nil)
		old := issue(t, s, clock, "3")
		check("signed before the rotation", old, nil)
		if err := s.Rotate(b, clock, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		check("within the overlap", old, nil)
		check("of the new key", issue(t, s, clock, "4"), nil)
		clock = clock.Add(2 * time.Minute)
		check("J24 JWT-18 overlap over, also from the cache", old, ErrInvalid)
		if err := s.Rotate(testKey(t, "c", ES256), clock, 0); err != nil {
			t.Fatal(err)
		}
		check("J24 JWT-18 retired at once, also from the cache", issue(t, other, clock, "2"), ErrInvalid)
	})
	t.Run("JWT-18 a retired key takes effect at once in all verifiers, also on cached tokens", func(t *testing.T) {
		a, b := testKey(t, "a", EdDSA), testKey(t, "b", EdDSA)
		s := testSet(t, a, b)
		token := issue(t, testSet(t, b), testNow, "t")
		verifiers := make([]*Verifier, 3)
		for i := range verifiers {
			verifiers[i] = testVerifier(t, s, fixed(testNow))
			for range 2 {
				if _, err := verifiers[i].Verify(t.Context(), token); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Retire("b"); err != nil {
			t.Fatal(err)
		}
		for _, v := range verifiers {
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
		}
		if err := s.Add(b); err != nil {
			t.Fatal(err)
		}
		if _, err := verifiers[0].Verify(t.Context(), token); err != nil {
			t.Errorf("published again: %v", err)
		}
	})
	t.Run("JWT-18 an id used again for another key: tokens of the old one are gone", func(t *testing.T) {
		s := testSet(t, testKey(t, "a", ES256))
		v := testVerifier(t, s, fixed(testNow))
		token := issue(t, s, testNow, "t")
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if err := s.Replace(testKey(t, "a", ES256)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
	for _, alg := range []Algorithm{HS256, EdDSA} {
		t.Run("JWT-18 1000 rotations under load, no token is refused: "+string(alg), func(t *testing.T) {
			rotateUnderLoad(t, alg)
		})
	}
}

func rotateUnderLoad(t *testing.T, alg Algorithm) {
	t.Helper()
	s := testSet(t, testKey(t, "k0", alg))
	v := testVerifier(t, s, fixed(testNow))
	keys := make([]*Key, testkit.Rounds(1000))
	for i := range keys {
		keys[i] = testKey(t, fmt.Sprint("k", i+1), alg)
	}
	var verified, refused atomic.Int64
	// Each worker takes its turn, so no token is older than a few rotations: a key is
	// retired when its last token is done, as it would be when that has expired.
	var progress [8]chan struct{}
	for g := range progress {
		progress[g] = make(chan struct{})
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for g := range progress {
		group.Go(func() {
			for i := 0; ; i++ {
				token := issue(t, s, testNow, fmt.Sprint(g, "-", i))
				for range 2 {
					if _, err := v.Verify(t.Context(), token); err != nil {
						refused.Add(1)
						t.Logf("%v", err)
					} else {
						verified.Add(1)
					}
				}
				select {
				case progress[g] <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	for i, k := range keys {
		// The steps of the type comment: publish, sign, retire.
		if err := s.Add(k); err != nil {
			t.Fatal(err)
		}
		<-progress[2*i%len(progress)]
		if err := s.Rotate(k, testNow, time.Hour); err != nil {
			t.Fatal(err)
		}
		<-progress[(2*i+1)%len(progress)]
		if i >= 50 {
			if err := s.Retire(fmt.Sprint("k", i-50)); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	group.Wait()
	if refused.Load() > 0 || verified.Load() < int64(2*len(keys)) {
		t.Errorf("%d refused, %d verified", refused.Load(), verified.Load())
	}
}

// Two processes change from key a to b by the documented steps, with all orders of
// who is first in each step. A token of either is good in both at any time.
func TestF22Fleet(t *testing.T) {
	a, b := testKey(t, "a", ES256), testKey(t, "b", ES256)
	steps := []func(s *KeySet) error{
		func(s *KeySet) error { return s.Add(b) },
		func(s *KeySet) error { return s.Rotate(b, testNow, 10*time.Minute) },
		func(s *KeySet) error { return s.Retire("a") },
	}
	for order := range 1 << len(steps) {
		t.Run(fmt.Sprintf("F22 order %03b", order), func(t *testing.T) {
			fleet := []*KeySet{testSet(t, a), testSet(t, a)}
			verifiers := []*Verifier{testVerifier(t, fleet[0], fixed(testNow)), testVerifier(t, fleet[1], fixed(testNow))}
			everybody := func(when string) {
				for _, s := range fleet {
					token := issue(t, s, testNow, when)
					for i, v := range verifiers {
						if _, err := v.Verify(t.Context(), token); err != nil {
							t.Errorf("%s: process %d: %v", when, i, err)
						}
					}
				}
			}
			everybody("before")
			for i, step := range steps {
				first := order >> i & 1
				for _, s := range []*KeySet{fleet[first], fleet[1-first]} {
					if err := step(s); err != nil {
						t.Fatal(err)
					}
					everybody(fmt.Sprint("step ", i+1))
				}
			}
		})
	}
	t.Run("F22 without publishing first, the one that is late refuses", func(t *testing.T) {
		fast, late := testSet(t, a), testSet(t, a)
		if err := fast.Rotate(b, testNow, time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := testVerifier(t, late, fixed(testNow)).Verify(t.Context(), issue(t, fast, testNow, "t")); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

func TestJWKS(t *testing.T) {
	get := func(t *testing.T, s *KeySet, cfg JWKSConfig, method string, none ...string) *http.Response {
		t.Helper()
		h, err := s.JWKSHandler(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(method, "/.well-known/jwks.json", nil)
		r.Header["If-None-Match"] = none
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	body := func(t *testing.T, res *http.Response) string {
		t.Helper()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	es, rs, ed := testKey(t, "es", ES256), testKey(t, "rs", PS256), testKey(t, "ed", EdDSA)
	s := testSet(t, es, rs, ed.Between(testNow.Add(time.Hour), time.Time{}), testKey(t, "old", ES384).Between(time.Time{}, testNow))
	cfg := JWKSConfig{Now: fixed(testNow)}
	t.Run("V11.2 public keys only, those of the future too, none that is over", func(t *testing.T) {
		res := get(t, s, cfg, "GET")
		text := body(t, res)
		keys, ignored, err := parseJWKS(text, []Algorithm{ES256, PS256, EdDSA})
		if err != nil || ignored != nil || len(keys) != 3 || keys[0].ID() != "es" || !keys[1].sameMaterial(rs) || strings.Contains(text, `"d"`) {
			t.Errorf("%s: %v, %v", text, keys, err)
		}
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/jwk-set+json" || res.Header.Get("Cache-Control") != "public, max-age=300, must-revalidate" ||
			res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
	})
	t.Run("a set of HMAC keys publishes none", func(t *testing.T) {
		if text := body(t, get(t, testSet(t, testKey(t, "h", HS256)), cfg, "GET")); text != `{"keys":[]}` {
			t.Errorf("got %s", text)
		}
	})
	t.Run("ETag", func(t *testing.T) {
		etag := get(t, s, cfg, "GET").Header.Get("ETag")
		for _, none := range [][]string{{etag}, {"W/" + etag}, {`"x", ` + etag}, {`"x"`, etag}, {"*"}} {
			if res := get(t, s, cfg, "GET", none...); res.StatusCode != 304 || body(t, res) != "" || res.Header.Get("ETag") != etag {
				t.Errorf("%q: %d", none, res.StatusCode)
			}
		}
		if res := get(t, s, cfg, "GET", `"x"`); res.StatusCode != 200 {
			t.Errorf("another ETag: %d", res.StatusCode)
		}
		if err := s.Rotate(testKey(t, "new", ES256), testNow, time.Hour); err != nil {
			t.Fatal(err)
		}
		if res := get(t, s, cfg, "GET", etag); res.StatusCode != 200 || !strings.Contains(body(t, res), `"kid":"new"`) {
			t.Errorf("after a rotation: %d", res.StatusCode)
		}
	})
	t.Run("methods", func(t *testing.T) {
		if res := get(t, s, cfg, "HEAD"); res.StatusCode != 200 {
			t.Errorf("HEAD: %d", res.StatusCode)
		}
		res := get(t, s, cfg, "POST")
		var d struct{ Code string }
		if err := json.NewDecoder(res.Body).Decode(&d); err != nil || res.StatusCode != 405 || d.Code != "METHOD_NOT_ALLOWED" || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST: %d %v %v", res.StatusCode, res.Header, err)
		}
	})
	t.Run("XCT-05 a MaxAge that is none", func(t *testing.T) {
		for _, d := range []time.Duration{-1, time.Millisecond, 25 * time.Hour} {
			if _, err := s.JWKSHandler(JWKSConfig{MaxAge: d}); err == nil {
				t.Errorf("%s is accepted", d)
			}
		}
	})
}

func TestForeignCurve(t *testing.T) {
	t.Run("JWT-04 a curve that is none of the standard library's", func(t *testing.T) {
		params := *elliptic.P256().Params()
		params.Name = "P-256"
		key := &ecdsa.PublicKey{Curve: &params, X: params.Gx, Y: params.Gy} //nolint:staticcheck // the way to such a key
		if k, err := PublicKey("k", ES256, key); err == nil {
			t.Errorf("accepted: %v", k)
		}
	})
}
