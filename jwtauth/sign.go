package jwtauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// encoding is base64url without padding (RFC 7515 §2). It refuses stray bits; of
// line breaks, which encoding/base64 skips, the callers take care.
var encoding = base64.RawURLEncoding.Strict()

// sign returns the JWS compact serialization of payload, signed by the signing
// key of the set as it is at this moment. The header has alg, kid and typ.
func (s *KeySet) sign(typ string, payload []byte) (string, error) {
	k := s.load().signing
	if k == nil {
		return "", ErrNoSigningKey
	}
	return k.sign(typ, payload)
}

func (k *Key) sign(typ string, payload []byte) (string, error) {
	if !plainText(typ) {
		return "", fmt.Errorf("jwtauth: typ %q cannot stand in a header", typ)
	}
	header := k.header(typ)
	token := make([]byte, 0, encoding.EncodedLen(len(header))+encoding.EncodedLen(len(payload))+encoding.EncodedLen(maxRSABits/8)+2)
	token = encoding.AppendEncode(token, []byte(header))
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	signature, err := k.signature(string(token))
	if err != nil {
		return "", fmt.Errorf("jwtauth: signing with %s: %w", k, err)
	}
	token = append(token, '.')
	token = encoding.AppendEncode(token, signature)
	return string(token), nil
}

// header is the header of the tokens that k signs. Id and typ are plain text.
func (k *Key) header(typ string) string {
	return `{"alg":"` + string(k.alg.name) + `","kid":"` + k.id + `","typ":"` + typ + `"}`
}

// signature signs the JWS signing input.
func (k *Key) signature(input string) ([]byte, error) {
	if k.mac != nil {
		return k.mac.sign(input), nil
	}
	if k.signer == nil {
		return nil, ErrNoSigningKey
	}
	digest := []byte(input)
	if k.alg.hash != 0 {
		h := k.alg.hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	signature, err := k.signer.Sign(rand.Reader, digest, k.alg.opts)
	if err != nil {
		return nil, err
	}
	if k.alg.kind == typeEC {
		if signature, err = k.fixedWidth(signature); err != nil {
			return nil, err
		}
	}
	switch k.signer.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
	default: // a service far away may sign with another key, or not at all
		if !k.verify(input, signature) {
			return nil, errSigner
		}
	}
	return signature, nil
}

var errSigner = errors.New("the crypto.Signer returned a signature that its public key does not verify")

// fixedWidth turns the ECDSA signature of a crypto.Signer, which is ASN.1, into
// that of RFC 7518 §3.4: r and s, each as wide as the curve.
func (k *Key) fixedWidth(der []byte) ([]byte, error) {
	var point struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &point)
	width := (k.alg.curve.Params().BitSize + 7) / 8
	if err != nil || len(rest) > 0 || !fits(point.R, width) || !fits(point.S, width) {
		return nil, errSigner
	}
	out := make([]byte, 2*width)
	point.R.FillBytes(out[:width])
	point.S.FillBytes(out[width:])
	return out, nil
}

func fits(n *big.Int, width int) bool { return n.Sign() > 0 && n.BitLen() <= 8*width }

// verify reports whether signature is one of k for the signing input. golang-jwt
// checks the width of an ECDSA signature, and the standard library that r and s
// lie between 0 and the order of the curve (JWT-23).
func (k *Key) verify(input string, signature []byte) bool {
	if k.mac != nil {
		return k.mac.verify(input, signature)
	}
	return k.alg.method.Verify(input, signature, k.public) == nil
}
