package jwtauth

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"hash"
	"slices"
	"sync"

	"github.com/go-sallyport/auth/internal/secret"
)

// HMACKey makes a key of HS256, HS384 or HS512, which both signs and verifies:
// whoever can verify a token can make one. The secret must have at least as many
// bytes as the hash (32, 48 or 64; RFC 7518 §3.2), all of them random; a password
// is not. It is copied.
//
// A secret that is a public key, in PEM, DER, JWK or SSH form or as the point of
// a curve, is refused: everybody knows it.
func HMACKey(id string, alg Algorithm, secret []byte) (*Key, error) {
	a, err := algorithmOf(alg)
	if err != nil {
		return nil, err
	}
	if a.kind != typeOct {
		return nil, refuseKey("%s does not take a secret", alg)
	}
	if err := checkID(id); err != nil {
		return nil, err
	}
	if least := a.hash.Size(); len(secret) < least {
		return nil, refuseKey("%d bytes are too few for %s: use %d random bytes", len(secret), alg, least)
	}
	if what := notSecret(secret); what != "" {
		return nil, refuseKey("the secret is %s: use random bytes", what)
	}
	return &Key{id: id, alg: a, mac: newMACPool(a.hash, secret)}, nil
}

// notSecret says what a secret is that cannot be one, or "".
func notSecret(b []byte) string {
	text := bytes.TrimSpace(b)
	switch {
	case bytes.Count(b, b[:1]) == len(b):
		return "one byte over and over"
	case bytes.Contains(b, []byte("-----BEGIN ")):
		return "a PEM text"
	case len(text) > 0 && text[0] == '{' && json.Valid(text):
		return "a JSON object, such as a JWK"
	case bytes.HasPrefix(text, []byte("ssh-")) || bytes.HasPrefix(text, []byte("ecdsa-sha2-")):
		return "an SSH public key"
	case isDER(b):
		return "a key in DER form"
	case isPoint(b):
		return "a point of an elliptic curve"
	}
	if der, err := base64.StdEncoding.DecodeString(string(text)); err == nil && isDER(der) {
		return "a key in DER form as base64"
	}
	return ""
}

// isDER reports whether b is a key or certificate in one of the forms of ASN.1.
func isDER(b []byte) bool {
	if len(b) == 0 || b[0] != 0x30 {
		return false
	}
	_, pkix := x509.ParsePKIXPublicKey(b)
	_, pkcs1 := x509.ParsePKCS1PublicKey(b)
	_, cert := x509.ParseCertificate(b)
	_, pkcs8 := x509.ParsePKCS8PrivateKey(b)
	_, private := x509.ParsePKCS1PrivateKey(b)
	_, sec1 := x509.ParseECPrivateKey(b)
	return slices.Contains([]error{pkix, pkcs1, cert, pkcs8, private, sec1}, nil)
}

// isPoint reports whether b is an uncompressed point (SEC 1 §2.3.3).
func isPoint(b []byte) bool {
	for _, c := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		if _, err := c.NewPublicKey(b); err == nil {
			return true
		}
	}
	return false
}

// A macPool keeps HMAC states that have taken in the key already: to begin again
// from one is half of the work of a new one.
type macPool struct {
	secret []byte
	states sync.Pool // of *macState
}

type macState struct {
	hash  hash.Hash
	input []byte
	sum   [sha512.Size]byte
}

// maxMACInput is the largest buffer, in bytes, that goes back to the pool.
const maxMACInput = 16 << 10

func newMACPool(h crypto.Hash, key []byte) *macPool {
	p := &macPool{secret: slices.Clone(key)}
	p.states.New = func() any { return &macState{hash: hmac.New(h.New, p.secret)} }
	return p
}

func (p *macPool) sign(input string) []byte {
	s := p.sum(input)
	defer p.put(s)
	return slices.Clone(s.sum[:s.hash.Size()])
}

func (p *macPool) verify(input string, signature []byte) bool {
	s := p.sum(input)
	defer p.put(s)
	return hmac.Equal(signature, s.sum[:s.hash.Size()])
}

func (p *macPool) sum(input string) *macState {
	s := p.states.Get().(*macState)
	s.hash.Reset()
	s.input = append(s.input[:0], input...)
	s.hash.Write(s.input)
	s.hash.Sum(s.sum[:0])
	return s
}

func (p *macPool) put(s *macState) {
	if cap(s.input) <= maxMACInput {
		p.states.Put(s)
	}
}

func (p *macPool) equal(q *macPool) bool { return q != nil && secret.EqualBytes(p.secret, q.secret) }
