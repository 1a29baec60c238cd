package account

import (
	"errors"
	"strings"
)

// The errors of mail.
var (
	// ErrPermanent is wrapped by the error of a Mailer, or of a Job, that will be
	// the same next time: an Outbox does not try again.
	ErrPermanent = errors.New("account: the message will never be taken")
	// ErrOutboxFull: as much mail is waiting as OutboxConfig.Queue allows.
	ErrOutboxFull = errors.New("account: the outbox is full")
	// ErrOutboxClosed: a Job came after Close.
	ErrOutboxClosed = errors.New("account: the outbox is closed")
	// ErrUnsent: an Outbox was closed before all its mail was sent.
	ErrUnsent = errors.New("account: mail was not sent before the outbox was closed")

	errNoJob = errors.New("account: Enqueue wants a Job")
	// errGone is that of a Job or Mailer that ended its goroutine.
	errGone = errors.New("account: the mailer or job did not return")
)

// A sendError is why a message was not sent, in words that can be logged: a mail
// server may quote what it refuses, and the secret of a link with it.
type sendError struct {
	err  error
	text string
}

func newSendError(err error, m Message) error {
	text := err.Error()
	for _, part := range []string{m.Token, m.Link} {
		if part != "" && strings.Contains(text, part) {
			text = "account: the mailer failed, in words that quote the secret of the message"
		}
	}
	return &sendError{err, text}
}

func (e *sendError) Error() string { return e.text }
func (e *sendError) Unwrap() error { return e.err }
