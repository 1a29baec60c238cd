package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
)

// An ID is what a Store knows of the token in a cookie. Its first twelve bytes
// are a Bucket, the others of the SHA-256 of the secret in the token: whoever
// reads a store cannot make a cookie of it.
type ID [sha256.Size]byte

// A Bucket is what the ids of all sessions of one subject begin with. A store can
// keep those sessions together by it, find one of them, and end all of them, in
// one place and in one step, with no index that could be lost. A visitor's
// session has a random Bucket of its own.
type Bucket [12]byte

// BucketOf returns the Bucket of a subject that is not empty: the beginning of a
// SHA-256, so that two subjects share one no sooner than by intent.
func BucketOf(subject string) Bucket {
	h := secret.HandleOf("session bucket\x00" + subject)
	return Bucket(h[:])
}

// Bucket returns the Bucket of id.
func (id ID) Bucket() Bucket { return Bucket(id[:]) }

// A Store keeps sessions. Every method is one atomic step, safe for concurrent
// use, and obeys the context.
//
// A Store tells an absent session from its own failure: ErrNoSession, wrapped or
// not, is the first, any other error is the second and refuses the request.
//
// Expiry is when the record may be forgotten and must no longer be found. It is
// never absent. An expiry that is not in the future ends the session: Create
// keeps nothing, the other writers delete, and all return ErrNoSession.
//
// Each write must be harmless when it is sent again because the answer to the
// first was lost, as some clients do by themselves: the repeated call returns
// what the first would have.
//
// The subject of a record is that of its Principal. It never changes: the record
// that Update and Rename are given has the subject of the one that it replaces.
//
// Steps that run at the same time have an order. So a Revoke or RevokeSubject
// that has returned nil has ended every session that was there when it was
// called, and a Rename, Update or Touch of one of them, whenever it began, either
// came before and is ended too or gets ErrNoSession. A store in which rows are
// locked one by one has to see to it that a session cannot slip through under
// its new id.
//
// Package storetest has a suite for every implementation.
type Store interface {
	// Create keeps rec under an id that is not there yet, or returns ErrExists.
	// If its subject then has more than limit sessions that have not expired,
	// those with the oldest Created end in the same step, but never the new one.
	// A limit of zero is none.
	Create(ctx context.Context, id ID, rec *Record, expiry time.Time, limit int) error
	// Find returns the record of id, or ErrNoSession. If the record is there and
	// cannot be read the error wraps ErrNoSession and ErrCorrupt.
	Find(ctx context.Context, id ID) (*Record, error)
	// Update replaces the record of id if there is one. It never brings back one
	// that is gone: ErrNoSession.
	Update(ctx context.Context, id ID, rec *Record, expiry time.Time) error
	// Touch sets Seen and the expiry of the record of id, and leaves the rest as
	// it is now, not as it was when somebody read it. ErrNoSession if it is gone.
	Touch(ctx context.Context, id ID, seen, expiry time.Time) error
	// Rename puts rec under to and ends from, or does neither: nobody ever sees
	// both, and of two renames of one id one gets ErrNoSession. If from is gone
	// nothing is kept: ErrNoSession. If to is taken: ErrExists. Both ids have the
	// same Bucket.
	Rename(ctx context.Context, from, to ID, rec *Record, expiry time.Time) error
	// Delete ends the session of id. One that is not there is no error.
	Delete(ctx context.Context, id ID) error
	// List returns the records of all sessions of a subject, in any order,
	// without those that have expired or cannot be read. None is no error. Its
	// cost, and that of the methods below, is in proportion to the sessions of
	// the subject, not to those of everybody.
	List(ctx context.Context, subject string) ([]*Record, error)
	// Revoke ends the session of a subject with the public id, whatever its ID is
	// by now. One that is not there, or is somebody else's, is no error.
	Revoke(ctx context.Context, subject, publicID string) error
	// RevokeSubject ends all sessions of a subject but the one with the public id
	// except. Empty: all of them.
	RevokeSubject(ctx context.Context, subject, except string) error
}

// The parts of a token, in characters of base64url: the Bucket, masked, and 32
// random bytes.
const (
	bucketLength = 16
	tokenLength  = bucketLength + 43
)

// A token is the value of the cookie. The bucket in it is masked with a part of
// the hash of the secret that stores do not see, so that the cookies of one user
// have nothing in common.
type token string

// newToken returns a fresh token for a session in b.
func newToken(b Bucket) token {
	s := secret.Token(32)
	h := secret.HandleOf(s)
	subtle.XORBytes(b[:], b[:], h[len(h)-len(b):])
	return token(base64.RawURLEncoding.EncodeToString(b[:]) + s)
}

// newBucket returns the Bucket for a session of subject.
func newBucket(subject string) Bucket {
	if subject != "" {
		return BucketOf(subject)
	}
	var b Bucket
	_, _ = rand.Read(b[:]) // never fails
	return b
}

// parseToken checks the form of a cookie value, so that nothing else reaches a
// store.
func parseToken(s string) (token, bool) {
	if len(s) != tokenLength {
		return "", false
	}
	var bad byte
	for i := range tokenLength { // to the end, without a branch for each byte
		bad |= notBase64url[s[i]]
	}
	return token(s), bad == 0
}

// notBase64url is 1 for what is no character of base64url.
var notBase64url = func() (table [256]byte) {
	for i := range table {
		table[i] = 1
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = 0
	}
	return table
}()

func (t token) id() ID {
	h := secret.HandleOf(string(t[bucketLength:]))
	var id ID
	b := id[:len(Bucket{})]
	_, _ = base64.RawURLEncoding.Decode(b, []byte(t[:bucketLength])) // see parseToken
	subtle.XORBytes(b, b, h[len(h)-len(b):])
	copy(id[len(b):], h[:])
	return id
}
