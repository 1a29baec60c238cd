package jwtauth

import (
	"context"
	"time"
)

// A FamilyStore keeps families. Every method is one atomic step, safe for
// concurrent use, and obeys the context.
//
// A store tells an absent family from its own failure: ErrNoFamily, wrapped or
// not, is the first, any other error is the second and refuses the request.
//
// The clock is the store's, one for all processes that share it: the server's,
// not the caller's. A grace of seconds could not be measured by the clocks of two
// machines, and a family would end because they differ. So methods are given
// durations and no times. A family that has expired is absent, and the method
// that finds it so forgets it: it must not come back if the clock goes back.
//
// Each write must be harmless when it is sent again because the answer to the
// first was lost, as some clients do by themselves: the repeated call returns
// what the first would have. Rotation has a CallID for that.
//
// Steps that run at the same time have an order. So a Revoke or RevokeAll that
// has returned nil has ended every family that was there when it was called, and
// a Rotate of one of them, whenever it began, either came before, and what it
// made is ended too, or gets ErrNoFamily.
//
// What is absent is revoked: a store that loses a family signs its user out. No
// method brings back one that is gone.
//
// Package storetest has a suite for every implementation.
type FamilyStore interface {
	// Create keeps the family that NewFamily makes, under an id that is not
	// there yet; otherwise it returns ErrFamilyExists. If its Bucket then has more
	// than limits.PerSubject families, those that were created first end, but
	// never the new one.
	Create(ctx context.Context, id FamilyID, grant []byte, limits Limits) error
	// Find returns the family of id, also if it has Ended, or ErrNoFamily.
	Find(ctx context.Context, id FamilyID) (*Family, error)
	// Rotate does what Rotation.Apply says, in one compare-and-set: of many calls
	// with one token one is Rotated. Left is how long the successor will be good
	// if it is not used; zero for Reused. ErrNoFamily if the family is gone.
	Rotate(ctx context.Context, id FamilyID, r Rotation) (outcome Outcome, left time.Duration, err error)
	// Revoke ends the family of id, also one that has Ended. One that is not
	// there is no error.
	Revoke(ctx context.Context, id FamilyID) error
	// RevokeAll ends all families of a Bucket but except, which may be zero.
	RevokeAll(ctx context.Context, b Bucket, except FamilyID) error
	// List returns the live families of a Bucket, in any order, without those
	// that have Ended. None is no error. Its cost, and that of RevokeAll, is in
	// proportion to the families of the subject, not to those of everybody.
	List(ctx context.Context, b Bucket) ([]*Family, error)
}
