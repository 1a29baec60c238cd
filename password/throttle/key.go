package throttle

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
)

// A Key is what attempts are counted under. It shows nobody what was counted:
// names and addresses leave this package as a digest only.
type Key struct {
	space *space
	text  string
}

// A space keeps the keys of Limiters with different names apart.
type space struct {
	name string
	salt uint64 // of the name, for the table in memory
}

func newSpace(name string) *space {
	sum := sha256.Sum256([]byte(name))
	return &space{name: name, salt: binary.LittleEndian.Uint64(sum[:])}
}

// NewKey returns the key of text for a Limiter of that name, for tests of a
// Store.
func NewKey(name, text string) Key { return Key{newSpace(name), text} }

// String returns a digest of the key: 43 letters, digits, '-' and '_'. Stores
// that leave this process keep that, so nobody chooses how long a key is, and
// who reads the store sees no names and no addresses. They can be guessed and
// compared all the same.
func (k Key) String() string {
	b := make([]byte, 0, 128)
	b = append(b, k.space.name...)
	b = append(b, 0) // which no name has
	b = append(b, k.text...)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// GoString keeps %#v from showing what is counted.
func (k Key) GoString() string { return "throttle.Key(" + k.String() + ")" }

// hash is the name of the key in a table whose seed nobody knows. It is never 0.
// Of two keys that somebody chooses, the hashes are equal by a chance of 2^-64:
// the salt moves them by an amount that does not depend on the seed.
func (k Key) hash(seed maphash.Seed) uint64 {
	return max(maphash.String(seed, k.text)^k.space.salt, 1)
}
