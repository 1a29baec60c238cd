package jwtauth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/jwtauth"
)

var allAlgorithms = []jwtauth.Algorithm{
	jwtauth.HS256, jwtauth.HS384, jwtauth.HS512, jwtauth.RS256, jwtauth.RS384, jwtauth.RS512, jwtauth.PS256, jwtauth.PS384, jwtauth.PS512,
	jwtauth.ES256, jwtauth.ES384, jwtauth.ES512, jwtauth.EdDSA,
}

func TestHMACKey(t *testing.T) {
	random := func(n int) []byte { b := make([]byte, n); _, _ = rand.Read(b); return b }
	t.Run("JWT-04 a secret is at least as long as the hash", func(t *testing.T) {
		for alg, least := range map[jwtauth.Algorithm]int{jwtauth.HS256: 32, jwtauth.HS384: 48, jwtauth.HS512: 64} {
			for _, n := range []int{0, 1, 16, least - 1} {
				if k, err := jwtauth.HMACKey("k", alg, random(n)); k != nil || !errors.Is(err, jwtauth.ErrKey) {
					t.Errorf("%s of %d bytes: %v, %v", alg, n, k, err)
				}
			}
			for _, n := range []int{least, least + 1, 200} {
				if _, err := jwtauth.HMACKey("k", alg, random(n)); err != nil {
					t.Errorf("%s of %d bytes: %v", alg, n, err)
				}
			}
		}
		if _, err := jwtauth.HMACKey("k", jwtauth.HS256, nil); err == nil {
			t.Error("JWT-04 the empty key")
		}
		if _, err := jwtauth.HMACKey("k", jwtauth.HS256, make([]byte, 32)); err == nil {
			t.Error("JWT-04 32 zeros")
		}
	})
	t.Run("JWT-03 J02 J03 a public key is no secret", func(t *testing.T) {
		for name, text := range publicTexts(t) {
			for _, text := range [][]byte{text, append(bytes.Clone(text), '\n'), bytes.TrimSpace(text)} {
				if bytes.HasPrefix(text, []byte{4}) && len(text) != 65 || bytes.HasPrefix(text, []byte{0x30}) && text[len(text)-1] == '\n' {
					continue // no such key any more
				}
				if k, err := jwtauth.HMACKey("k", jwtauth.HS256, text); k != nil || !errors.Is(err, jwtauth.ErrKey) {
					t.Errorf("%s is accepted: %v", name, err)
				}
			}
		}
		for name, text := range map[string]string{
			"an SSH key":        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJAm7yrCpTzSTKUkAQQFbh4rLzkkWqSXhKqsm8wKcBzu alice@example.com",
			"a JWK of a secret": `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`,
			"a private PEM":     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(ecTestKey()))})),
			"a private DER":     string(must(x509.MarshalPKCS8PrivateKey(ecTestKey()))),
		} {
			if _, err := jwtauth.HMACKey("k", jwtauth.HS256, []byte(text)); !errors.Is(err, jwtauth.ErrKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("random bytes are not taken for something else", func(t *testing.T) {
		for range 2000 {
			if _, err := jwtauth.HMACKey("k", jwtauth.HS256, random(65)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := jwtauth.HMACKey("k", jwtauth.HS256, []byte(hex.EncodeToString(random(32)))); err != nil {
			t.Error(err)
		}
		if _, err := jwtauth.HMACKey("k", jwtauth.HS256, []byte(base64.StdEncoding.EncodeToString(random(32)))); err != nil {
			t.Error(err)
		}
	})
	t.Run("the secret is copied", func(t *testing.T) {
		secret := bytes.Clone(testSecret)
		k := must(jwtauth.HMACKey("k1", jwtauth.HS256, secret))
		clear(secret)
		h := newHouse(t, jwtauth.HS256)
		v := must(jwtauth.NewVerifier(must(jwtauth.NewKeySet(k)), h.config))
		if _, err := v.Verify(t.Context(), h.token()); err != nil {
			t.Error(err)
		}
	})
}

func TestPublicKey(t *testing.T) {
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	smallE := &rsa.PublicKey{N: rsaTestKey().N, E: 3}
	evenE := &rsa.PublicKey{N: rsaTestKey().N, E: 65538}
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)} //nolint:staticcheck // the way to a point that is not on the curve
	for _, tc := range []struct {
		name string
		alg  jwtauth.Algorithm
		key  crypto.PublicKey
	}{
		{"JWT-04 RSA of 1024 bits", jwtauth.RS256, &weak.PublicKey},
		{"JWT-04 RSA of 16384 bits", jwtauth.RS256, &rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 16384), big.NewInt(1)), E: 65537}},
		{"JWT-04 RSA with e=3", jwtauth.RS256, smallE},
		{"JWT-04 RSA with an even e", jwtauth.PS256, evenE},
		{"JWT-04 RSA without a modulus", jwtauth.RS256, &rsa.PublicKey{E: 65537}},
		{"JWT-04 P-384 for ES256", jwtauth.ES256, &p384.PublicKey},
		{"JWT-04 P-256 for ES384", jwtauth.ES384, &ecTestKey().PublicKey},
		{"JWT-04 a point off the curve", jwtauth.ES256, off},
		{"JWT-01 RSA for ES256", jwtauth.ES256, &rsaTestKey().PublicKey},
		{"JWT-01 EC for RS256", jwtauth.RS256, &ecTestKey().PublicKey},
		{"JWT-01 EC for EdDSA", jwtauth.EdDSA, &ecTestKey().PublicKey},
		{"JWT-01 Ed25519 for ES256", jwtauth.ES256, edTestKey().Public()},
		{"JWT-01 a public key for HS256", jwtauth.HS256, &ecTestKey().PublicKey},
		{"JWT-02 none", "none", &ecTestKey().PublicKey},
		{"JWT-02 no algorithm", "", &ecTestKey().PublicKey},
		{"Ed25519 of 31 bytes", jwtauth.EdDSA, ed25519.PublicKey(make([]byte, 31))},
		{"Ed25519 of zeros", jwtauth.EdDSA, ed25519.PublicKey(make([]byte, 32))},
		{"Ed25519 of order 1, other sign", jwtauth.EdDSA, ed25519.PublicKey(append([]byte{1}, append(make([]byte, 30), 0x80)...))},
		{"bytes", jwtauth.ES256, []byte("x")},
		{"nil", jwtauth.ES256, nil},
		{"a nil key", jwtauth.RS256, (*rsa.PublicKey)(nil)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if k, err := jwtauth.PublicKey("k", tc.alg, tc.key); !errors.Is(err, jwtauth.ErrKey) || k != nil {
				t.Errorf("got %v, %v", k, err)
			}
		})
	}
	t.Run("JWT-06 ids", func(t *testing.T) {
		for _, id := range []string{"a\"b", `a\b`, "a\nb", "é", strings.Repeat("k", 257)} {
			if k, err := jwtauth.PublicKey(id, jwtauth.ES256, &ecTestKey().PublicKey); err == nil || k != nil {
				t.Errorf("%.10q is accepted", id)
			}
			if _, err := jwtauth.HMACKey(id, jwtauth.HS256, testSecret); err == nil {
				t.Errorf("%.10q is accepted", id)
			}
		}
		if _, err := jwtauth.HMACKey("", jwtauth.HS256, testSecret); err == nil {
			t.Error("an HMAC key without an id")
		}
		if k, err := jwtauth.PublicKey("", jwtauth.ES256, &ecTestKey().PublicKey); err != nil || k.ID() != k.Thumbprint() || len(k.ID()) != 43 {
			t.Errorf("got %v, %v", k, err)
		}
	})
}

