package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// A Link says that an account at a provider belongs to a user of this service.
type Link struct {
	// Issuer and Subject are those of the Identity, and the key.
	Issuer, Subject string
	// User is the subject of the user's principals.
	User string
	// Provider is the name of the Provider through which the link was made.
	Provider string
	// Label tells people which account it is: its name there or its mail address as
	// it was when the link was made. Nothing is found by it. At most MaxLabelBytes.
	Label string
	// CreatedAt is when the link was made, in UTC and whole milliseconds.
	CreatedAt time.Time
}

// MaxLabelBytes bounds Link.Label.
const MaxLabelBytes = 255

// ID names the link in addresses, in events and in AttributeLink: 22 characters made
// of a hash of Issuer and Subject. It is no secret.
func (l Link) ID() string { return linkID(l.Issuer, l.Subject) }

func linkID(issuer, subject string) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(issuer)) + ":" + issuer + subject))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// A LinkStore keeps links.
//
// Every method is one atomic step, safe for concurrent use, and obeys the context. A
// write that returns nil is durable. Strings are compared and come back byte for byte:
// use a binary collation, or Alice is alice. Issuer, Subject, User and Label are at
// most 255 bytes, Provider 32; all but Label are never empty, and Issuer, Subject and
// Provider are printable ASCII. CreatedAt is kept to the
// millisecond.
//
// A LinkStore tells what is not there from its own failure: the errors named below,
// wrapped or not, are answers. Any other error is a failure, and the request is
// refused with 503.
//
// Some clients send a write again by themselves when its answer was lost. So each
// write says what a repeat returns, and does nothing the second time.
//
// New without a LinkStore uses one in memory. Package storetest has a suite for every
// implementation.
type LinkStore interface {
	// Find returns the link with that key, or ErrNoLink.
	Find(ctx context.Context, issuer, subject string) (Link, error)
	// Create keeps a new link.
	//
	//   - If the key is there and is the same user's: nil, and nothing changes. That is
	//     also the answer to a repeat.
	//   - If it is another user's: ErrLinked, and nothing changes. Of any number of
	//     calls at the same time for one key, the links of one user are kept.
	//   - If the user has limit links or more: ErrTooManyLinks, and nothing changes.
	//     limit is positive. Calls at the same time for one user do not get past it.
	Create(ctx context.Context, l Link, limit int) error
	// List returns the links of a user, oldest first, those of one moment in any
	// order. None is no error.
	List(ctx context.Context, user string) ([]Link, error)
	// Delete deletes the link with that key of that user.
	//
	//   - If there is none, or it is another user's: nil, and nothing changes.
	//   - If the user would have fewer than keep links after it: ErrLastMethod, and
	//     nothing changes. Of two calls at the same time for the last two links of a
	//     user, with a keep of 1, one gets that.
	Delete(ctx context.Context, user, issuer, subject string, keep int) error
	// DeleteAll deletes all links of a user. None is no error. A Create for that user
	// at the same time is before or after it.
	DeleteAll(ctx context.Context, user string) error
}
