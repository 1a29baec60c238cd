package tokens_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"hash"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
)

// attacker signs any two texts with a key that is not the service's.
func attacker(header, payload string, sign func(input string) []byte) string {
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	return input + "." + b64.EncodeToString(sign(input))
}

// published is what an attacker can read of the key, as JSON of the set and of the key.
func published(t *testing.T, f *forge) (set, key string, public ed25519.PublicKey) {
	t.Helper()
	set = f.h1.Want(t, f.h1.Call(t, "GET", "/.well-known/jwks.json", nil), 200).Text
	var jwks struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(set), &jwks); err != nil || len(jwks.Keys) != 1 {
		t.Fatalf("%s: %v", set, err)
	}
	var jwk map[string]string
	if err := json.Unmarshal(jwks.Keys[0], &jwk); err != nil {
		t.Fatal(err)
	}
	public, err := b64.DecodeString(jwk["x"])
	if err != nil || !f.key.Public().(ed25519.PublicKey).Equal(public) {
		t.Fatalf("the set does not have the key that signs: %s", set)
	}
	if _, private := jwk["d"]; private {
		t.Error("the set shows the private key")
	}
	return set, string(jwks.Keys[0]), public
}

func algorithms(t *testing.T, f *forge) {
	corpus.Case(t, "J01", "alg none in many spellings, without a signature and with one", "401", func(t *testing.T) {
		for _, alg := range []string{"none", "None", "NONE", "nOnE", "NONE ", " none", "none\\u0000", ""} {
			input := b64.EncodeToString([]byte(`{"alg":"`+alg+`","kid":"1","typ":"at+jwt"}`)) + "." + b64.EncodeToString([]byte(f.payload(nil)))
			f.refused(t, alg, input+".")
			f.refused(t, alg+" with the signature of another token", input+"."+strings.Split(f.genuine, ".")[2])
			f.refused(t, alg+" signed by the true key", f.sign(`{"alg":"`+alg+`","kid":"1","typ":"at+jwt"}`, f.payload(nil)))
		}
		f.refused(t, "no alg at all", f.sign(`{"kid":"1","typ":"at+jwt"}`, f.payload(nil)))
	})

	corpus.Case(t, "J02", "HMAC with the published key as secret: PKIX PEM with and without final newline, DER, raw bytes, base64url, hex, JWK and set as JSON; RSA forms are left to the tests of the package, for this service has no RSA key", "401", func(t *testing.T) {
		set, jwk, public := published(t, f)
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		for name, secret := range map[string][]byte{
			"PEM": text, "PEM without newline": []byte(strings.TrimSpace(string(text))), "PEM with CRLF": []byte(strings.ReplaceAll(string(text), "\n", "\r\n")),
			"DER": der, "raw": public, "base64url": []byte(b64.EncodeToString(public)), "hex": []byte(hex.EncodeToString(public)),
			"JWK": []byte(jwk), "set": []byte(set), "empty": {},
		} {
			for alg, h := range map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New} {
				for _, kid := range []string{`"kid":"1",`, ""} {
					f.refused(t, alg+" "+name, attacker(`{"alg":"`+alg+`",`+kid+`"typ":"at+jwt"}`, f.payload(nil), func(input string) []byte {
						mac := hmac.New(h, secret)
						mac.Write([]byte(input))
						return mac.Sum(nil)
					}))
				}
			}
		}
	})

	corpus.Case(t, "J03", "HS256 with the coordinate of the published curve point, its reverse and its sign bit changed", "401", func(t *testing.T) {
		_, _, public := published(t, f)
		reversed, flipped := slices.Clone(public), slices.Clone(public)
		slices.Reverse(reversed)
		flipped[31] ^= 0x80
		for _, secret := range [][]byte{public, reversed, flipped} {
			f.refused(t, "HS256", attacker(`{"alg":"HS256","kid":"1","typ":"at+jwt"}`, f.payload(nil), func(input string) []byte {
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				return mac.Sum(nil)
			}))
		}
	})

	corpus.Case(t, "J22", "the alg of another family over the genuine key id: RS256, PS256, ES256, ES256K, EdDSA of somebody else; salt lengths of PSS are proved in the tests of the package", "401", func(t *testing.T) {
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
		digest := func(input string) []byte { d := sha256.Sum256([]byte(input)); return d[:] }
		for name, c := range map[string]struct {
			alg  string
			sign func(input string) []byte
		}{
			"RS256": {"RS256", func(input string) []byte {
				s, _ := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest(input))
				return s
			}},
			"PS256": {"PS256", func(input string) []byte {
				s, _ := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest(input), nil)
				return s
			}},
			"ES256":           {"ES256", func(input string) []byte { return es256(ecKey, digest(input)) }},
			"ES256K":          {"ES256K", func(input string) []byte { return es256(ecKey, digest(input)) }},
			"EdDSA":           {"EdDSA", func(input string) []byte { return ed25519.Sign(edKey, []byte(input)) }},
			"Ed25519":         {"Ed25519", func(input string) []byte { return ed25519.Sign(edKey, []byte(input)) }},
			"ES256, true key": {"ES256", func(input string) []byte { return ed25519.Sign(f.key, []byte(input)) }},
			"eddsa, true key": {"eddsa", func(input string) []byte { return ed25519.Sign(f.key, []byte(input)) }},
		} {
			f.refused(t, name, attacker(`{"alg":"`+c.alg+`","kid":"1","typ":"at+jwt"}`, f.payload(nil), c.sign))
		}
	})
}

