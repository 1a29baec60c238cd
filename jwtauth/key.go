package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// maxKeyID is the greatest length of a key id, in bytes.
const maxKeyID = 256

// A Key verifies tokens and, if it has its private part, signs them.
//
// It has exactly one algorithm. A token names an algorithm too, and is refused
// if it is not that of the key: it cannot choose. That closes algorithm confusion
// (RFC 8725 §2.1), such as an RSA public key taken for an HMAC secret. There is
// no key for "none".
//
// A Key has an id, the kid of the tokens that it signs: 1 to 256 printable ASCII
// characters without '"' and '\'. Ids are public. An empty id of an asymmetric
// key stands for its thumbprint (RFC 7638).
//
// Formatting, logging and JSON show id and algorithm, and never a secret. A Key
// is immutable and safe for concurrent use.
type Key struct {
	id     string
	alg    *algorithm
	public crypto.PublicKey // nil for HMAC
	signer crypto.Signer    // nil for HMAC and for keys that only verify
	mac    *macPool         // of HMAC

	notBefore, notAfter time.Time
}

// GenerateKey makes a key: for HMAC as long as the hash, for RSA of 3072 bits. It
// is for tests, and for services whose tokens need not outlive the process. An
// empty id of an HMAC key stands for a random one.
func GenerateKey(id string, alg Algorithm) (*Key, error) {
	a, err := algorithmOf(alg)
	if err != nil {
		return nil, err
	}
	var private crypto.Signer
	switch a.kind {
	case typeOct:
		if id == "" {
			id = rand.Text()
		}
		secret := make([]byte, a.hash.Size())
		_, _ = rand.Read(secret) // never fails, see crypto/rand
		return HMACKey(id, alg, secret)
	case typeRSA:
		private, err = rsa.GenerateKey(rand.Reader, 3072)
	case typeEC:
		private, err = ecdsa.GenerateKey(a.curve, rand.Reader)
	default:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("jwtauth: %w", err)
	}
	return SignerKey(id, alg, private)
}

// SignerKey makes a key that signs with a private key, of crypto/rsa,
// crypto/ecdsa or crypto/ed25519, or of a key management service. A signature of
// the latter is checked with its public key before the token leaves.
func SignerKey(id string, alg Algorithm, private crypto.Signer) (*Key, error) {
	if private == nil {
		return nil, refuseKey("there is no private key")
	}
	k, err := PublicKey(id, alg, private.Public())
	if err != nil {
		return nil, err
	}
	k.signer = private
	return k, nil
}

// PublicKey makes a key that only verifies, from an *rsa.PublicKey, an
// *ecdsa.PublicKey or an ed25519.PublicKey.
func PublicKey(id string, alg Algorithm, public crypto.PublicKey) (*Key, error) {
	a, err := algorithmOf(alg)
	if err != nil {
		return nil, err
	}
	if public, err = checkPublic(a, public); err != nil {
		return nil, err
	}
	k := &Key{id: id, alg: a, public: public}
	if id == "" {
		k.id = k.Thumbprint()
	}
	if err := checkID(k.id); err != nil {
		return nil, err
	}
	return k, nil
}

// ID returns the kid of the tokens that k signs.
func (k *Key) ID() string { return k.id }

// Algorithm returns the algorithm of k.
func (k *Key) Algorithm() Algorithm { return k.alg.name }

// CanSign reports whether k has its private part.
func (k *Key) CanSign() bool { return k.signer != nil || k.mac != nil }

// Public returns the public key, nil for HMAC.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Between returns a copy of k that verifies tokens from notBefore until notAfter,
// by the clock of the Verifier and without leeway; a zero time is no bound. A key
// that is published before it counts has a notBefore, a retired one whose last
// token has a known end has a notAfter. A KeySet does not sign with a copy.
func (k *Key) Between(notBefore, notAfter time.Time) *Key {
	c := *k
	c.notBefore, c.notAfter = notBefore, notAfter
	return &c
}

// counts reports whether k verifies at that time.
func (k *Key) counts(now time.Time) bool {
	return (k.notBefore.IsZero() || !now.Before(k.notBefore)) && (k.notAfter.IsZero() || now.Before(k.notAfter))
}

// windowed reports whether k is a copy made by Between with a bound.
func (k *Key) windowed() bool { return !k.notBefore.IsZero() || !k.notAfter.IsZero() }

// sameMaterial reports whether k and other are the same key, whatever their ids.
func (k *Key) sameMaterial(other *Key) bool {
	if k.alg != other.alg {
		return false
	}
	if k.mac != nil {
		return k.mac.equal(other.mac)
	}
	p, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(other.public)
}

// String names the key and does not show it. Like the methods after it, it is one of
// the value, which is printed without it when a pointer is not at hand.
func (k Key) String() string {
	if k.alg == nil {
		return "jwtauth.Key(none)"
	}
	return fmt.Sprintf("jwtauth.Key(%s %s)", k.alg.name, k.id)
}

// Format implements fmt.Formatter: no verb and no flag shows the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func algorithmOf(alg Algorithm) (*algorithm, error) {
	a, ok := algorithms[alg]
	if !ok {
		return nil, refuseKey("algorithm %q is not one of this package", string(alg))
	}
	return a, nil
}

// checkID reports whether id can stand in a header as it is.
func checkID(id string) error {
	if id == "" || len(id) > maxKeyID {
		return refuseKey("its id has %d bytes: use 1 to %d", len(id), maxKeyID)
	}
	if !plainText(id) {
		return refuseKey("its id has characters other than printable ASCII, or '\"' or '\\'")
	}
	return nil
}

// plainText reports whether s is printable ASCII that JSON does not escape.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

const (
	minRSABits = 2048
	maxRSABits = 8192 // beyond, a verification is work that an attacker can ask for
	minRSAExp  = 65537
)

// checkPublic holds a public key to its algorithm, and returns it in the form
// that the algorithm takes.
func checkPublic(a *algorithm, public crypto.PublicKey) (crypto.PublicKey, error) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if a.kind != typeRSA || p == nil || p.N == nil {
			break
		}
		if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, refuseKey("RSA of %d bits: use %d (better 3072) to %d", bits, minRSABits, maxRSABits)
		}
		if p.E < minRSAExp || p.E%2 == 0 || p.N.Bit(0) == 0 {
			return nil, refuseKey("the RSA exponent must be odd and at least %d, and the modulus odd", minRSAExp)
		}
		return p, nil
	case *ecdsa.PublicKey:
		if a.kind != typeEC || p == nil || p.Curve == nil {
			break
		}
		if p.Curve != a.curve {
			return nil, refuseKey("%s wants the curve %s, not %s", a.name, a.curve.Params().Name, curveName(p.Curve))
		}
		if _, err := p.Bytes(); err != nil { // which looks whether it is on the curve
			return nil, refuseKey("the point is not on the curve %s", a.curve.Params().Name)
		}
		return p, nil
	case ed25519.PublicKey:
		if a.kind != typeOKP {
			break
		}
		if len(p) != ed25519.PublicKeySize || smallOrder(p) {
			return nil, refuseKey("this is no Ed25519 public key")
		}
		return append(ed25519.PublicKey(nil), p...), nil
	case []byte, string:
		return nil, refuseKey("bytes are no public key: use HMACKey, ParsePEM or ParseJWK")
	}
	return nil, refuseKey("a key of type %T does not fit %s", public, a.name)
}

func curveName(c elliptic.Curve) string {
	if p := c.Params(); p != nil && strings.HasPrefix(p.Name, "P-") {
		return p.Name
	}
	return "of another kind"
}

func refuseKey(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrKey}, args...)...)
}
