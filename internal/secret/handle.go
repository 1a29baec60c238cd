package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
)

// A Handle names a token in places that must not hold the token: stores, cache
// keys, audit. It is the SHA-256 of the token's text, so it can be compared, be
// a map key, and be computed on every request without an allocation.
//
// It is no secret to the client that has the token, but two logs that show the
// same Handle tell that they saw the same credential.
type Handle [sha256.Size]byte

// errHandle does not show the text: it may be a token in the wrong place.
var errHandle = errors.New("secret: not the encoding of a handle")

// HandleOf returns the Handle of token. The token must have the entropy of a
// Token; see the package comment. Up to 4,096 bytes it does not allocate.
func HandleOf(token string) Handle {
	return digest(token)
}

// ParseHandle reads what Encode wrote. Each Handle has exactly one encoding;
// padding, other alphabets and stray bits are refused.
func ParseHandle(text string) (Handle, error) {
	var h Handle
	if len(text) != handleEncoding.EncodedLen(len(h)) {
		return Handle{}, errHandle
	}
	// A line break, which encoding/base64 skips, leaves too few bytes.
	if n, err := handleEncoding.Decode(h[:], []byte(text)); err != nil || n != len(h) {
		return Handle{}, errHandle
	}
	return h, nil
}

// Encode returns h as 43 characters of base64url.
func (h Handle) Encode() string {
	var text [43]byte
	return string(handleEncoding.AppendEncode(text[:0], h[:]))
}

// Equal reports whether h and other are the same, in constant time.
func (h Handle) Equal(other Handle) bool {
	return subtle.ConstantTimeCompare(h[:], other[:]) == 1
}

var handleEncoding = base64.RawURLEncoding.Strict()
