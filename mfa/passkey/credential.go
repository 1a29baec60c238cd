package passkey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Bounds of what a Store is given, in bytes.
const (
	MaxSubject      = 255  // a subject
	MaxCredentialID = 1023 // Credential.CredentialID (WebAuthn L3 §4, Credential ID)
	MaxPublicKey    = 1024 // Credential.PublicKey: one of RSA with 4096 bits has 540
	MaxName         = 100  // Credential.Name
	MaxTransports   = 64   // all of Credential.Transports together, with a comma between
)

// A UserHandle is what authenticators know a user by: 64 random bytes (WebAuthn L3
// §14.6.1). It says nothing of the user, and stays the same, so that a new passkey
// takes the place of an old one on the same device.
type UserHandle [64]byte

// An ID names a passkey in a store: the SHA-256 of its CredentialID, which may be
// too long for a key of a table. It is no secret.
type ID [32]byte

// IDOf returns the ID for a CredentialID.
func IDOf(credentialID []byte) ID { return sha256.Sum256(credentialID) }

// String returns the ID as base64url, 43 characters.
func (id ID) String() string { return encoding.EncodeToString(id[:]) }

// ParseID reads what String made.
func ParseID(text string) (ID, bool) {
	var id ID
	raw, err := decode(text, len(id))
	return id, err == nil && copy(id[:], raw) == len(id)
}

var encoding = base64.RawURLEncoding.Strict()

// A Credential is a passkey of a user, the "credential record" of WebAuthn L3 §4.
// There is no secret in it.
type Credential struct {
	// CredentialID is how the authenticator names it: 1 to MaxCredentialID bytes.
	CredentialID []byte
	// Subject is whom it belongs to, and UserHandle what it was registered for.
	Subject    string
	UserHandle UserHandle
	// PublicKey is a COSE_Key (RFC 9052 §7), of at most MaxPublicKey bytes.
	PublicKey []byte
	// SignCount is the counter of the last assertion. Many authenticators have
	// none; it is 0 for ever then.
	SignCount uint32
	// UserVerified says that it has proved its user, by a PIN or biometrics, when it
	// was registered or beside another factor. Without, it cannot sign in alone.
	UserVerified bool
	// BackupEligible says that it may be copied to other devices of the user, and
	// BackedUp that it was. The first never changes.
	BackupEligible, BackedUp bool
	// AAGUID is the model of the authenticator, unattested. Zeros: not told.
	AAGUID [16]byte
	// Transports are how the authenticator is reached, such as "usb" or "internal".
	Transports []string
	// Name is what the user calls it: text of at most MaxName bytes.
	Name string
	// CreatedAt and LastUsedAt are by the clock of the Manager. A zero LastUsedAt:
	// never.
	CreatedAt, LastUsedAt time.Time
}

// ID returns the ID of c.
func (c Credential) ID() ID { return IDOf(c.CredentialID) }

// A ChallengeID names a challenge that was answered: its SHA-256.
type ChallengeID [32]byte

// A CallID is a random name of one call of a store. A call that is sent again,
// because its answer was lost, has the same one. The zero CallID is never given.
type CallID [16]byte

// An Answer uses up a challenge, for good.
type Answer struct {
	Challenge ChallengeID
	// Call is the call that uses it.
	Call CallID
	// Keep is how long the store has to remember it, which is longer than the
	// challenge lasts.
	Keep time.Duration
}

// A Use is what an assertion changes of a passkey.
type Use struct {
	ID        ID
	Subject   string // whom the passkey has to belong to
	SignCount uint32
	// UserVerified sets that of the Credential if it is true.
	UserVerified bool
	BackedUp     bool
	At           time.Time // the new LastUsedAt
}

// Accepts reports whether next may follow the counter of c: it is greater, or both
// are 0 (WebAuthn L3 §7.2 step 22).
func (c Credential) Accepts(next uint32) bool {
	return next > c.SignCount || next == 0 && c.SignCount == 0
}

// newHandle returns a random UserHandle.
func newHandle() (h UserHandle) {
	_, _ = rand.Read(h[:]) // never fails
	return h
}

// newCall returns the name of a call.
func newCall() (c CallID) {
	_, _ = rand.Read(c[:]) // never fails
	return c
}
