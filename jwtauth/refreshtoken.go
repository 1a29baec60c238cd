package jwtauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// A refresh token is
//
//	version (1) || key id (8) || family id (32) || counter (8) || MAC (32)
//
// in base64url. The length is a multiple of three, so that there is neither
// padding nor a bit to spare: each token has exactly one spelling. The MAC is
// HMAC-SHA-256 over all that precedes it. No access token parses as one: it has
// dots.
const (
	refreshVersion = 1

	keyIDAt   = 1
	familyAt  = keyIDAt + len(refreshKeyID{})
	counterAt = familyAt + len(FamilyID{})
	macAt     = counterAt + 8
	tokenSize = macAt + sha256.Size

	// refreshLength is the length of a refresh token, in characters.
	refreshLength = tokenSize / 3 * 4

	// maxCounter keeps counters exact in stores that count in floating point.
	maxCounter = 1 << 52
)

// seal returns the token of a family with that counter.
func (s *refreshKeys) seal(id FamilyID, counter uint64) string {
	k := s.keys[0]
	raw := make([]byte, 0, tokenSize)
	raw = append(raw, refreshVersion)
	raw = append(raw, k.id[:]...)
	raw = append(raw, id[:]...)
	raw = binary.BigEndian.AppendUint64(raw, counter)
	return encoding.EncodeToString(k.appendMAC(raw))
}

// open returns what a token says, or false unless one of the keys has made it.
// Nothing is looked up.
func (s *refreshKeys) open(token string) (id FamilyID, counter uint64, ok bool) {
	if len(token) != refreshLength {
		return FamilyID{}, 0, false
	}
	var space [tokenSize]byte
	// A line break, which encoding/base64 skips, leaves too few bytes.
	if n, err := encoding.Decode(space[:], []byte(token)); err != nil || n != tokenSize || space[0] != refreshVersion {
		return FamilyID{}, 0, false
	}
	k := s.find(refreshKeyID(space[keyIDAt:familyAt]))
	if k == nil {
		return FamilyID{}, 0, false
	}
	sum := k.appendMAC(space[:macAt:macAt])
	if !hmac.Equal(sum[macAt:], space[macAt:]) {
		return FamilyID{}, 0, false
	}
	counter = binary.BigEndian.Uint64(space[counterAt:])
	if counter == 0 || counter >= maxCounter {
		return FamilyID{}, 0, false
	}
	return FamilyID(space[familyAt:counterAt]), counter, true
}

// appendMAC appends the MAC of b to b.
func (k *refreshKey) appendMAC(b []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(b)
	return h.Sum(b)
}
