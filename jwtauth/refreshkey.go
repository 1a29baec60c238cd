package jwtauth

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// RefreshKeySize is the length of a refresh key, in bytes.
const RefreshKeySize = 32

// refreshKeyID tells the few keys of one service apart. It is no secret, and
// nothing is trusted for it.
type refreshKeyID [8]byte

// A refreshKey is what one configured key becomes for one Issuer.
type refreshKey struct {
	id  refreshKeyID
	mac []byte
}

// refreshKeys make tokens with the first key and recognise those of all.
type refreshKeys struct{ keys []*refreshKey }

var (
	errNoRefreshKey   = errors.New("jwtauth: RefreshKeys is empty: name a key of 32 random bytes, such as `openssl rand -base64 32` makes, the same one in all processes")
	errRefreshKeySize = fmt.Errorf("must have %d bytes: make one with `openssl rand -base64 %d` and decode it", RefreshKeySize, RefreshKeySize)
	errRefreshKeySame = errors.New("is one byte over and over: use random bytes")
	errRefreshKeyTwin = errors.New("is there twice: remove one of them")
)

// newRefreshKeys derives the keys of an Issuer (RFC 5869). The context is what
// the tokens are bound to: an Issuer of another context derives other keys from
// the same secret, and does not recognise them (RFC 6749 §6, RFT-14).
func newRefreshKeys(secrets [][]byte, context ...string) (*refreshKeys, error) {
	if len(secrets) == 0 {
		return nil, errNoRefreshKey
	}
	info := make([]byte, 0, 128)
	for _, s := range context {
		// With lengths, so that two contexts cannot run into each other.
		info = binary.AppendUvarint(info, uint64(len(s)))
		info = append(info, s...)
	}
	s := new(refreshKeys)
	for i, secret := range secrets {
		k, err := deriveRefreshKey(secret, string(info))
		if err == nil && s.find(k.id) != nil {
			err = errRefreshKeyTwin
		}
		if err != nil {
			return nil, fmt.Errorf("jwtauth: RefreshKeys[%d] %w", i, err)
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

// deriveRefreshKey tells id and key apart by labels of which neither begins the
// other.
func deriveRefreshKey(secret []byte, info string) (*refreshKey, error) {
	if len(secret) != RefreshKeySize {
		return nil, errRefreshKeySize
	}
	if bytes.Count(secret, secret[:1]) == RefreshKeySize {
		return nil, errRefreshKeySame
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "sallyport refresh v1 id "+info, len(refreshKeyID{}))
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Key(sha256.New, secret, nil, "sallyport refresh v1 mac "+info, sha256.Size)
	if err != nil {
		return nil, err
	}
	return &refreshKey{id: refreshKeyID(id), mac: mac}, nil
}

// find returns the key with that id, or nil.
func (s *refreshKeys) find(id refreshKeyID) *refreshKey {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}
