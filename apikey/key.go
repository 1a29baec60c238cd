package apikey

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// A Key is the record of an API key. It has no secret in it: what it keeps is a hash
// of 256 random bits, which tells nothing of them and cannot be used in their place.
type Key struct {
	// ID is public: it is a part of the key, stands in logs and URLs, and is the
	// CredentialID of principals. See ShardOf.
	ID string
	// Hash is the SHA-256 of the secret part of the key, of its 43 characters.
	Hash [32]byte
	// Subject is the owner. It never changes.
	Subject string

	// What follows is fixed when the key is issued; see MarshalGrant.

	Name        string            // for people, up to MaxName bytes
	Prefix      string            // of the key's text, such as "sk_live"
	Environment string            // such as "live"
	Scopes      []string          // at least one, up to MaxScopes
	Labels      map[string]string // of the application, up to MaxLabels
	Addresses   []netip.Prefix    // where the key may be used from; empty: from anywhere
	Limit       Limit             // of requests with this key
	Predecessor string            // the id of the key that this one replaces, if any

	// What follows is kept by the methods of a Store.

	CreatedAt    time.Time
	ExpiresAt    time.Time // zero: never
	RevokedAt    time.Time // zero: not revoked
	Successor    string    // the id of the key that replaces this one, if any
	LastUsedAt   time.Time // zero: never, as far as was noted
	LastUsedFrom netip.Addr
}

// A Limit is how many requests a key may make in a window of time, which begins with
// the first of them. The zero Limit is none.
type Limit struct {
	Max    int           // 1 to throttle.MaxRequests
	Window time.Duration // a second to 24 hours
}

// Retention is how long a Store keeps the record of a key that is dead, so that its
// owner still finds it in the list and its holder is told why it is refused.
const Retention = 30 * 24 * time.Hour

// Live reports whether k is neither revoked nor expired at a time. A key that is
// revoked is dead whatever the clock says.
func (k *Key) Live(at time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || at.Before(k.ExpiresAt))
}

// DeadAt returns when k was revoked or expires, whichever is earlier. It is zero for
// a key without an end.
func (k *Key) DeadAt() time.Time { return earlier(k.ExpiresAt, k.RevokedAt) }

// ForgetAt returns when a Store may forget k: Retention after DeadAt. It is zero for
// a key without an end, whose record has none by nature.
func (k *Key) ForgetAt() time.Time {
	dead := k.DeadAt()
	if dead.IsZero() {
		return dead
	}
	return dead.Add(Retention)
}

// Clone returns a deep copy of k.
func (k *Key) Clone() *Key {
	c := *k
	c.Scopes = slices.Clone(k.Scopes)
	c.Labels = maps.Clone(k.Labels)
	c.Addresses = slices.Clone(k.Addresses)
	return &c
}

// earlier returns the earlier of two times, of which zero is the latest.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