func TestParsePEM(t *testing.T) {
	block := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	pkcs8 := func(key any) []byte { return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }
	pkix := func(key any) []byte { return block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key))) }
	sec1 := block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecTestKey())))
	for _, tc := range []struct {
		name  string
		alg   jwtauth.Algorithm
		text  []byte
		signs bool
	}{
		{"PKCS #8 RSA", jwtauth.RS256, pkcs8(rsaTestKey()), true},
		{"PKCS #8 EC", jwtauth.ES256, pkcs8(ecTestKey()), true},
		{"PKCS #8 Ed25519", jwtauth.EdDSA, pkcs8(edTestKey()), true},
		{"PKCS #1", jwtauth.PS256, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaTestKey())), true},
		{"SEC 1", jwtauth.ES256, sec1, true},
		{"SEC 1 after its parameters", jwtauth.ES256, append(block("EC PARAMETERS", []byte{6, 8}), sec1...), true},
		{"PKIX RSA", jwtauth.RS512, pkix(&rsaTestKey().PublicKey), false},
		{"PKIX EC", jwtauth.ES256, pkix(&ecTestKey().PublicKey), false},
		{"PKIX Ed25519", jwtauth.EdDSA, pkix(edTestKey().Public()), false},
		{"PKCS #1 public", jwtauth.RS256, block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaTestKey().PublicKey)), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, err := jwtauth.ParsePEM("k1", tc.alg, tc.text)
			if err != nil || k.CanSign() != tc.signs || k.Algorithm() != tc.alg || k.ID() != "k1" {
				t.Errorf("got %v, %v", k, err)
			}
		})
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("hello"), "two keys": append(sec1, sec1...), "a certificate": block("CERTIFICATE", []byte{1}), "encrypted": block("ENCRYPTED PRIVATE KEY", []byte{1}),
		"broken": block("PRIVATE KEY", []byte{1, 2, 3}), "the old encryption": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte{1}}),
		"another algorithm": pkcs8(rsaTestKey()),
	} {
		t.Run("JWT-04 refused: "+name, func(t *testing.T) {
			if k, err := jwtauth.ParsePEM("k1", jwtauth.ES256, text); !errors.Is(err, jwtauth.ErrKey) || k != nil {
				t.Errorf("got %v, %v", k, err)
			}
		})
	}
}

