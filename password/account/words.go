package account

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sallyport/auth/problem"
)

// MessageResetNoPassword says that somebody has asked to reset the password of an
// account that has none, as it signs in some other way.
const MessageResetNoPassword MessageKind = "reset-no-password"

// A message is what a Message is made of.
type message struct {
	kind        MessageKind
	to          string
	about       User
	page, token string
}

// messages writes mail.
func (s *Service) messages(ctx context.Context, list ...message) ([]Message, error) {
	out := make([]Message, 0, len(list))
	for _, in := range list {
		m := Message{Kind: in.kind, To: in.to}
		if in.token != "" {
			m.Link, m.Token = s.link(in.page, in.token), in.token
		}
		words, ok := english[in.kind]
		if !ok {
			return nil, fmt.Errorf("%w: no words for mail of kind %q", ErrPermanent, in.kind)
		}
		m.Subject = fmt.Sprintf(words.subject, s.cfg.Name)
		m.Text = s.text(words, m.Link)
		if s.cfg.Compose != nil {
			in.about.Hash = ""
			composed, err := s.cfg.Compose(ctx, m, in.about)
			if err != nil {
				return nil, err
			}
			composed.Kind, composed.To, composed.Link, composed.Token = m.Kind, m.To, m.Link, m.Token
			m = composed
		}
		out = append(out, m)
	}
	return out, nil
}

func (s *Service) text(w words, link string) string {
	var b strings.Builder
	fmt.Fprintf(&b, w.text, s.cfg.Name)
	b.WriteString("\n")
	if link != "" {
		b.WriteString("\n" + link + "\n")
	}
	if w.after != "" {
		b.WriteString("\n" + w.after + "\n")
	}
	return b.String()
}

// words are the default words of a kind of mail. The verbs are the name of the
// service.
type words struct{ subject, text, after string }

const notYou = "If that was not you, ignore this message: nothing has changed."

var english = map[MessageKind]words{
	MessageVerify: {
		"Confirm your address for %s",
		"Somebody, most likely you, has registered this address at %s. Open this link to confirm it:",
		"If that was not you, do not open the link: there is no account without it.",
	},
	MessageAlreadyRegistered: {
		"You have an account at %s",
		"Somebody, most likely you, has tried to register this address at %s. It has an account already: sign in, or ask for a new password.",
		notYou,
	},
	MessageReset: {
		"Set a new password for %s",
		"Somebody, most likely you, has asked for a new password at %s. Open this link to set one:",
		notYou,
	},
	MessageResetNoPassword: {
		"Your account at %s has no password",
		"Somebody, most likely you, has asked for a new password at %s. Your account has none: sign in as you did before, with another provider or a passkey.",
		notYou,
	},
	MessagePasswordChanged: {
		"Your password for %s was changed",
		"The password of your account at %s was changed, and other devices were signed out.",
		"If that was not you, ask for a new password at once.",
	},
	MessageEmailChange: {
		"Confirm your new address for %s",
		"Somebody, most likely you, wants to use this address for an account at %s. Open this link to confirm it:",
		"If that was not you, do not open the link: nothing changes without it.",
	},
	MessageEmailChangeRequest: {
		"Your address for %s is about to change",
		"Somebody, most likely you, has asked to move your account at %s to another address.",
		"If that was not you, change your password at once: that stops it.",
	},
	MessageEmailChanged: {
		"Your address for %s was changed",
		"Your account at %s has another address now. This is the last message to this one.",
		"If that was not you, write to us at once.",
	},
	MessageAccountDeleted: {
		"Your account at %s was deleted",
		"Your account at %s was deleted.",
		"If that was not you, write to us at once.",
	},
	MessageFactorChanged: {
		"Your second factor for %s was changed",
		"A second factor of your account at %s was added, changed or removed.",
		"If that was not you, change your password at once.",
	},
	MessageRecoveryUsed: {
		"A recovery code was used for %s",
		"Somebody, most likely you, has signed in to your account at %s with a recovery code. It cannot be used again.",
		"If that was not you, change your password at once.",
	},
}

// Notify tells a user by mail, and Config.Notify, that something about their
// account has changed: for changes that this package does not make, such as
// MessageFactorChanged. It returns ErrNotFound if there is no such user.
//
// If the store cannot be asked who that is, the Outbox asks later, as often as it tries
// to send mail, and the user is told then. There is an error only if it takes no job.
func (s *Service) Notify(ctx context.Context, subject string, kind MessageKind) error {
	u, err := s.store.Find(ctx, subject) // also one who is kept out
	if err == nil {
		s.tell(ctx, kind, u)
		return nil
	}
	if errors.Is(err, ErrNotFound) || !s.cfg.Outbox.Enqueue(ctx, func(ctx context.Context) ([]Message, error) {
		u, err := s.store.Find(ctx, subject)
		if errors.Is(err, ErrNotFound) {
			return nil, nil // nobody is left to be told
		}
		if err != nil {
			return nil, unavailable("find", err)
		}
		u.Hash = ""
		mail, err := s.messages(ctx, message{kind: kind, to: u.Email, about: u})
		if err == nil {
			s.notify(ctx, kind, u)
		}
		return mail, err
	}) {
		return unavailable("find", err)
	}
	return nil
}

// tell sends a notice to the address of u. A notice is no part of what it is about:
// if it cannot be sent, or the hook panics, the change stands.
func (s *Service) tell(ctx context.Context, kind MessageKind, u User) {
	u.Hash = "" // none of the business of hooks
	s.cfg.Outbox.Enqueue(ctx, func(ctx context.Context) ([]Message, error) {
		return s.messages(ctx, message{kind: kind, to: u.Email, about: u})
	})
	s.notify(ctx, kind, u)
}

// notify calls the hook.
func (s *Service) notify(ctx context.Context, kind MessageKind, u User) {
	if s.cfg.Notify == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			s.emit(ctx, EventFault, u.ID, errors.New(problem.PanicError(v).Error()))
		}
	}()
	s.cfg.Notify(ctx, kind, u)
}
