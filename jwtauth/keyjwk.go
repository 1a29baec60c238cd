package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// ParseJWK makes a key from a JSON Web Key (RFC 7517): RSA, EC, OKP (Ed25519) or
// oct, with or without its private part. A use other than "sig" and key_ops
// without "verify" are refused. RSA and oct keys must name their alg; for EC and
// OKP the curve tells it. Without a kid the id is the thumbprint; an oct key must
// have one.
func ParseJWK(text []byte) (*Key, error) {
	var j jwk
	if err := readObject(string(text), j.member); err != nil {
		return nil, refuseKey("the JWK cannot be read: %w", err)
	}
	alg, err := j.algorithm("")
	if err != nil {
		return nil, err
	}
	switch {
	case j.kind == typeOct:
		return HMACKey(j.id, alg, j.value("k"))
	case !j.private():
		return j.public(alg)
	}
	return j.signer(alg)
}

// A jwk is a JSON Web Key as it was written.
type jwk struct {
	kind    keyType
	id, alg string
	use     string
	ops     []string // nil: not said
	curve   string
	values  map[string]string // the members that are base64url
}

// keyMembers are the members of a key that are base64url (RFC 7518 §6).
const keyMembers = " n e x y k d p q dp dq qi "

// member reads the value of one member.
func (j *jwk) member(r *jsonReader, name string) (err error) {
	switch name {
	case "kty":
		var s string
		s, err = r.text()
		j.kind = keyType(s)
	case "kid":
		j.id, err = r.text()
	case "alg":
		j.alg, err = r.text()
	case "use":
		j.use, err = r.text()
	case "crv":
		j.curve, err = r.text()
	case "key_ops":
		j.ops = []string{}
		err = r.array(func() error {
			op, err := r.text()
			j.ops = append(j.ops, op)
			return err
		})
	case "oth":
		err = errors.New("RSA of more than two primes")
	default:
		if !strings.Contains(keyMembers, " "+name+" ") {
			return r.skip()
		}
		if j.values == nil {
			j.values = make(map[string]string)
		}
		j.values[name], err = r.text()
	}
	return err
}

// private reports whether j has a part that is not public.
func (j *jwk) private() bool {
	for _, name := range [...]string{"k", "d", "p", "q", "dp", "dq", "qi"} {
		if _, ok := j.values[name]; ok {
			return true
		}
	}
	return false
}

// algorithm returns the one algorithm of j, if j is for signatures. An RSA key that
// names none has that of the argument.
func (j *jwk) algorithm(rsaDefault Algorithm) (Algorithm, error) {
	if j.use != "" && j.use != "sig" {
		return "", refuseKey("its use is %q", j.use)
	}
	if j.ops != nil && !slices.Contains(j.ops, "verify") {
		return "", refuseKey("its key_ops are without \"verify\"")
	}
	name := Algorithm(j.alg)
	if name == "" {
		switch j.kind {
		case typeRSA:
			name = rsaDefault
		case typeEC:
			name = map[string]Algorithm{"P-256": ES256, "P-384": ES384, "P-521": ES512}[j.curve]
		case typeOKP:
			name = EdDSA
		}
	}
	if name == "" {
		return "", refuseKey("it names no alg")
	}
	a, err := algorithmOf(name)
	if err != nil {
		return "", err
	}
	if a.kind != j.kind {
		return "", refuseKey("its kty %q does not fit its alg %s", string(j.kind), name)
	}
	if a.kind == typeEC && j.curve != a.curve.Params().Name || a.kind == typeOKP && j.curve != "Ed25519" {
		return "", refuseKey("its crv %q does not fit its alg %s", j.curve, name)
	}
	return name, nil
}

// value decodes a member, or returns nil.
func (j *jwk) value(name string) []byte {
	text := j.values[name]
	b, err := encoding.DecodeString(text)
	if err != nil || len(b) == 0 || !wholly(text, b) {
		return nil
	}
	return b
}

