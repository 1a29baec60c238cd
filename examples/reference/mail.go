package main

import (
	"errors"
	"log/slog"
	"net"
	"net/url"

	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/account/smtpmailer"
)

// newOutbox sends mail: by SMTP or, in development, into a mailbox that everybody on
// this machine can read.
func (s *service) newOutbox(log *slog.Logger) error {
	var mailer account.Mailer
	switch {
	case s.cfg.SMTP != "":
		m, err := newSMTP(s.cfg.SMTP)
		if err != nil {
			return err
		}
		mailer = m
	case s.cfg.Dev:
		s.mailbox = account.NewCapture(account.DefaultCaptured)
		mailer = s.mailbox
	default:
		return errors.New("there is no way to send mail")
	}
	log.Info("mail", "by_smtp", s.cfg.SMTP != "")
	var err error
	s.outbox, err = account.NewOutbox(mailer, account.OutboxConfig{OnEvent: s.onEvent})
	return err
}

// newSMTP reads smtp://user:password@host:587?from=no-reply@example.com.
func newSMTP(address string) (account.Mailer, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("SMTP_URL: use smtp://user:password@host:587?from=no-reply@example.com")
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "587"
	}
	pw, _ := u.User.Password()
	return smtpmailer.New(net.JoinHostPort(host, port), u.Query().Get("from"),
		smtpmailer.Config{Username: u.User.Username(), Password: pw, ImplicitTLS: u.Scheme == "smtps"})
}
