package jwtauth

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A KeySet is the keys of a service that issues its own tokens: one that signs
// and any number that only verify, because they signed before or will sign soon.
//
// It is either of HMAC keys or of asymmetric ones, never both, and no two keys
// have one id. A change is one atomic step: a token is signed and verified with
// the keys as they are before it or after it. A change that is wrong is an error
// and leaves the set as it was. All methods are safe for concurrent use. The zero
// KeySet has no keys, and a Verifier with it refuses every token.
//
// # Changing the key of a fleet
//
// No token is refused if each step has reached every process, and every foreign
// service that reads the JWKS, before the next one begins:
//
//  1. Publish: [KeySet.Add] the next key everywhere. Nothing is signed with it
//     yet. Wait for the max-age of the JWKS (5 minutes unless configured).
//  2. Sign: [KeySet.Rotate] to it, in any order. Processes that are late verify
//     its tokens already, and all verify those of the old key.
//  3. Retire: [KeySet.Retire] the old one when its last token has expired, after
//     the lifetime of access tokens and the leeway, which an overlap of Rotate does
//     by itself.
//
// If a key is stolen, Rotate and Retire at once: its tokens are refused from the
// next request on.
type KeySet struct {
	mu   sync.Mutex           // of writers
	ring atomic.Pointer[ring] // nil: no keys
}

// A ring is the keys of a set at one moment. It is immutable.
type ring struct {
	signing *Key // may be nil
	keys    []*Key
	byID    map[string]*Key
}

// maxKeys is the number of keys that a set may have.
const maxKeys = 100

// NewKeySet makes a set. The signing key may be nil: then the set only verifies.
// A key to verify with is not signed with, whether it could or not.
func NewKeySet(signing *Key, verify ...*Key) (*KeySet, error) {
	r, err := newRing(signing, verify)
	if err != nil {
		return nil, err
	}
	s := new(KeySet)
	s.ring.Store(r)
	return s, nil
}

// Replace puts other keys in the place of all that are there. What is not among
// them is refused from the next request on. On an error nothing changes.
func (s *KeySet) Replace(signing *Key, verify ...*Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set(signing, verify)
}

// Add publishes a key that is not signed with yet.
func (s *KeySet) Add(k *Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.load()
	return s.set(r.signing, append(r.others(), k))
}

// Rotate signs with next from now on. The key that signed before verifies for the
// overlap from now, which should be the lifetime of access tokens and a minute; with
// an overlap of zero it is refused at once. Next may be in the set already, as
// published by Add, with or without a window. Keys whose time was over before now
// are taken out.
func (s *KeySet) Rotate(next *Key, now time.Time, overlap time.Duration) error {
	if next == nil {
		return refuseKey("there is no next key")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.load()
	if old := r.byID[next.id]; old != nil && !old.sameMaterial(next) {
		return refuseKey("the set has another key of the id %q", next.id)
	}
	others := slices.DeleteFunc(r.others(), func(k *Key) bool {
		return k.id == next.id || !k.notAfter.IsZero() && k.notAfter.Before(now)
	})
	if old := r.signing; old != nil && old.id != next.id && overlap > 0 {
		others = append(others, old.Between(time.Time{}, now.Add(overlap)))
	}
	return s.set(next, others)
}

// Retire takes out the key of that id. The signing key cannot be retired; Rotate
// first. It is no error if there is no such key.
func (s *KeySet) Retire(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.load()
	if r.signing != nil && r.signing.id == id {
		return refuseKey("%q is the signing key: rotate first", id)
	}
	return s.set(r.signing, slices.DeleteFunc(r.others(), func(k *Key) bool { return k.id == id }))
}

// noKeys is what the zero KeySet has.
var noKeys = new(ring)

// load returns the keys as they are at this moment.
func (s *KeySet) load() *ring {
	if r := s.ring.Load(); r != nil {
		return r
	}
	return noKeys
}

// Signing returns the key that signs, or nil.
func (s *KeySet) Signing() *Key { return s.load().signing }

// Keys returns all keys, the signing key first.
func (s *KeySet) Keys() []*Key { return slices.Clone(s.load().keys) }

// set is called with mu held.
func (s *KeySet) set(signing *Key, verify []*Key) error {
	r, err := newRing(signing, verify)
	if err != nil {
		return err
	}
	s.ring.Store(r)
	return nil
}

// others returns a new list of the keys that only verify.
func (r *ring) others() []*Key {
	return slices.DeleteFunc(slices.Clone(r.keys), func(k *Key) bool { return k == r.signing })
}

// newRing holds keys to the rules of a set.
func newRing(signing *Key, verify []*Key) (*ring, error) {
	r := &ring{signing: signing, byID: make(map[string]*Key, 1+len(verify))}
	if signing != nil {
		if !signing.CanSign() {
			return nil, refuseKey("%q is to sign and has no private part", signing.id)
		}
		if signing.windowed() {
			return nil, refuseKey("%q is to sign and is a copy made by Between: use the key itself", signing.id)
		}
		r.keys = append(r.keys, signing)
	}
	r.keys = append(r.keys, verify...)
	if len(r.keys) == 0 {
		return nil, refuseKey("a key set without a key refuses every token")
	}
	if len(r.keys) > maxKeys {
		return nil, refuseKey("%d keys: use up to %d", len(r.keys), maxKeys)
	}
	for _, k := range r.keys {
		if k == nil || k.alg == nil {
			return nil, refuseKey("one of the keys is nil or was not made by this package")
		}
		if (k.mac == nil) != (r.keys[0].mac == nil) {
			return nil, refuseKey("HMAC and asymmetric keys are in one set: whoever knows a public key could sign with it as a secret")
		}
		if r.byID[k.id] != nil {
			return nil, refuseKey("two keys have the id %q", k.id)
		}
		r.byID[k.id] = k
	}
	return r, nil
}
