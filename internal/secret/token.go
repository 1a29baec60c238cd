package secret

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
)

// MinBytes is the least randomness of a Token, in bytes: 128 bits.
const MinBytes = 16

// Token returns n random bytes as base64url without padding, so that it can
// stand in a cookie, a URL, a header or a JSON string as it is. 16 bytes become
// 22 characters, 32 bytes become 43.
//
// It panics if n is less than MinBytes: the size of a secret is written in the
// program, and too small a one is a mistake there. If the system has no
// randomness, crypto/rand ends the process.
func Token(n int) string {
	if n < MinBytes {
		panic(fmt.Sprintf("secret: a token of %d bytes can be guessed: ask for at least %d", n, MinBytes))
	}
	var space, text [64]byte
	raw := slices.Grow(space[:0], n)[:n]
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	return string(base64.RawURLEncoding.AppendEncode(text[:0], raw))
}
