package oauth

import (
	"context"
	"time"
)

// An AttemptID is the SHA-256 of the state of an attempt.
type AttemptID [32]byte

// A CallID names one call of Consume. A client that sends a command again by itself,
// because the answer was lost, sends the same one.
type CallID [16]byte

// A Consumer makes an attempt count once: of many callbacks with one state, one goes
// on to the provider.
//
// What a Consumer protects from is small, because an attempt works in the browser
// that began it and nowhere else, and a provider must refuse a code that comes twice
// (RFC 6749 §4.1.2) and revoke what it gave for it. So the default, in the memory of
// each process, is enough for most: with it, two callbacks that reach two processes
// at the same moment both ask the provider, which answers one. A shared Consumer, such
// as that of package oauth/sqlstore, makes it one request over all processes.
//
// It notes what is used and not what is open, which costs nothing for the many
// attempts that nobody completes. A note that is lost opens an attempt again, to
// whoever holds its cookie; therefore an implementation keeps each until it expires,
// and one that has to drop one refuses all attempts that expire no later than that.
//
// Consume is one atomic step, safe for concurrent use, and obeys the context.
// Package storetest has a suite for every implementation.
type Consumer interface {
	// Consume notes that the attempt is used. It returns nil to the first call for an
	// id, and to a repeat of that call with the same CallID; to every other it returns
	// ErrConsumed, wrapped or not. Any other error is a failure, and the callback is
	// refused with 503.
	//
	// The note can go at expires, which the caller has read from its own clock and
	// which lies at most MaxTimeout ahead: no later callback gets so far. If it lies in
	// the past for the store, the answer is ErrConsumed or as above.
	Consume(ctx context.Context, id AttemptID, call CallID, expires time.Time) error
}
