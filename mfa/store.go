package mfa

import (
	"context"
	"time"
)

// A Store keeps what a Manager knows of subjects. It has three parts, see Split
// for keeping them in different places.
//
// Every method is one atomic step, safe for concurrent use, and obeys the
// context: one that is done before the step begins changes nothing. A write that
// returns nil has happened.
//
// A store tells an absent record from its own failure: what is absent is said by
// each method, as a zero value or as ErrNoPending, ErrNoChallenge or ErrNoDevice,
// wrapped or not. Any other error is a failure, and what needs the answer is
// refused with 503.
//
// Each write must be harmless when it is sent again because the answer to the
// first was lost, as some clients do by themselves: the repeated call returns
// what the first would have. Where that is not so by nature the method is given a
// CallID, which is random and never used for two calls. A store need not remember
// calls for longer than it says below.
//
// The clock is the store's, one for all processes that share it. So methods are
// given durations, and times only to be kept. What has expired is absent, whoever
// asks, and must not come back if the clock goes back; no record with a duration
// outlives it in the store by more than what sweeping takes.
//
// A subject is at most 255 bytes and any other text as long as it says; bytes come
// back as they were, so a collation that folds letters must not be used. Times are
// in UTC and whole milliseconds.
//
// Package storetest has a suite for every implementation.
type Store interface {
	FactorStore
	ChallengeStore
	DeviceStore
}

// A FactorStore keeps TOTP factors, enrolments that wait to be confirmed, and
// recovery codes.
//
// It must be durable. A subject without a factor signs in without one, so a store
// that loses a record, because it evicts, was restored from an old copy, or has
// failed over to a replica that was behind, has turned a second factor off or
// made a used code good again. All reads must see all writes that have returned:
// none may come from a replica.
type FactorStore interface {
	// Find returns what subject has. Nothing is the zero State, and no error.
	Find(ctx context.Context, subject string) (State, error)

	// Begin keeps p as the enrolment of subject that waits to be confirmed, for
	// ttl, in the place of any other one: there is never more than one. It leaves
	// the factor and the codes of subject alone.
	Begin(ctx context.Context, subject string, p PendingTOTP, ttl time.Duration) error
	// Pending returns the enrolment of subject that waits, or ErrNoPending.
	Pending(ctx context.Context, subject string) (PendingTOTP, error)
	// Activate turns the waiting enrolment of subject into its factor. In one step:
	//
	//   - If the enrolment that waits has the id f.ID, it is removed, f takes the
	//     place of any factor of the subject, and codes that of all its recovery
	//     codes: nil.
	//   - Else, if the factor is f.ID and f.Call was its last call, this is a
	//     repeat: nil, and nothing changes.
	//   - Else, also if what waits has expired: ErrNoPending, and nothing changes.
	//
	// So of many calls at the same time for one enrolment one succeeds.
	Activate(ctx context.Context, subject string, f TOTP, codes []CodeHash) error

	// Advance notes that the code of a time step was accepted, by a
	// compare-and-set on TOTP.Step. In one step:
	//
	//   - If subject has no factor with that id: false.
	//   - If step is greater than its Step: true, and Step and Call become those
	//     given.
	//   - If step equals its Step and call its Call, this is a repeat: true.
	//   - Else false, and nothing changes.
	//
	// So a code is accepted once, by whichever process, and after it none of an
	// earlier step.
	Advance(ctx context.Context, subject, id string, step uint64, call CallID) (bool, error)
	// Reseal puts the sealed secret to in the place of from, if subject has a
	// factor with that id whose Sealed is from; if it is to already, this is a
	// repeat. Both: true. Else false, and nothing changes.
	Reseal(ctx context.Context, subject, id, from, to string) (bool, error)
	// Deactivate removes the factor of subject with that id and, if codes is true,
	// all recovery codes of the subject; and also an enrolment that waits. If
	// subject has no factor, or another one, nothing is removed, and no error.
	Deactivate(ctx context.Context, subject, id string, codes bool) error
	// Remove removes all that is kept of subject in this store. Nothing there is
	// no error.
	Remove(ctx context.Context, subject string) error

	// ReplaceCodes makes codes the recovery codes of subject, none of them used,
	// in the place of all it had. A subject needs no factor here to have codes: it
	// may have one of another kind.
	ReplaceCodes(ctx context.Context, subject string, codes []CodeHash) error
	// ConsumeCode uses up a recovery code of subject. In one step:
	//
	//   - If the code is one of its codes and not used: used is true, and the code
	//     is marked as used by call.
	//   - If it was used by that call, this is a repeat: used is true.
	//   - Else used is false, and nothing changes.
	//
	// Left is how many codes are not used after that. A code remembers its call
	// until the codes are replaced or removed.
	ConsumeCode(ctx context.Context, subject string, code CodeHash, call CallID) (used bool, left int, err error)
}

// A ChallengeStore keeps challenges: sign-ins that wait for a second factor. They
// are short-lived, and one that is lost is a sign-in that has to begin again, so
// it need not be durable.
type ChallengeStore interface {
	// OpenChallenge keeps c, which has an id that was never used, for ttl. If the
	// Bucket of its id then has more than limit challenges, claimed ones not
	// counted, those that were opened first end. A repeat changes nothing.
	OpenChallenge(ctx context.Context, c Challenge, ttl time.Duration, limit int) error
	// FindChallenge returns the challenge of id, or ErrNoChallenge if there is none
	// or it was claimed.
	FindChallenge(ctx context.Context, id ChallengeID) (Challenge, error)
	// TryChallenge counts an attempt at the challenge of id and returns the
	// challenge with the new count. One that has had limit attempts before, was
	// claimed or is not there: ErrNoChallenge. A repeat may count once more.
	TryChallenge(ctx context.Context, id ChallengeID, limit int) (Challenge, error)
	// ClaimChallenge ends the challenge of id for call: nobody finds, tries or
	// claims it from then on. A repeat, which is a call with the same CallID, gets
	// nil, for as long as the challenge would have lasted. ErrNoChallenge if there
	// is none, or another call has claimed it.
	ClaimChallenge(ctx context.Context, id ChallengeID, call CallID) error
	// EndChallenges ends all challenges of a Bucket. None is no error. A claim that
	// has not returned by then either came before or gets ErrNoChallenge.
	EndChallenges(ctx context.Context, b Bucket) error
}

// A DeviceStore keeps trusted devices. What it has is let in without a second
// factor, and what it loses is asked for one.
type DeviceStore interface {
	// AddDevice keeps d, whose id and Hash are random, for ttl, and sets its
	// CreatedAt and ExpiresAt. If subject then has more than limit devices, those
	// that were added first go. A repeat changes nothing.
	AddDevice(ctx context.Context, subject string, d Device, ttl time.Duration, limit int) error
	// FindDevice returns the device of subject with that hash, or ErrNoDevice; also
	// if it is one of another subject.
	FindDevice(ctx context.Context, subject string, hash DeviceHash) (Device, error)
	// ListDevices returns the devices of subject, in any order. None is no error.
	ListDevices(ctx context.Context, subject string) ([]Device, error)
	// DropDevice removes the device of subject with that public id. One that is not
	// there is no error.
	DropDevice(ctx context.Context, subject, id string) error
	// DropDevices removes all devices of subject. None is no error.
	DropDevices(ctx context.Context, subject string) error
}

// A Split is a Store whose parts are kept in different places: factors in the
// database of the service, for example, and challenges in Redis.
type Split struct {
	FactorStore
	ChallengeStore
	DeviceStore
}

var _ Store = Split{}
