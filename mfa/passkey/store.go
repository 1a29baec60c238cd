package passkey

import "context"

// A Store keeps passkeys, the handles of users, and which challenges were answered.
//
// Every method is one atomic step, safe for concurrent use, and obeys the context:
// one that is done before the step begins changes nothing. A write that returns nil
// has happened. All reads must see all writes that have returned: none may come from
// a replica.
//
// It must be durable. A store that loses a passkey locks its owner out or, as a user
// without a factor signs in without one, turns a second factor off. One that loses
// an Answer lets who has seen it, and holds the cookie of that browser, use it again
// while the challenge lasts, if the authenticator has no counter.
//
// A store tells an absent record from its own failure by ErrNoCredential, wrapped or
// not. Any error but those that a method names is a failure, and what needs the
// answer is refused with 503.
//
// Each write must be harmless when it is sent again because the answer to the first
// was lost: the repeated call returns what the first would have. Where that is not
// so by nature it has a CallID, which is random and never used for two calls.
//
// A subject is at most 255 bytes; bytes come back as they were, so a collation that
// folds letters must not be used. Times are in UTC and whole milliseconds. Lists
// that are empty may come back as nil.
//
// Package storetest has a suite for every implementation.
type Store interface {
	// UserHandle returns the handle of subject. If it has none, fresh becomes it.
	// Of many calls at the same time all return the same.
	UserHandle(ctx context.Context, subject string, fresh UserHandle) (UserHandle, error)

	// Add keeps c as a passkey of c.Subject and uses up the challenge a. In one
	// step, of which the first that applies decides:
	//
	//   - If a.Challenge was used by a.Call, this is a repeat: nil.
	//   - If it was used by another call: ErrAnswered.
	//   - If the handle of the subject is not c.UserHandle, or it has none, since
	//     RemoveAll came in between: ErrNoCredential.
	//   - If there is a passkey with that ID, of whomever: ErrExists.
	//   - If the subject has limit passkeys or more: ErrLimit.
	//   - Else c is kept and the challenge is used: nil.
	//
	// After an error nothing has changed. So of many calls at the same time for one
	// challenge, or one passkey, one succeeds, and no subject comes to more than
	// limit.
	Add(ctx context.Context, c Credential, a Answer, limit int) error
	// Find returns the passkey with that ID, of whomever, or ErrNoCredential.
	Find(ctx context.Context, id ID) (Credential, error)
	// List returns the passkeys of subject, the oldest CreatedAt first. None is no
	// error.
	List(ctx context.Context, subject string) ([]Credential, error)
	// Use notes an assertion of the passkey u.ID and uses up the challenge a. In one
	// step, of which the first that applies decides:
	//
	//   - If a.Challenge was used by a.Call, this is a repeat: nil.
	//   - If it was used by another call: ErrAnswered.
	//   - If there is no such passkey, or it is not one of u.Subject:
	//     ErrNoCredential.
	//   - If the passkey does not accept u.SignCount (Credential.Accepts):
	//     ErrCounter.
	//   - Else SignCount, BackedUp and LastUsedAt become those of u, UserVerified
	//     becomes true if that of u is, and the challenge is used: nil.
	//
	// After an error nothing has changed. So of many calls at the same time for one
	// challenge, or with one counter that is not 0, one succeeds.
	Use(ctx context.Context, u Use, a Answer) error
	// Rename sets the name of a passkey of subject. One that is not there, or
	// belongs to another subject: ErrNoCredential.
	Rename(ctx context.Context, subject string, id ID, name string) error
	// Remove removes a passkey of subject. One that is not there is no error, and
	// one of another subject stays.
	Remove(ctx context.Context, subject string, id ID) error
	// RemoveAll removes all passkeys of subject, and its handle. Nothing there is
	// no error. An Add that has not returned by then either came before, and what it
	// has kept is removed, or fails.
	RemoveAll(ctx context.Context, subject string) error
}
