package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Limits of RSA keys, in bits.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// maxID bounds a kid, in bytes.
const maxID = 512

// A Key is a public key for signatures.
type Key struct {
	// ID is the kid. Empty: it has none.
	ID string
	// Algorithm is the alg, or what the curve tells. Empty: an RSA key that names
	// none.
	Algorithm string
	// Public is an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey.
	Public crypto.PublicKey
}

// Fits reports whether signatures of that algorithm are verified with k.
func (k *Key) Fits(algorithm string) bool {
	if k.Algorithm == "" {
		return kinds[algorithm] == "RSA"
	}
	return k.Algorithm == algorithm
}

// Equal reports whether k and other are the same in everything.
func (k *Key) Equal(other *Key) bool {
	p, ok := k.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.ID == other.ID && k.Algorithm == other.Algorithm && p.Equal(other.Public)
}

// kinds are the algorithms that a public key can verify, with their kty.
var kinds = map[string]string{
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA",
	"PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "EC", "ES384": "EC", "ES512": "EC",
	"EdDSA": "OKP",
}

// Asymmetric reports whether an algorithm is one of those of this package: none of
// HMAC, and not "none".
func Asymmetric(algorithm string) bool { return kinds[algorithm] != "" }

// curves are those of RFC 7518 §3.4: each has one algorithm.
var curves = map[string]struct {
	algorithm string
	curve     elliptic.Curve
}{
	"P-256": {"ES256", elliptic.P256()},
	"P-384": {"ES384", elliptic.P384()},
	"P-521": {"ES512", elliptic.P521()},
}

var (
	errSecret = errors.New("jwk: a secret is published")
	errPoint  = errors.New("jwk: the point is not on the curve")
)

// Public makes a key of the members of a JWK. Its values are string, []any and what
// else JSON has. An error shows nothing of them.
func Public(members map[string]any) (*Key, error) {
	for _, name := range [...]string{"k", "d", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, there := members[name]; there {
			return nil, errSecret
		}
	}
	var kind, alg, use, curve string
	k := new(Key)
	for name, to := range map[string]*string{"kty": &kind, "kid": &k.ID, "alg": &alg, "use": &use, "crv": &curve} {
		if v, there := members[name]; there {
			s, ok := v.(string)
			if !ok || len(s) > maxID {
				return nil, fmt.Errorf("jwk: its %s is not text, or too long", name)
			}
			*to = s
		}
	}
	if _, there := members["use"]; there && use != "sig" {
		return nil, errors.New("jwk: its use is not sig")
	}
	if v, there := members["key_ops"]; there {
		ops, ok := v.([]any)
		if !ok || !slices.Contains(ops, any("verify")) {
			return nil, errors.New("jwk: its key_ops are without verify")
		}
	}
	var natural string // what the key itself tells of its algorithm
	var err error
	switch kind {
	case "RSA":
		k.Public, err = rsaKey(members)
	case "EC":
		k.Public, natural, err = ecKey(members, curve)
	case "OKP":
		natural = "EdDSA"
		k.Public, err = edKey(members, curve)
	default:
		err = errors.New("jwk: its kty is not RSA, EC or OKP")
	}
	if err != nil {
		return nil, err
	}
	k.Algorithm = natural
	if _, there := members["alg"]; there {
		if kinds[alg] != kind || natural != "" && alg != natural {
			return nil, errors.New("jwk: its alg does not fit the key, or is not for signatures")
		}
		k.Algorithm = alg
	}
	return k, nil
}

func rsaKey(members map[string]any) (crypto.PublicKey, error) {
	n, e := value(members, "n"), value(members, "e")
	if len(n) == 0 || n[0] == 0 || len(e) == 0 || len(e) > 4 || e[0] == 0 { // RFC 7518 §2: no leading zero
		return nil, errors.New("jwk: the modulus or the exponent is missing or malformed")
	}
	k := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if bits := k.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
		return nil, fmt.Errorf("jwk: an RSA key of %d bits: %d to %d are taken", bits, MinRSABits, MaxRSABits)
	}
	if k.E < 3 || k.E&1 == 0 || k.E > 1<<31-1 || k.N.Bit(0) == 0 {
		return nil, errors.New("jwk: the modulus or the exponent is not that of an RSA key")
	}
	return k, nil
}

func ecKey(members map[string]any, name string) (crypto.PublicKey, string, error) {
	c, ok := curves[name]
	if !ok {
		return nil, "", errors.New("jwk: its crv is not P-256, P-384 or P-521")
	}
	x, y, width := value(members, "x"), value(members, "y"), (c.curve.Params().BitSize+7)/8
	if len(x) != width || len(y) != width {
		return nil, "", errPoint
	}
	k, err := ecdsa.ParseUncompressedPublicKey(c.curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, "", errPoint
	}
	return k, c.algorithm, nil
}

func edKey(members map[string]any, name string) (crypto.PublicKey, error) {
	x := value(members, "x")
	if name != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, errors.New("jwk: it is not a key of Ed25519")
	}
	return ed25519.PublicKey(x), nil
}

// value decodes a member that is canonical base64url without padding, or returns nil.
func value(members map[string]any, name string) []byte {
	s, _ := members[name].(string)
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(b)) != len(s) { // which line breaks within are
		return nil
	}
	return b
}
