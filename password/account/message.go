package account

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// A MessageKind says what a Message is about, for whoever writes the words of it
// or counts what was sent.
type MessageKind string

// Kinds of messages. Those with a Link ask the reader to prove that the mailbox
// is theirs; the others tell of something that has happened.
const (
	MessageVerify             MessageKind = "verify"               // Link: prove the address of a new account
	MessageAlreadyRegistered  MessageKind = "already-registered"   // somebody has tried to register with the address of an account
	MessageReset              MessageKind = "reset"                // Link: set a new password
	MessagePasswordChanged    MessageKind = "password-changed"     // the password is another, by a change or a reset
	MessageEmailChange        MessageKind = "email-change"         // Link, to the new address: prove that it is theirs
	MessageEmailChangeRequest MessageKind = "email-change-request" // to the old address: somebody wants to move the account to another
	MessageEmailChanged       MessageKind = "email-changed"        // to the old address: the account is at another now
	MessageAccountDeleted     MessageKind = "account-deleted"      // the account is gone
	MessageFactorChanged      MessageKind = "factor-changed"       // a second factor was added, changed or removed
	MessageRecoveryUsed       MessageKind = "recovery-used"        // a recovery code stood in for the second factor
)

// A Message is one mail to one person, written and ready to be sent.
//
// It holds a secret if it has a Link. Whatever prints it (package fmt, slog)
// shows its Kind and nothing else. Encoders such as encoding/json do show all of
// it, so that a Mailer can hand it to another process; mind where that leads.
type Message struct {
	Kind MessageKind
	// To is the address as it is stored for the account, without a name. It is
	// never what was just typed into a form, unless to prove that very address.
	To string
	// Subject and Text are plain text. HTML is the same for mail programs that
	// show it, or empty.
	Subject, Text, HTML string
	// Link is the address that Text and HTML ask the reader to open, and Token
	// the secret in it. They are here for templates and tests; what a Mailer
	// sends is Text and HTML.
	Link, Token string
}

// String returns the Kind.
func (m Message) String() string { return "message " + string(m.Kind) }

// Format prints String, whatever the verb.
func (m Message) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue is the Kind.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(m.Kind)))
}

// A Mailer sends mail. It is called concurrently, by the workers of an Outbox,
// and should give up when ctx is done.
//
// An error that wraps ErrPermanent says that this message will never be taken.
// After any other it is sent again, so a Mailer that returns an error although
// the message went out has it arrive twice.
type Mailer interface {
	Send(ctx context.Context, m Message) error
}

// MailerFunc is a function that is a Mailer.
type MailerFunc func(ctx context.Context, m Message) error

// Send implements Mailer.
func (f MailerFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }
