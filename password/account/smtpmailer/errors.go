package smtpmailer

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/go-sallyport/auth/password/account"
)

// The errors of this package.
var (
	// ErrNoTLS: the server does not offer STARTTLS, or somebody in between hides
	// that it does. Nothing was sent.
	ErrNoTLS = errors.New("smtpmailer: the server does not offer STARTTLS, so nothing was sent")
	// ErrNoAuth: the server offers neither AUTH PLAIN nor LOGIN, and a Username is
	// configured. Nothing was sent.
	ErrNoAuth = errors.New("smtpmailer: the server offers neither AUTH PLAIN nor AUTH LOGIN")
	// ErrMessage: the message cannot be sent as it is. It wraps
	// account.ErrPermanent.
	ErrMessage = fmt.Errorf("smtpmailer: the message cannot be sent as it is: %w", account.ErrPermanent)

	errSMTPUTF8 = fmt.Errorf("%w: the server takes no addresses beyond ASCII", ErrMessage)
	errTooMuch  = errors.New("smtpmailer: the server does not stop talking")
)

// An Error is why a message was not taken. Its text has the code of the server
// and not its words, which may quote the message; they are in the
// *textproto.Error that it wraps.
type Error struct {
	Step string // what failed: "connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT" or "DATA"
	Code int    // the reply of the server; 0: there was none
	err  error
}

// Error describes the failure.
func (e *Error) Error() string {
	if e.Code == 0 {
		return "smtpmailer: " + e.Step + ": " + e.err.Error()
	}
	return fmt.Sprintf("smtpmailer: %s: the server answered %d%s", e.Step, e.Code, e.enhanced())
}

// enhanced is the status code of RFC 3463 that a reply may begin with.
func (e *Error) enhanced() string {
	var reply *textproto.Error
	if !errors.As(e.err, &reply) {
		return ""
	}
	code, _, _ := strings.Cut(reply.Msg, " ")
	if len(code) > len("5.999.999") || strings.Count(code, ".") != 2 || strings.Trim(code, "0123456789.") != "" {
		return ""
	}
	return " " + code
}

// Permanent reports whether the message will never be taken.
func (e *Error) Permanent() bool {
	return e.Code >= 500 && (e.Step == "MAIL" || e.Step == "RCPT" || e.Step == "DATA")
}

// Unwrap returns the cause and, if the error is permanent, account.ErrPermanent.
func (e *Error) Unwrap() []error {
	if e.Permanent() {
		return []error{e.err, account.ErrPermanent}
	}
	return []error{e.err}
}

// failed makes an Error of what went wrong in a step. If the context is over that
// is the cause, whatever the connection says.
func failed(ctx context.Context, step string, err error) error {
	if err == nil {
		return nil
	}
	if known := (*Error)(nil); errors.As(err, &known) || errors.Is(err, ErrMessage) {
		return err
	}
	e := &Error{Step: step, err: err}
	var reply *textproto.Error
	var protocol textproto.ProtocolError
	switch {
	case errors.As(err, &reply):
		e.Code = reply.Code
	case ctx.Err() != nil:
		e.err = context.Cause(ctx)
	case errors.As(err, &protocol):
		e.err = errProtocol // its text quotes the line
	}
	return e
}

var errProtocol = errors.New("the answer is none of SMTP")
