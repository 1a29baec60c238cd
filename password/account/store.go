package account

import (
	"context"
	"time"
)

// A User is an account as a Store keeps it.
type User struct {
	// ID is the subject of the user's principals. It never changes and is never
	// given to somebody else.
	ID string
	// Email is the address as its owner wrote it: what mail is sent to.
	Email string
	// Canonical is Canonical(Email): what the user is found by. It is unique.
	Canonical string
	// Verified says that whoever has the password has also read mail to Email.
	Verified bool
	// Hash is the stored password, as a password.Hasher made it. Empty: the user
	// has none, and signs in some other way.
	Hash string
	// Roles are those of the user today.
	Roles []string
	// Disabled keeps the user out, whatever they prove.
	Disabled bool
	// CreatedAt is when the account was made.
	CreatedAt time.Time
	// ValidAfter ends credentials: one whose sign-in lies before it is refused by
	// Service.Current. Zero: none is.
	ValidAfter time.Time
}

// A Store keeps users. It is small so that it can be written over a table that
// exists: besides the address, that needs a column with its canonical form,
// unique, filled by Canonical; one for the hash; one for ValidAfter.
//
// Every method is one atomic step, safe for concurrent use, and obeys the context.
// A write that returns nil is durable. Times are in UTC and whole milliseconds; a
// Store keeps them at least as exactly, and a zero time as a zero time. Strings
// come back byte for byte: compare them in a binary collation. IDs, addresses and
// hashes are at most 255 bytes each, roles as many as the service gives.
//
// A Store tells what is not there from its own failure: ErrNotFound, ErrExists and
// ErrConflict, wrapped or not, are answers. Any other error is a failure, and the
// request is refused with 503.
//
// Some clients send a write again by themselves when its answer was lost. So each
// write says below what a repeat of it returns, and does nothing the second time.
//
// Package sqlstore has one for SQLite, PostgreSQL and MySQL; New without a Store
// uses one in memory. What else a service knows of its users (names, roles that
// an administrator changes, Disabled) it reads and writes by itself.
type Store interface {
	// Create keeps a new user and returns its id. That is u.ID, which is random,
	// unless the Store makes ids of its own, such as from a sequence.
	//
	// If there is a user with u.Canonical, verified or not: ErrExists, and nothing
	// is kept. Of any number of calls at the same time with one Canonical, one
	// creates. A repeat gets ErrExists as well; the caller knows its own user by
	// the hash, which has a random salt.
	Create(ctx context.Context, u User) (id string, err error)
	// Find returns the user with that id, or ErrNotFound.
	Find(ctx context.Context, id string) (User, error)
	// FindByEmail returns the user with that canonical address, or ErrNotFound. It
	// is called for addresses that anybody made up: let it take as long for one
	// that is not there, by one query on the unique index.
	FindByEmail(ctx context.Context, canonical string) (User, error)
	// SetPassword replaces the hash of a user by newHash if it is oldHash, and
	// moves ValidAfter forward to validAfter in the same step.
	//
	//   - ValidAfter never moves back: the later of both times stays. A zero
	//     validAfter changes nothing of it.
	//   - An empty oldHash fits a user without a password, and nobody else.
	//   - If the hash is newHash already, this is a repeat, or was one step with
	//     it: nil, and the later ValidAfter stays.
	//   - If it is anything else: ErrConflict, and nothing changes. So of two
	//     changes at the same time one wins, and a rehash never undoes a change.
	//   - If there is no such user: ErrNotFound.
	SetPassword(ctx context.Context, id, oldHash, newHash string, validAfter time.Time) error
	// SetEmail replaces the address of a user, found by the canonical address that
	// it has, and marks the new one as verified: whoever calls it has seen the
	// proof. The new address may be the old one, which is how that is verified.
	//
	//   - If another user has the canonical address: ErrExists, and nothing changes.
	//   - If the address of the user is neither oldCanonical nor canonical:
	//     ErrConflict, and nothing changes. If it is canonical already and
	//     verified, this is a repeat: nil.
	//   - If there is no such user: ErrNotFound.
	SetEmail(ctx context.Context, id, oldCanonical, email, canonical string) error
}

// A Deleter is a Store that can delete users. Without it
// Service.DeleteAccount returns ErrNotSupported. What else belongs to the user, such as orders, is the Store's
// to delete or to keep in the same step.
type Deleter interface {
	// Delete deletes the user with that id, so that neither Find nor FindByEmail
	// ever returns it again. One that is not there is no error.
	Delete(ctx context.Context, id string) error
}
