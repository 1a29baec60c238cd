package jwtauth

import (
	"context"
	"strings"
	"sync/atomic"
)

// A KeySource has the keys that a Verifier verifies with: a *KeySet for tokens of
// the service itself, a *RemoteKeySet for those of another issuer.
type KeySource interface {
	// current returns the keys as they are now.
	current(ctx context.Context) (*ring, error)
	// newer returns keys that are newer than those, if there are any: a token names
	// a key that is not among them, or is not verified by the one that it names.
	newer(ctx context.Context, than *ring) (*ring, error)
}

func (s *KeySet) current(context.Context) (*ring, error) { return s.load(), nil }

func (s *KeySet) newer(context.Context, *ring) (*ring, error) { return s.load(), nil }

// has reports whether k, the very key, is in r.
func (r *ring) has(k *Key) bool { return r.byID[k.id] == k }

// symmetric reports whether the keys are HMAC keys.
func (r *ring) symmetric() bool { return len(r.keys) > 0 && r.keys[0].mac != nil }

// find returns the key that a header names. The kid is looked up in a map and has
// no other use (JWT-06). Without a kid it is the key of the alg, if there is exactly
// one.
func (r *ring) find(h *header) (*Key, error) {
	if h.hasID {
		k := r.byID[h.kid]
		switch {
		case k == nil:
			return nil, errUnknownKey
		case string(k.alg.name) != h.alg:
			return nil, errAlgorithm
		}
		return k, nil
	}
	var found *Key
	for _, k := range r.keys {
		if string(k.alg.name) != h.alg {
			continue
		}
		if found != nil {
			return nil, errUnknownKey
		}
		found = k
	}
	if found == nil {
		return nil, errUnknownKey
	}
	return found, nil
}

// A headerTable knows the key of an encoded header. The tokens of an issuer have
// the same header, byte for byte, as long as the key is the same: to know it saves
// decoding and parsing it, and fixes algorithm and key before anything of the token
// is looked into.
type headerTable struct {
	ring *ring
	keys map[string]*Key
}

// maxLearned is how many headers of other spellings a table learns. Only verified
// tokens teach it.
const maxLearned = 64

// newHeaderTable knows the headers that the library itself writes.
func newHeaderTable(r *ring, typ string) *headerTable {
	t := &headerTable{ring: r, keys: make(map[string]*Key, len(r.keys))}
	for _, k := range r.keys {
		t.keys[encoding.EncodeToString([]byte(k.header(typ)))] = k
	}
	return t
}

// learn puts a table with one more header in the place of t.
func (t *headerTable) learn(at *atomic.Pointer[headerTable], encoded string, k *Key) {
	if len(t.keys) >= len(t.ring.keys)+maxLearned {
		return
	}
	more := &headerTable{ring: t.ring, keys: make(map[string]*Key, len(t.keys)+1)}
	for h, k := range t.keys {
		more.keys[h] = k
	}
	more.keys[strings.Clone(encoded)] = k
	at.CompareAndSwap(t, more)
}
