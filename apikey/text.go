package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// The parts of a key's text, prefix_id_secret: the id is of ShardLen and 16 random
// characters, the secret of 43, which is 256 bits, and of a checksum of 6.
//
// All are digits and letters of ASCII. A random character is one of 62 with equal
// chance, so every text of that form has one meaning: there is nothing to decode, and
// no second spelling of a key.
const (
	idLen     = ShardLen + 16
	secretLen = 43 // 43 * log2(62) = 256.03
	sumLen    = 6  // 62^6 > 2^32
	tailLen   = 1 + idLen + 1 + secretLen + sumLen
	maxPrefix = 40 // bytes, of Config.Prefix with the environment
)

// ShardLen is how many characters of an id tell where the keys of a subject are kept.
const ShardLen = 3

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// ShardOf returns the ShardLen characters with which the ids of all keys of a subject
// begin. They are 18 bits of a hash: many subjects have the same. A Store on several
// machines keeps by it all keys of a subject on one, such as in a hash slot of a
// Redis Cluster, and finds the machine of an id.
func ShardOf(subject string) string {
	sum := sha256.Sum256([]byte("sallyport apikey shard\x00" + subject))
	n := binary.BigEndian.Uint64(sum[:8]) // 64 bits, so that the rest is even to 2^-46
	var b [ShardLen]byte
	for i := range b {
		b[i] = base62[n%62]
		n /= 62
	}
	return string(b[:])
}

// newID returns an id that nobody has: 95 random bits.
func newID(subject string) string { return ShardOf(subject) + randomText(idLen-ShardLen) }

// randomText returns n characters of crypto/rand.
func randomText(n int) string {
	const even = 256 / 62 * 62 // of the byte values below it each character has as many
	out := make([]byte, 0, n)
	var space [64]byte
	for len(out) < n {
		_, _ = rand.Read(space[:]) // never fails, see crypto/rand
		for _, c := range space {
			if c < even && len(out) < n {
				out = append(out, base62[c%62])
			}
		}
	}
	return string(out)
}

// compose returns the text of a key.
func compose(prefix, id, secret string) string {
	text := prefix + "_" + id + "_" + secret
	sum := checksum(text)
	return text + string(sum[:])
}

// checksum is the CRC-32 (IEEE 802.3) of everything before it, in 6 digits of base 62,
// the most significant first. It keeps typing errors, cut ends and texts that only
// look like keys away from the store; it protects from nobody who means harm.
func checksum(text string) (sum [sumLen]byte) {
	var space [maxPrefix + tailLen]byte // on the stack, unlike a []byte of text
	n := crc32.ChecksumIEEE(space[:copy(space[:], text)])
	for i := sumLen - 1; i >= 0; i-- {
		sum[i] = base62[n%62]
		n /= 62
	}
	return sum
}

// Parse takes the text of a key apart and checks its form and checksum: what can be
// known without the store, of a key with any prefix. It is for scanners and support,
// who find by the id whose key it is. The error is ErrMalformed.
func Parse(text string) (prefix, id string, err error) {
	prefix, id, _, ok := split(text)
	if !ok || !validPrefix(prefix) {
		return "", "", ErrMalformed
	}
	return prefix, id, nil
}

// split is Parse without a look at the prefix. It does not allocate.
func split(text string) (prefix, id, secret string, ok bool) {
	n := len(text) - tailLen
	if n < 1 || n > maxPrefix || text[n] != '_' || text[n+1+idLen] != '_' {
		return "", "", "", false
	}
	id, secret = text[n+1:n+1+idLen], text[n+2+idLen:len(text)-sumLen]
	for i := n + 1; i < len(text); i++ {
		if !isBase62(text[i]) && i != n+1+idLen {
			return "", "", "", false
		}
	}
	sum := checksum(text[:len(text)-sumLen])
	if text[len(text)-sumLen:] != string(sum[:]) {
		return "", "", "", false
	}
	return text[:n], id, secret, true
}

// validID reports whether id has the form of one. Nothing else is asked of a Store.
func validID(id string) bool {
	for i := range len(id) {
		if !isBase62(id[i]) {
			return false
		}
	}
	return len(id) == idLen
}

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// validPrefix reports whether text can be the prefix of keys: lower-case letters and
// digits, the first a letter, in parts joined by "_".
func validPrefix(text string) bool {
	if text == "" || len(text) > maxPrefix || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	for part := range strings.SplitSeq(text, "_") {
		if part == "" {
			return false
		}
		for i := range len(part) {
			if c := part[i]; !('a' <= c && c <= 'z') && !('0' <= c && c <= '9') {
				return false
			}
		}
	}
	return true
}

// pattern is the regular expression (RE2, PCRE) for keys with one of these prefixes. The
// group does not capture: scanners such as gitleaks take what a group captures for the
// secret.
func pattern(prefixes []string) string {
	return `\b(?:` + strings.Join(prefixes, "|") + `)_[0-9A-Za-z]{19}_[0-9A-Za-z]{49}\b`
}
