package passkey

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// minRSA and maxRSA bound the modulus of an RS256 key, in bits. NIST SP 800-131A
// wants 2048; a larger key costs more with each login.
const (
	minRSA = 2048
	maxRSA = 4096
)

// checkKey makes sure that the key can verify something, and not whatever anybody
// signs. With no attestation nothing has been verified yet, and go-webauthn looks at
// the algorithm, at lengths, and at the point of an elliptic curve alone.
func checkKey(cose []byte) error {
	if len(cose) > MaxPublicKey {
		return fmt.Errorf("a key of %d bytes", len(cose))
	}
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return fmt.Errorf("the key: %w", plain(err))
	}
	switch k := key.(type) {
	case webauthncose.RSAPublicKeyData:
		return checkRSA(&k)
	case webauthncose.OKPPublicKeyData:
		return checkEd25519(k.XCoord)
	}
	return nil
}

// checkRSA wants what crypto/rsa verifies with: odd numbers (RFC 8017 §3.1), and an
// exponent of at most 31 bits.
func checkRSA(k *webauthncose.RSAPublicKeyData) error {
	n := new(big.Int).SetBytes(k.Modulus)
	if n.BitLen() < minRSA || n.BitLen() > maxRSA || n.Bit(0) == 0 {
		return fmt.Errorf("an RSA modulus of %d bits, or an even one", n.BitLen())
	}
	e, err := webauthncose.ParseRSAPublicKeyDataExponent(k)
	if err != nil || e < 3 || e > 1<<31-1 || e%2 == 0 {
		return errors.New("an RSA exponent that is even, too small or too large")
	}
	return nil
}

var errPoint = errors.New("an Ed25519 key that is no point of the curve, or one of small order")

// The field and the curve of Ed25519: -x²+y² = 1+d·x²·y² (RFC 8032 §5.1).
var (
	edField = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	edCurve = divide(big.NewInt(-121665), big.NewInt(121666))
	one     = big.NewInt(1)
)

// checkEd25519 refuses 32 bytes that are no point, with which nothing verifies, and
// points of small order, with which anybody signs: for them the equation of RFC 8032
// §5.1.7 holds without a private key, for all messages or for one in eight.
//
// The order is found by doubling three times, in y alone: x² follows from y², and the
// new y from both. All of it is public, so it need not take constant time.
func checkEd25519(key []byte) error {
	reversed := slices.Clone(key) // little-endian, and the sign of x in the last bit
	slices.Reverse(reversed)
	reversed[0] &= 0x7f
	y := new(big.Int).SetBytes(reversed)
	y.Mod(y, edField)
	if big.Jacobi(squareOfX(y), edField) < 0 {
		return errPoint
	}
	for range 3 {
		xx, yy := squareOfX(y), new(big.Int).Mul(y, y)
		above, below := new(big.Int).Add(yy, xx), big.NewInt(2)
		y = divide(above, below.Add(below, xx).Sub(below, yy))
	}
	if y.Cmp(one) == 0 { // the neutral element, (0, 1)
		return errPoint
	}
	return nil
}

// squareOfX returns x² = (y²-1)/(d·y²+1). That is never divided by zero, as -1/d is
// no square.
func squareOfX(y *big.Int) *big.Int {
	yy := new(big.Int).Mul(y, y)
	below := new(big.Int).Mul(edCurve, yy)
	return divide(yy.Sub(yy, one), below.Add(below, one))
}

// divide returns a/b in the field.
func divide(a, b *big.Int) *big.Int {
	inverse := new(big.Int).ModInverse(new(big.Int).Mod(b, edField), edField)
	return inverse.Mul(inverse, a).Mod(inverse, edField)
}
