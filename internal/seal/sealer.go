package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// version is the first byte of every sealed value. A sealed value is
//
//	version (1) || key id (8) || nonce (12) || ciphertext || tag (16)
//
// The first two need no authentication of their own: another version does not
// parse, and another id selects another key, under which the tag is wrong.
const version = 1

const headerSize = 1 + keyIDSize

// The errors of Open. Both say that the value must not be used.
var (
	// ErrOpen is wrapped by every error of Open: the value was changed, cut, sealed
	// for another purpose or other associated data, or is no sealed value.
	ErrOpen = errors.New("seal: the value does not open")
	// ErrUnknownKey wraps ErrOpen: none of the keys has the id that the value
	// names. If the value is genuine, an old key was removed too early.
	ErrUnknownKey = fmt.Errorf("%w: it was sealed with a key that is not configured", ErrOpen)
)

// A Sealer seals values for one purpose with its current key, and opens what any
// of its keys sealed. It is immutable and safe for concurrent use. The zero
// Sealer has no key: it panics on Seal and opens nothing.
type Sealer struct {
	keys []key // the current one first
}

// New returns a Sealer of the current key and any number of old ones, each
// KeySize bytes, which are not retained. The purpose is a short constant such as
// "oauth attempt"; Sealers of different purposes do not open each other's values,
// and changing it makes all sealed values unreadable.
//
// An empty purpose, a key of another length, a key that is all zero and a key
// that is given twice are errors.
func New(purpose string, current []byte, old ...[]byte) (*Sealer, error) {
	if purpose == "" {
		return nil, errors.New("seal: the purpose is empty: name what is sealed, so that its keys serve nothing else")
	}
	s := &Sealer{keys: make([]key, 0, 1+len(old))}
	for i, secret := range append([][]byte{current}, old...) {
		k, err := derive(purpose, secret)
		if err != nil {
			return nil, fmt.Errorf("seal: %s %w", keyName(i), err)
		}
		if j := s.index(k.id); j >= 0 {
			return nil, fmt.Errorf("seal: %s is the same as %s: remove one of them", keyName(i), keyName(j))
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

// Seal returns plaintext sealed with the current key. The associated data is not
// in the result; it is what must be the same at Open, such as a user id. To bind
// several facts, encode them so that they cannot run into each other.
func (s *Sealer) Seal(plaintext, associated []byte) []byte {
	k := s.keys[0]
	sealed := make([]byte, 0, headerSize+len(plaintext)+k.aead.Overhead())
	sealed = append(sealed, version)
	sealed = append(sealed, k.id[:]...)
	return k.aead.Seal(sealed, nil, plaintext, associated) //nolint:gosec // NewGCMWithRandomNonce makes the nonce
}

// Open returns what was sealed with this associated data. Outdated reports that
// an old key sealed it: seal it again and replace it. The error wraps ErrOpen; then
// there is no plaintext and outdated is false.
func (s *Sealer) Open(sealed, associated []byte) (plaintext []byte, outdated bool, err error) {
	if len(sealed) < headerSize || sealed[0] != version {
		return nil, false, ErrOpen
	}
	i := s.index(keyID(sealed[1:headerSize]))
	if i < 0 {
		return nil, false, ErrUnknownKey
	}
	plaintext, err = s.keys[i].aead.Open(nil, nil, sealed[headerSize:], associated)
	if err != nil {
		return nil, false, ErrOpen
	}
	return plaintext, i > 0, nil
}

// SealString is Seal with the result as base64url without padding, for cookies
// and text columns.
func (s *Sealer) SealString(plaintext, associated []byte) string {
	return encoding.EncodeToString(s.Seal(plaintext, associated))
}

// OpenString opens what SealString made. Only the exact text opens: padding, line
// breaks, another alphabet and stray bits are refused.
func (s *Sealer) OpenString(text string, associated []byte) (plaintext []byte, outdated bool, err error) {
	if strings.ContainsAny(text, "\r\n") { // which encoding/base64 skips, even when strict
		return nil, false, ErrOpen
	}
	sealed, err := encoding.DecodeString(text)
	if err != nil {
		return nil, false, ErrOpen
	}
	return s.Open(sealed, associated)
}

var encoding = base64.RawURLEncoding.Strict()

// index returns the position of the key with that id, or -1.
func (s *Sealer) index(id keyID) int {
	for i, k := range s.keys {
		if k.id == id {
			return i
		}
	}
	return -1
}

// keyName names the i-th configured key in an error.
func keyName(i int) string {
	if i == 0 {
		return "the current key"
	}
	return fmt.Sprintf("old key %d", i)
}
