package apikey

import (
	"context"
	"net/netip"
	"time"
)

// A Store keeps the records of keys. Every method but Touch is one atomic step; all
// are safe for concurrent use and obey the context.
//
// A Store tells an absent key from its own failure: ErrNotFound, wrapped or not, is
// the first, any other error that is not named below is the second and refuses the
// request with 503.
//
// Times are those of the Manager that calls: in UTC, whole microseconds, and the
// zero time for none. A Store decides nothing by a clock of its own, except when to
// forget: a key whose Key.ForgetAt has passed may be gone at any time, by a TTL or by
// a sweep, and none is gone before, except as Create says. A store that loses records
// refuses their keys, and nothing worse.
//
// Ids are 19 letters and digits of ASCII, in which case matters. Subjects are up to 255
// bytes of UTF-8 without control characters, compared byte by byte. A Manager asks for
// nothing else, whatever a client sends. What is in the fixed part of a Key is bounded
// by MaxGrantSize.
//
// Find and List return keys that are revoked or have expired as well: the Manager
// decides by what they say. A *Key that a Store is given or returns is changed by
// nobody afterwards, so a store in memory may hand out the one that it keeps.
//
// Each write is harmless when it is sent again because the answer to the first was
// lost, as some clients do by themselves: the repeated call returns what the first
// would have and changes nothing, whatever has happened in between. In particular
// it brings back nothing that was revoked or forgotten since.
//
// Steps that run at the same time have an order. So a Revoke or RevokeAll that has
// returned nil has ended every key that was there when it was called; a Rotate or
// Create of that subject that runs beside a RevokeAll either came before, and what
// it made is revoked too, or comes after. No method unsets RevokedAt or sets a later
// ExpiresAt.
//
// All keys of a subject have ids that begin with ShardOf(subject), and no method
// concerns two subjects, except Touch: a store that is spread over machines can keep
// what belongs together in one place.
//
// A Store that has written a change which takes a right away tells it to all
// processes if it is a Watcher. Package storetest has a suite for every
// implementation.
type Store interface {
	// Create keeps a new key. If the subject has limit live keys or more, as of
	// k.CreatedAt, it returns ErrTooMany and changes nothing. If it has limit records
	// or more, dead ones included, as many dead ones are forgotten as are in the way,
	// those that were created first before others.
	//
	// If the id is there with the same Hash it is the same call come again: nil. With
	// another Hash it returns ErrExists.
	Create(ctx context.Context, k *Key, limit int) error
	// Find returns the key of id, or ErrNotFound.
	Find(ctx context.Context, id string) (*Key, error)
	// List returns the keys of a subject, dead ones included, in any order. None is
	// no error. Its cost, and that of RevokeAll, is in proportion to the keys of the
	// subject, not to those of everybody.
	List(ctx context.Context, subject string) ([]*Key, error)
	// Rotate does what Rotation.Apply says to the key of id and keeps its successor,
	// both or neither. Of many calls for one key one succeeds; the others get
	// ErrRotated. ErrNotFound if there is no key, ErrRevoked or ErrExpired if it is
	// dead. ErrTooMany and the dead records of the subject are as for Create, with
	// r.Limit; the key of id itself is not forgotten for it. ErrExists if the id of
	// the successor is taken.
	Rotate(ctx context.Context, id string, r Rotation) error
	// Expire sets ExpiresAt to at if it is none or a later one; else it does nothing.
	// ErrNotFound if there is no key.
	Expire(ctx context.Context, id string, at time.Time) error
	// Revoke sets RevokedAt to at if there is none yet, also of a key that has
	// expired or was rotated. Its successor is another key. ErrNotFound if there is
	// no key.
	Revoke(ctx context.Context, id string, at time.Time) error
	// RevokeAll does what Revoke does to all keys of a subject but the one with the
	// id except, which may be empty. None is no error.
	RevokeAll(ctx context.Context, subject, except string, at time.Time) error
	// Touch notes uses: it sets LastUsedAt and LastUsedFrom of each key to those of
	// its Use if that is later than what is noted, so that of many processes the
	// newest wins in whatever order they write. It changes nothing else, never makes
	// a record, and a key that is not there is no error. The uses are independent:
	// Touch need not be atomic, and after an error some may be noted. There are up
	// to MaxUses, and no two for one key.
	Touch(ctx context.Context, uses []Use) error
}

// MaxUses is how many uses there are in a call of Store.Touch.
const MaxUses = 500

// A Use is that of one key, for Store.Touch.
type Use struct {
	ID   string
	At   time.Time  // never zero
	From netip.Addr // of the client; the zero Addr if it is not known
}

// A Rotation is what a Manager asks of Store.Rotate.
type Rotation struct {
	// Next is the successor. Its id names the call: a Rotation that comes again has
	// the same. Next.CreatedAt is when the rotation happens, and Next.Predecessor is
	// the id of the key that is rotated.
	Next *Key
	// Ends is when the rotated key ends at the latest: at Next.CreatedAt or later.
	Ends time.Time
	// Limit is that of Store.Create.
	Limit int
}

// Apply changes old, a copy of the record that is kept, as the rotation demands: it
// gets its Successor and expires at Ends, or when it would have, if that is earlier.
//
// It reports repeated if old is that already; then nothing is to be done, and the
// successor is not written again. Else the error is ErrRevoked, ErrExpired or
// ErrRotated, in this order, if old cannot be rotated, and old is unchanged.
func (r *Rotation) Apply(old *Key) (repeated bool, err error) {
	switch {
	case old.Successor == r.Next.ID:
		return true, nil
	case !old.RevokedAt.IsZero():
		return false, ErrRevoked
	case !old.Live(r.Next.CreatedAt):
		return false, ErrExpired
	case old.Successor != "":
		return false, ErrRotated
	}
	old.Successor = r.Next.ID
	old.ExpiresAt = earlier(old.ExpiresAt, r.Ends)
	return false, nil
}

// A Watcher is a Store that tells of changes which other processes have made. A
// Manager with a cache uses it to forget at once what it would else forget after
// Config.CacheFor.
type Watcher interface {
	// Watch calls listening when it is certain that no later change will be missed,
	// and then changed for every Rotate, Expire, Revoke and RevokeAll that had an
	// effect, by whatever process, this one included, within a second if nothing is
	// wrong. It may tell of changes that are none, and of one change more than once.
	//
	// It returns when ctx is done, and with an error as soon as a change may have
	// been missed: when the connection was lost, also if it could be restored. It
	// must notice a connection that is silently dead within 30 seconds. The Manager
	// then forgets everything and calls Watch again, after a pause that grows to 30
	// seconds.
	//
	// Both functions are quick and safe for concurrent use.
	Watch(ctx context.Context, listening func(), changed func(Change)) error
}

// A Change names the keys that a Watcher tells of: one by its ID, or, if that is
// empty, all of a Subject, or of everybody if both are empty.
type Change struct{ ID, Subject string }
