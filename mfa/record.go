package mfa

import (
	"crypto/rand"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
)

// Bounds of what a store is given, in bytes.
const (
	MaxSubject         = 255      // a subject
	MaxSealedSecret    = 255      // TOTP.Sealed and PendingTOTP.Sealed
	MaxSealedChallenge = 16 << 10 // Challenge.Sealed
	MaxDeviceName      = 255      // Device.Name
	IDSize             = 22       // the ids of factors and devices: characters of base64url
	MaxRecoveryCodes   = 50       // codes of a subject
)

// A State is what a FactorStore has of a subject. The zero State is nothing.
type State struct {
	// TOTP is the factor. One with an empty ID is none.
	TOTP TOTP
	// Codes is how many recovery codes the subject was given, and CodesLeft how
	// many of them are not used.
	Codes, CodesLeft int
}

// A TOTP is an active factor. The secret is in it only sealed.
type TOTP struct {
	// ID is random, and that of the enrolment that the factor began as.
	ID string
	// Sealed is the secret and its parameters, sealed for the subject and the ID.
	Sealed string
	// Step is the last time step of which a code was accepted (RFC 6238 §5.2): the
	// number of 30 seconds since 1970.
	Step uint64
	// Call is the last call that changed Step, by Activate or by Advance.
	Call CallID
	// ConfirmedAt is when the factor was confirmed.
	ConfirmedAt time.Time
}

// A PendingTOTP is an enrolment that waits for its first code.
type PendingTOTP struct {
	ID     string // random
	Sealed string // as TOTP.Sealed
	// Login is a digest of the login that has started it, which is the only one
	// that can confirm it.
	Login [32]byte
}

// A CallID is a random name of one call of a store. A call that is sent again,
// because its answer was lost, has the same one. The zero CallID is never given.
type CallID [16]byte

func newCall() (c CallID) {
	_, _ = rand.Read(c[:]) // never fails
	return c
}

// A CodeHash is a digest of a recovery code, of at least 64 random bits, and its
// subject.
type CodeHash [32]byte

// A Bucket is what the ids of all challenges of one subject begin with: a digest,
// so that a store can keep them in one place and end them in one step.
type Bucket [16]byte

// BucketOf returns the Bucket of a subject.
func BucketOf(subject string) Bucket {
	h := secret.HandleOf("mfa bucket\x00" + subject)
	return Bucket(h[:])
}

// A ChallengeID names a challenge: the Bucket of its subject and a digest of the
// random token in the cookie. It is no secret: the token cannot be told from it.
type ChallengeID [48]byte

// Bucket returns the Bucket of id.
func (id ChallengeID) Bucket() Bucket { return Bucket(id[:]) }

// A Challenge is a sign-in that waits for a second factor.
type Challenge struct {
	ID ChallengeID
	// Sealed is whom it is for and what it completes, sealed for the ID.
	Sealed string
	// Attempts is how often a factor was tried.
	Attempts int
}

// A Device is a browser that is let in without a second factor for a while.
type Device struct {
	// ID is random and public: what RevokeDevice takes.
	ID string
	// Hash is a digest of the token in the cookie.
	Hash DeviceHash
	// Name is for people: what the browser said of itself, valid UTF-8.
	Name string
	// CreatedAt and ExpiresAt are times of the store.
	CreatedAt, ExpiresAt time.Time
}

// A DeviceHash is a digest of the token of a device and its subject.
type DeviceHash [32]byte
