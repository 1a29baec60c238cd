package jwtauth

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
)

// A Bucket is what the ids of all families of one subject begin with: a hash, so
// that a store never sees the subject. A store can keep those families together
// by it, find one of them, and end all of them, in one place and in one step,
// with no index that could be lost.
type Bucket [16]byte

// BucketOf returns the Bucket of a subject: the beginning of a SHA-256, so that
// two subjects do not share one.
func BucketOf(subject string) Bucket {
	h := secret.HandleOf("refresh bucket\x00" + subject)
	return Bucket(h[:])
}

// A FamilyID names a family: the Bucket of its subject and 16 random bytes. It is
// no secret. A refresh token is good for the MAC in it, not for the id.
type FamilyID [32]byte

// newFamilyID returns an id that no other family has.
func newFamilyID(subject string) FamilyID {
	b := BucketOf(subject)
	var id FamilyID
	_, _ = rand.Read(id[copy(id[:], b[:]):]) // never fails
	return id
}

// Bucket returns the Bucket of id.
func (id FamilyID) Bucket() Bucket { return Bucket(id[:]) }

// Public is what users and logs see of id: the random part, as 22 characters of
// base64url. With the subject it names the family. It is the CredentialID of the
// principals whose access tokens come from the family.
func (id FamilyID) Public() string { return encoding.EncodeToString(id[len(Bucket{}):]) }

// familyOf returns the id of the family of subject with the public id. Text that
// is no public id names no family.
func familyOf(subject, public string) (FamilyID, bool) {
	b := BucketOf(subject)
	random, err := encoding.DecodeString(public)
	if err != nil || strings.ContainsAny(public, "\r\n") || len(random) != len(FamilyID{})-len(b) {
		return FamilyID{}, false
	}
	return FamilyID(append(b[:], random...)), true
}

// A CallID is a random name of one call of Rotate. A call that is sent again,
// because its answer was lost, has the same one.
type CallID [8]byte

// Remembered is how many calls a Family remembers.
const Remembered = 4

// MaxGrantSize bounds Family.Grant, in bytes.
const MaxGrantSize = 16 << 10

// A Family is all refresh tokens that come from one sign-in, of which the last
// one is good. It holds no secret: a token is the id, a counter and a MAC under
// the key of the Issuer. It does not grow: of used tokens nothing is kept but
// what Counter says.
//
// Times are those of the clock of the store.
type Family struct {
	ID FamilyID
	// Grant is what the sign-in has granted, and to whom. Only the Issuer reads
	// it. It never changes.
	Grant     []byte
	Counter   uint64    // of the token that is good; the first one has 1
	CreatedAt time.Time // of the sign-in
	UsedAt    time.Time // when Counter last changed
	ExpiresAt time.Time // the end if it is not used again
	Deadline  time.Time // the absolute end, which ExpiresAt never exceeds
	// Ended: a spent token was presented. No token of the family is good any
	// more. It stays, until it is revoked or expires, so that what else follows
	// from that is done even if the first attempt fails.
	Ended bool
	// Calls are the last calls that changed Counter, the latest first.
	Calls [Remembered]CallID
}

// Limits bound a new family. All are positive.
type Limits struct {
	Lifetime time.Duration // until Deadline
	Idle     time.Duration // until ExpiresAt, if that is less
	// PerSubject is how many families the subject may have. The oldest end.
	PerSubject int
}

// NewFamily returns the family that a store keeps when it is asked to Create one.
func NewFamily(id FamilyID, grant []byte, limits Limits, now time.Time) *Family {
	now = now.Round(0).UTC()
	f := &Family{ID: id, Grant: grant, Counter: 1, CreatedAt: now, UsedAt: now, Deadline: now.Add(limits.Lifetime)}
	f.prolong(limits.Idle, now)
	return f
}

// Live reports whether f has not expired. A family that has Ended is live.
func (f *Family) Live(now time.Time) bool { return now.Before(f.ExpiresAt) && now.Before(f.Deadline) }

// prolong moves the idle end, never beyond the absolute one.
func (f *Family) prolong(idle time.Duration, now time.Time) {
	f.ExpiresAt = now.Add(idle)
	if f.ExpiresAt.After(f.Deadline) {
		f.ExpiresAt = f.Deadline
	}
}
