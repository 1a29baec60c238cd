package jwk_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/jwk"
)

type m = map[string]any

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Keys of RFC 7517 §A.1, RFC 7515 §A.3 and A.4 and RFC 8037 §A.2.
var (
	rsaKey = m{"kty": "RSA", "kid": "r", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
	ecKey  = m{"kty": "EC", "kid": "e", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
	ec521  = m{"kty": "EC", "kid": "f", "crv": "P-521", "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk", "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}
	edKey  = m{"kty": "OKP", "kid": "d", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
)

func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  m
		alg  string
		fits string
	}{
		{"RSA", rsaKey, "", "RS256 RS384 RS512 PS256 PS384 PS512"},
		{"RSA with alg", with(rsaKey, "alg", "PS384"), "PS384", "PS384"},
		{"P-256", ecKey, "ES256", "ES256"},
		{"P-256 with alg", with(ecKey, "alg", "ES256"), "ES256", "ES256"},
		{"P-521", ec521, "ES512", "ES512"},
		{"Ed25519", edKey, "EdDSA", "EdDSA"},
		{"use sig", with(ecKey, "use", "sig"), "ES256", "ES256"},
		{"key_ops", with(ecKey, "key_ops", []any{"sign", "verify"}), "ES256", "ES256"},
		{"no kid", with(ecKey, "kid", nil), "ES256", "ES256"},
		{"members of somebody else", with(with(ecKey, "x5t", "x"), "issuer", "y"), "ES256", "ES256"},
	} {
		t.Run("OID-08 "+tt.name, func(t *testing.T) {
			k, err := jwk.Public(tt.key)
			if err != nil || k.Algorithm != tt.alg {
				t.Fatal(k, err)
			}
			kid, _ := tt.key["kid"].(string)
			if k.ID != kid || !k.Equal(k) {
				t.Errorf("%+v", k)
			}
			for _, alg := range strings.Fields("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS256 none") {
				if k.Fits(alg) != (strings.Contains(" "+tt.fits+" ", " "+alg+" ")) {
					t.Errorf("fits %s: %v", alg, k.Fits(alg))
				}
				if jwk.Asymmetric(alg) != (alg != "HS256" && alg != "none") {
					t.Errorf("%s: %v", alg, jwk.Asymmetric(alg))
				}
			}
			switch p := k.Public.(type) {
			case *rsa.PublicKey:
				if encode(p.N.Bytes()) != tt.key["n"] || p.E != 65537 {
					t.Error(p)
				}
			case *ecdsa.PublicKey:
				if b, err := p.Bytes(); err != nil || encode(b[1:1+(len(b)-1)/2]) != tt.key["x"] {
					t.Error(p, err)
				}
			case ed25519.PublicKey:
				if encode(p) != tt.key["x"] {
					t.Error(p)
				}
			default:
				t.Errorf("%T", p)
			}
		})
	}
	a, _ := jwk.Public(ecKey)
	for name, other := range map[string]m{"kid": with(ecKey, "kid", "z"), "alg": with(rsaKey, "alg", "RS256"), "material": edKey} {
		b, err := jwk.Public(other)
		if err != nil || a.Equal(b) || b.Equal(a) {
			t.Errorf("another %s is equal: %v", name, err)
		}
	}
}

func with(key m, name string, v any) m {
	c := maps.Clone(key)
	if c[name] = v; v == nil {
		delete(c, name)
	}
	return c
}

func TestRefused(t *testing.T) {
	one := big.NewInt(1)
	modulus := func(bits uint, odd bool) string {
		n := new(big.Int).Lsh(one, bits-1)
		if odd {
			n.Add(n, one)
		}
		return encode(n.Bytes())
	}
	x, _ := base64.RawURLEncoding.DecodeString(ecKey["x"].(string))
	for name, key := range map[string]m{
		"O06 a symmetric key":                  {"kty": "oct", "k": "AAAA"},
		"O06 kty oct without k":                {"kty": "oct"},
		"O06 the private part of EC":           with(ecKey, "d", "AA"),
		"O06 the private part of RSA":          with(rsaKey, "p", "AA"),
		"O06 RSA of more primes":               with(rsaKey, "oth", []any{}),
		"O06 a private member that is null":    with(ecKey, "d", jsonNull),
		"O06 use enc":                          with(ecKey, "use", "enc"),
		"O06 use is empty":                     with(ecKey, "use", ""),
		"O06 use is a list":                    with(ecKey, "use", []any{"sig"}),
		"O06 key_ops without verify":           with(ecKey, "key_ops", []any{"sign"}),
		"O06 key_ops is text":                  with(ecKey, "key_ops", "verify"),
		"O06 alg for encryption":               with(rsaKey, "alg", "RSA-OAEP"),
		"O06 alg of HMAC":                      with(rsaKey, "alg", "HS256"),
		"O06 alg none":                         with(ecKey, "alg", "none"),
		"O06 alg is empty":                     with(ecKey, "alg", ""),
		"O06 alg of another curve":             with(ecKey, "alg", "ES384"),
		"O06 alg of another family":            with(ecKey, "alg", "RS256"),
		"O06 RSA of 512 bits":                  with(rsaKey, "n", modulus(512, true)),
		"O06 RSA of 2047 bits":                 with(rsaKey, "n", modulus(2047, true)),
		"O06 RSA of 8193 bits":                 with(rsaKey, "n", modulus(8193, true)),
		"O06 an even modulus":                  with(rsaKey, "n", modulus(2048, false)),
		"O06 exponent 1":                       with(rsaKey, "e", "AQ"),
		"O06 exponent 2":                       with(rsaKey, "e", "Ag"),
		"O06 an even exponent":                 with(rsaKey, "e", "AQAA"),
		"O06 an exponent of 33 bits":           with(rsaKey, "e", "AQAAAAE"),
		"O06 an exponent of 32 bits":           with(rsaKey, "e", "gAAAAQ"),
		"O06 no exponent":                      with(rsaKey, "e", nil),
		"O06 an exponent with a leading zero":  with(rsaKey, "e", "AAEAAQ"),
		"O06 a modulus with a leading zero":    with(rsaKey, "n", encode(append([]byte{0}, make([]byte, 256)...))),
		"O06 no modulus":                       with(rsaKey, "n", nil),
		"O06 a modulus with padding":           with(rsaKey, "n", rsaKey["n"].(string)+"=="),
		"O06 a modulus with a line break":      with(rsaKey, "n", rsaKey["n"].(string)+"\n"),
		"O06 a modulus that is a number":       with(rsaKey, "n", json.Number("3")),
		"O06 a point that is not on its curve": with(ecKey, "y", ecKey["x"]),
		"O06 the point at infinity":            with(with(ecKey, "x", encode(make([]byte, 32))), "y", encode(make([]byte, 32))),
		"O06 a coordinate that is cut":         with(ecKey, "x", encode(x[1:])),
		"O06 a coordinate that is padded":      with(ecKey, "x", encode(append([]byte{0}, x...))),
		"O06 no coordinate":                    with(ecKey, "y", nil),
		"O06 another curve":                    with(ecKey, "crv", "secp256k1"),
		"O06 no curve":                         with(ecKey, "crv", nil),
		"O06 the curve of another key":         with(ecKey, "crv", "P-521"),
		"O06 Ed448":                            with(edKey, "crv", "Ed448"),
		"O06 X25519":                           with(edKey, "crv", "X25519"),
		"O06 31 bytes of Ed25519":              with(edKey, "x", encode(make([]byte, 31))),
		"O06 a kid that is a number":           with(ecKey, "kid", json.Number("1")),
		"O06 a kid that is huge":               with(ecKey, "kid", strings.Repeat("k", 1000)),
		"O06 no kty":                           with(ecKey, "kty", nil),
		"O06 another kty":                      with(ecKey, "kty", "AKP"),
		"O06 nothing":                          nil,
	} {
		t.Run(name, func(t *testing.T) {
			if k, err := jwk.Public(key); err == nil || k != nil {
				t.Fatalf("%+v", k)
			}
		})
	}
}

// jsonNull is null as it comes from a decoder, in a place where nil means absent.
var jsonNull = any((*int)(nil))

// FuzzPublic: whatever comes, there is no panic, and a key that is made is a good one.
func FuzzPublic(f *testing.F) {
	for _, key := range []m{rsaKey, ecKey, ec521, edKey, with(rsaKey, "alg", "RS256"), with(ecKey, "d", "AA"), {"kty": "oct", "k": "AA"}} {
		text, err := json.Marshal(key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var members m
		if json.Unmarshal(text, &members) != nil {
			return
		}
		k, err := jwk.Public(members)
		if err != nil {
			return
		}
		switch p := k.Public.(type) {
		case *rsa.PublicKey:
			if p.N.BitLen() < jwk.MinRSABits || p.E < 3 {
				t.Errorf("RSA of %d bits, exponent %d", p.N.BitLen(), p.E)
			}
		case *ecdsa.PublicKey:
			if _, err := p.ECDH(); err != nil {
				t.Error(err)
			}
		case ed25519.PublicKey:
			if len(p) != ed25519.PublicKeySize {
				t.Error(len(p))
			}
		default:
			t.Errorf("%T", p)
		}
		if k.Algorithm != "" && !k.Fits(k.Algorithm) || k.Fits("HS256") || k.Fits("none") {
			t.Errorf("%+v", k)
		}
	})
}