// public makes the public key of j.
func (j *jwk) public(alg Algorithm) (*Key, error) {
	var public crypto.PublicKey
	switch a := algorithms[alg]; a.kind {
	case typeRSA:
		e := new(big.Int).SetBytes(j.value("e"))
		if e.BitLen() > 31 {
			return nil, refuseKey("the RSA exponent has %d bits", e.BitLen())
		}
		public = &rsa.PublicKey{N: new(big.Int).SetBytes(j.value("n")), E: int(e.Int64())}
	case typeEC:
		x, y, width := j.value("x"), j.value("y"), (a.curve.Params().BitSize+7)/8
		if len(x) != width || len(y) != width {
			return nil, refuseKey("the coordinates have %d and %d bytes, not %d", len(x), len(y), width)
		}
		point, err := ecdsa.ParseUncompressedPublicKey(a.curve, append(append([]byte{4}, x...), y...))
		if err != nil {
			return nil, refuseKey("the point is not on the curve %s", j.curve)
		}
		public = point
	case typeOKP:
		public = ed25519.PublicKey(j.value("x"))
	}
	return PublicKey(j.id, alg, public)
}

// signer makes the key of j that signs.
func (j *jwk) signer(alg Algorithm) (*Key, error) {
	k, err := j.public(alg)
	if err != nil {
		return nil, err
	}
	d := j.value("d")
	var private crypto.Signer
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		key := &rsa.PrivateKey{PublicKey: *p, D: new(big.Int).SetBytes(d)}
		for _, prime := range [...]string{"p", "q"} {
			key.Primes = append(key.Primes, new(big.Int).SetBytes(j.value(prime)))
		}
		if key.Validate() != nil {
			return nil, refuseKey("the private part does not fit the public one, or lacks p and q")
		}
		key.Precompute()
		private = key
	case *ecdsa.PublicKey:
		key, err := ecdsa.ParseRawPrivateKey(p.Curve, d)
		if err != nil || !key.PublicKey.Equal(p) {
			return nil, refuseKey("the private part does not fit the public one")
		}
		private = key
	case ed25519.PublicKey:
		if len(d) != ed25519.SeedSize || !p.Equal(ed25519.NewKeyFromSeed(d).Public()) {
			return nil, refuseKey("the private part does not fit the public one")
		}
		private = ed25519.NewKeyFromSeed(d)
	}
	k.signer = private
	return k, nil
}

// Thumbprint returns the SHA-256 thumbprint of RFC 7638, "" for HMAC keys: that of
// a secret would help to search for it.
func (k *Key) Thumbprint() string {
	members := k.members()
	if members == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("{" + members + "}"))
	return encoding.EncodeToString(sum[:])
}

// MarshalJSON returns the public JWK. That of an HMAC key has no key in it.
func (k Key) MarshalJSON() ([]byte, error) {
	if k.alg == nil {
		return nil, refuseKey("it was not made by this package")
	}
	return k.jwk(), nil
}

func (k *Key) jwk() []byte {
	members := k.members()
	if members == "" {
		members = `"kty":"oct"`
	}
	return fmt.Appendf(nil, `{%s,"kid":"%s","alg":"%s","use":"sig"}`, members, k.id, k.alg.name)
}

// members are the members that RFC 7638 §3.2 requires, in its order.
func (k *Key) members() string {
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`"e":"%s","kty":"RSA","n":"%s"`, encodeInt(big.NewInt(int64(p.E))), encodeInt(p.N))
	case *ecdsa.PublicKey:
		point, _ := p.Bytes() // checked when the key was made
		width := len(point) / 2
		return fmt.Sprintf(`"crv":"%s","kty":"EC","x":"%s","y":"%s"`, p.Params().Name,
			encoding.EncodeToString(point[1:1+width]), encoding.EncodeToString(point[1+width:]))
	case ed25519.PublicKey:
		return fmt.Sprintf(`"crv":"Ed25519","kty":"OKP","x":"%s"`, encoding.EncodeToString(p))
	}
	return ""
}

func encodeInt(n *big.Int) string { return encoding.EncodeToString(n.Bytes()) }
