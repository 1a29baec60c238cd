package password

import (
	"context"
	"time"
)

// A Purpose is what a one-time token is good for, and the only thing: a token
// that verifies an address resets no password. Applications may add their own, of
// 1 to MaxPurposeBytes bytes.
type Purpose string

// Purposes.
const (
	PurposeReset       Purpose = "reset"        // set a new password
	PurposeVerifyEmail Purpose = "verify-email" // prove that mail to an address arrives
	PurposeChangeEmail Purpose = "change-email" // move an account to another address
)

// Bounds of the parts of a Token, in bytes.
const (
	MaxSubjectBytes = 255
	MaxPurposeBytes = 64
	MaxBindingBytes = 1024
)

// A Token is what a TokenStore knows of a one-time token: everything but the
// token. From its Hash the token cannot be found, as it is 256 random bits.
type Token struct {
	Hash    [32]byte // SHA-256 of the text of the token
	Subject string   // whose it is
	Purpose Purpose
	// Binding is what the token was issued for besides, in the words of whoever
	// issued it. See Tokens.Issue.
	Binding   string
	CreatedAt time.Time // UTC, whole microseconds, like ExpiresAt
	ExpiresAt time.Time // from here on the token is good for nothing
}

// A TokenStore keeps one-time tokens. Every method is one atomic step, safe for
// concurrent use, and obeys the context. Subjects and purposes are compared byte
// by byte.
//
// It tells a token that is not there from its own failure: ErrToken, wrapped or
// not, is the first, any other error is the second.
//
// A subject has one token of a purpose at most, so the store has no more rows
// than users times purposes. It may remove a token any time after ExpiresAt,
// going by the times that it is given, and should do so as others are put.
//
// Steps that run at the same time have an order. So a Void that has returned nil
// has ended every token that was there when it was called, and of any number of
// calls of Consume with one hash one at most has ever got the token.
//
// Put, Find and Void are harmless when they are sent again because the answer to
// the first was lost. A repeat of Consume gets ErrToken, or the store returns its
// failure and does not repeat it: then the token is spent and nobody has it, the
// client is told 503 or that the token is used up, and the user asks for another
// one. A store must never make a second success of it.
//
// Package storetest has a suite for every implementation.
type TokenStore interface {
	// Put keeps t, in place of an earlier token of the same subject and purpose,
	// which ends in the same step, whether it has expired or not.
	Put(ctx context.Context, t Token) error
	// Find returns the token of hash and leaves it where it is, or ErrToken if
	// there is none, it is of another purpose, or its ExpiresAt is not after now.
	Find(ctx context.Context, hash [32]byte, purpose Purpose, now time.Time) (Token, error)
	// Consume removes and returns what Find would return. Where Find would return
	// ErrToken it does so too, and a token of another purpose stays.
	Consume(ctx context.Context, hash [32]byte, purpose Purpose, now time.Time) (Token, error)
	// Void removes the tokens of a subject of these purposes, or without any of
	// all purposes. None is no error.
	Void(ctx context.Context, subject string, purposes ...Purpose) error
}