func es256(key *ecdsa.PrivateKey, digest []byte) []byte {
	r, s, _ := ecdsa.Sign(rand.Reader, key, digest)
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

// order is that of the group of Ed25519 (RFC 8032 §5.1).
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

func signatures(t *testing.T, f *forge) {
	genuine := strings.Split(f.genuine, ".")
	input := genuine[0] + "." + genuine[1] + "."
	good, err := b64.DecodeString(genuine[2])
	if err != nil {
		t.Fatal(err)
	}

	corpus.Case(t, "J21", "a genuine token with a signature of 63 and 65 bytes, DER, all zero, the identity and points of small order, S plus the order of the group; r and s of ECDSA are proved in the tests of the package", "401", func(t *testing.T) {
		edit := func(f func(b []byte) []byte) string { return input + b64.EncodeToString(f(slices.Clone(good))) }
		for name, token := range map[string]string{
			"63 bytes":  edit(func(b []byte) []byte { return b[:63] }),
			"65 bytes":  edit(func(b []byte) []byte { return append(b, 0) }),
			"128 bytes": edit(func(b []byte) []byte { return append(b, b...) }),
			"DER": edit(func(b []byte) []byte {
				return append([]byte{0x30, 0x44, 2, 0x20}, append(b[:32:32], append([]byte{2, 0x20}, b[32:]...)...)...)
			}),
			"all zero":    edit(func([]byte) []byte { return make([]byte, 64) }),
			"all ones":    edit(func(b []byte) []byte { return []byte(strings.Repeat("\xff", 64)) }),
			"identity":    edit(func([]byte) []byte { return append([]byte{1}, make([]byte, 63)...) }),
			"halves":      edit(func(b []byte) []byte { return append(b[32:64:64], b[:32]...) }),
			"first bit":   edit(func(b []byte) []byte { b[0] ^= 1; return b }),
			"last bit":    edit(func(b []byte) []byte { b[63] ^= 0x80; return b }),
			"S plus L":    edit(plusOrder),
			"minus R":     edit(func(b []byte) []byte { b[31] ^= 0x80; return b }),
			"of a header": input + strings.Split(f.sign(goodHeader, "{}"), ".")[2],
		} {
			f.refused(t, name, token)
		}
		f.accepted(t, f.genuine)
	})

	corpus.Case(t, "X-J1", "what the server remembers of a genuine token helps no other: its payload under another signature, its signature over another payload, in turns with the genuine one", "401, and 200 for the genuine one", func(t *testing.T) {
		admin := f.claim("roles", `["admin"]`)
		f.accepted(t, f.genuine)
		for range 3 {
			f.refused(t, "another payload", genuine[0]+"."+strings.Split(admin, ".")[1]+"."+genuine[2])
			f.refused(t, "another signature", input+strings.Split(admin, ".")[2])
			f.refused(t, "another header", b64.EncodeToString([]byte(`{"typ":"at+jwt","kid":"1","alg":"EdDSA"}`))+"."+genuine[1]+"."+genuine[2])
			f.accepted(t, f.genuine)
		}
	})
}

// plusOrder adds the order of the group to S, which a careless verifier accepts as
// a second signature of the same text.
func plusOrder(sig []byte) []byte {
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(sig[:32:32], sum...)
}