func TestParseJWK(t *testing.T) {
	const ec = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	t.Run("a public key comes back as it was published", func(t *testing.T) {
		for _, alg := range allAlgorithms[3:] {
			var k *jwtauth.Key
			switch alg {
			case jwtauth.RS384, jwtauth.RS512, jwtauth.PS256, jwtauth.PS384, jwtauth.PS512:
				k = must(jwtauth.SignerKey("k1", alg, rsaTestKey())) // made as the one of RS256, in seconds
			default:
				k = must(jwtauth.GenerateKey("k1", alg))
			}
			text := must(json.Marshal(k))
			back, err := jwtauth.ParseJWK(text)
			if err != nil || back.CanSign() || back.ID() != "k1" || back.Algorithm() != alg || back.Thumbprint() != k.Thumbprint() {
				t.Errorf("%s: %v, %v", text, back, err)
			}
		}
	})
	for _, good := range []string{
		`{` + ec + `}`, `{` + ec + `,"use":"sig","key_ops":["verify"],"alg":"ES256","kid":"x","x5t":"abc","ext":true}`,
		`{"kty":"oct","alg":"HS256","kid":"h","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
	} {
		if _, err := jwtauth.ParseJWK([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{}`, `{` + ec, `{` + ec + `}x`, `{` + ec + `,"kty":"EC"}`, `{` + ec + `,"Kty":"RSA"}`,
		`{` + ec + `,"use":"enc"}`, `{` + ec + `,"key_ops":["sign"]}`, `{` + ec + `,"key_ops":[]}`, `{` + ec + `,"alg":"RS256"}`, `{` + ec + `,"alg":"ES384"}`, `{` + ec + `,"alg":"HS256"}`, `{` + ec + `,"alg":"none"}`,
		`{` + ec + `,"d":"AAAA"}`, `{` + ec + `,"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`, `{` + ec + `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LJ"}`, `{` + ec + `,"kid":7}`,
		strings.Replace(`{`+ec+`}`, "f83OJ", "g83OJ", 1), strings.Replace(`{`+ec+`}`, "f83OJ", "AAf83OJ", 1), strings.Replace(`{`+ec+`}`, "P-256", "secp256k1", 1), strings.Replace(`{`+ec+`}`, "VEU\"", "VEU=\"", 1), strings.Replace(`{`+ec+`}`, "VEU\"", "VEV\"", 1), strings.Replace(`{`+ec+`}`, "f83O", "f8\\n3O", 1),
		`{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256"}`, `{"kty":"RSA","e":"AQAB","alg":"RS256"}`, `{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AAGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
		`{"kty":"oct","alg":"HS256","kid":"h","k":"AyM1"}`, `{"kty":"oct","kid":"h","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`, `{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`,
		`{"kty":"oct","alg":"HS512","kid":"h","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`, `{"kty":"xyz","alg":"ES256"}`,
	} {
		t.Run(fmt.Sprintf("JWT-04 O06 refused: %.30s of %d", bad, len(bad)), func(t *testing.T) {
			if k, err := jwtauth.ParseJWK([]byte(bad)); !errors.Is(err, jwtauth.ErrKey) || k != nil {
				t.Errorf("%s: %v, %v", bad, k, err)
			}
		})
	}
}

func FuzzParseJWK(f *testing.F) {
	for _, s := range []string{
		`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, `{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256"}`, `{"kty":"oct","alg":"HS256","kid":"h","k":"AyM1"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := jwtauth.ParseJWK(text)
		if err != nil {
			if k != nil {
				t.Fatalf("%q: a key and %v", text, err)
			}
			return
		}
		if k.Public() == nil {
			return
		}
		back, err := jwtauth.ParseJWK(must(json.Marshal(k)))
		if err != nil || back.CanSign() || back.Thumbprint() != k.Thumbprint() {
			t.Fatalf("%q comes back as %v, %v", text, back, err)
		}
	})
}

func TestKeysStaySecret(t *testing.T) {
	canary := testkit.NewCanary(t)
	keys := make(map[string]*jwtauth.Key)
	for _, alg := range signedAlgorithms {
		keys[string(alg)] = newHouse(t, alg).keys.Signing()
	}
	canary.Watch("HMAC secret", string(testSecret))
	canary.Watch("RSA d", string(rsaTestKey().D.Bytes()))
	canary.Watch("RSA d as a number", rsaTestKey().D.String())
	canary.Watch("RSA p", rsaTestKey().Primes[0].String())
	canary.Watch("EC d", string(must(ecTestKey().Bytes())))
	canary.Watch("Ed25519 key", string(edTestKey()))
	out := canary.Writer("fmt")
	for _, k := range keys {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %[1]v"} {
			_, _ = fmt.Fprintf(out, verb+"\n", k)
			_, _ = fmt.Fprintf(out, verb+"\n", *k)
			_, _ = fmt.Fprintf(out, verb+"\n", struct{ Key *jwtauth.Key }{k})
			_, _ = fmt.Fprintf(out, verb+"\n", []jwtauth.Key{*k})
		}
		_, _ = out.Write(must(json.Marshal(k)))
		_, _ = out.Write(must(json.Marshal(map[string]any{"key": k})))
		canary.Logger().Info("key", "key", k, "value", *k, "list", []*jwtauth.Key{k}, slog.Any("any", struct{ K *jwtauth.Key }{k}))
	}
	set := newHouse(t, jwtauth.HS256).keys
	_, _ = fmt.Fprintf(out, "%v %+v %#v\n", set, set, set)
	for _, secret := range [][]byte{testSecret[:31], append(bytes.Clone(testSecret), `{"x`...)} {
		_, err := jwtauth.HMACKey("k\n", jwtauth.HS256, secret)
		_ = canary.Error(err)
	}
	_, err := jwtauth.ParseJWK([]byte(`{"kty":"oct","alg":"HS512","kid":"h","k":"` + base64.RawURLEncoding.EncodeToString(testSecret) + `"}`))
	_ = canary.Error(err)
}
