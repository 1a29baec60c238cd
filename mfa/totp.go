package mfa

import (
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is what RFC 6238 is built on; a MAC does not need a hash without collisions
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// An Algorithm is the hash of a TOTP (RFC 6238 §1.2).
type Algorithm uint8

// The algorithms.
const (
	SHA1 Algorithm = iota
	SHA256
	SHA512
)

// String returns the name that an otpauth URI has for a.
func (a Algorithm) String() string {
	switch a {
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	}
	return "unknown"
}

// period is the length of a time step X of RFC 6238 §4.1, in seconds.
const period = 30

// steps are the time steps whose codes are good: the current one and one either
// side.
const steps = 3

// A totpFactor is an open secret with its parameters.
type totpFactor struct {
	algorithm Algorithm
	digits    int
	secret    []byte
}

// stepAt returns the time step of t, which is 1 at least so that it has one
// before it. Nobody's clock is in 1970; one that was never set is.
func stepAt(t time.Time) uint64 {
	return uint64(max(t.Unix()/period, 1))
}

// match returns the time step of which code is the code at now, the latest if it
// is one of several, and 0 if it is of none. All steps are computed and compared,
// so the time that it takes does not tell which one it is.
func (t *totpFactor) match(code string, now time.Time) uint64 {
	typed, ok := parseCode(code, t.digits)
	if !ok {
		return 0
	}
	at := stepAt(now)
	found := 0
	var codes [steps]uint32
	t.codes(at-1, &codes)
	for i, c := range codes {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeEq(int32(typed), int32(c)), i+1, found) //nolint:gosec // at most 99,999,999
	}
	if found == 0 {
		return 0
	}
	return at - 2 + uint64(found)
}

// parseCode reads a code: as many ASCII digits as it has, and nothing else.
func parseCode(code string, digits int) (n uint32, ok bool) {
	if len(code) != digits {
		return 0, false
	}
	for i := range len(code) {
		d := code[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint32(d)
	}
	return n, true
}

// codes computes the codes of steps that follow each other.
func (t *totpFactor) codes(first uint64, out *[steps]uint32) {
	switch t.algorithm {
	case SHA256:
		t.codes256(first, out)
	case SHA512:
		t.codes512(first, out)
	default:
		t.codes1(first, out)
	}
}

// The three below are HMAC (RFC 2104) over a time step, written out so that all of
// it is on the stack: crypto/hmac allocates, and a sign-in would pay for it three
// times.

func (t *totpFactor) codes1(first uint64, out *[steps]uint32) {
	const block = sha1.BlockSize
	var inner [block + 8]byte
	var outer [block + sha1.Size]byte
	key := t.secret
	if len(key) > block {
		sum := sha1.Sum(key) //nolint:gosec // see the import
		copy(inner[:], sum[:])
	} else {
		copy(inner[:], key)
	}
	pads(inner[:block], outer[:block])
	for i := range out {
		binary.BigEndian.PutUint64(inner[block:], first+uint64(i))
		sum := sha1.Sum(inner[:]) //nolint:gosec // see the import
		copy(outer[block:], sum[:])
		sum = sha1.Sum(outer[:]) //nolint:gosec // see the import
		out[i] = truncate(sum[:], t.digits)
	}
}

func (t *totpFactor) codes256(first uint64, out *[steps]uint32) {
	const block = sha256.BlockSize
	var inner [block + 8]byte
	var outer [block + sha256.Size]byte
	key := t.secret
	if len(key) > block {
		sum := sha256.Sum256(key)
		copy(inner[:], sum[:])
	} else {
		copy(inner[:], key)
	}
	pads(inner[:block], outer[:block])
	for i := range out {
		binary.BigEndian.PutUint64(inner[block:], first+uint64(i))
		sum := sha256.Sum256(inner[:])
		copy(outer[block:], sum[:])
		sum = sha256.Sum256(outer[:])
		out[i] = truncate(sum[:], t.digits)
	}
}

func (t *totpFactor) codes512(first uint64, out *[steps]uint32) {
	const block = sha512.BlockSize
	var inner [block + 8]byte
	var outer [block + sha512.Size]byte
	key := t.secret
	if len(key) > block {
		sum := sha512.Sum512(key)
		copy(inner[:], sum[:])
	} else {
		copy(inner[:], key)
	}
	pads(inner[:block], outer[:block])
	for i := range out {
		binary.BigEndian.PutUint64(inner[block:], first+uint64(i))
		sum := sha512.Sum512(inner[:])
		copy(outer[block:], sum[:])
		sum = sha512.Sum512(outer[:])
		out[i] = truncate(sum[:], t.digits)
	}
}

// pads turns a key, filled up with zeros in inner, into the two pads of HMAC.
func pads(inner, outer []byte) {
	for i, b := range inner {
		inner[i], outer[i] = b^0x36, b^0x5c
	}
}

// truncate is RFC 4226 §5.3.
func truncate(sum []byte, digits int) uint32 {
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	if digits == 8 {
		return n % 100_000_000
	}
	return n % 1_000_000
}
