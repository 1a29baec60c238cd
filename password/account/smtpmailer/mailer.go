package smtpmailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"

	"github.com/go-sallyport/auth/password/account"
)

// A Mailer is an account.Mailer that hands each message to a mail server, on a
// connection of its own. See the package comment for what it protects from.
//
// It is safe for concurrent use and has no goroutine.
type Mailer struct {
	address string
	from    *mail.Address
	cfg     Config
	tls     *tls.Config
}

var _ account.Mailer = (*Mailer)(nil)

// New returns a Mailer that sends through the server at address, "host:port", in
// the name of from, "Example Shop <no-reply@example.com>". It does not talk to the
// server.
func New(address, from string, cfg Config) (*Mailer, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("smtpmailer: the address %q of the server is not host:port, such as smtp.example.com:587", address)
	}
	sender, err := parseSender(from)
	if err != nil {
		return nil, fmt.Errorf("smtpmailer: the sender is not an address such as \"Example Shop <no-reply@example.com>\": %w", err)
	}
	if cfg, err = cfg.complete(host, sender); err != nil {
		return nil, err
	}
	m := &Mailer{address: address, from: sender, cfg: cfg}
	m.tls = &tls.Config{ServerName: cfg.ServerName, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12}
	return m, nil
}

var errTimeout = fmt.Errorf("no answer within Config.Timeout: %w", context.DeadlineExceeded)

// Send implements account.Mailer. It returns nil when the server has taken the
// message, an error that wraps account.ErrPermanent when it will never do so, and
// any other when it is worth another try.
func (m *Mailer) Send(ctx context.Context, msg account.Message) error {
	written, err := m.write(msg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.Timeout, errTimeout)
	defer cancel()
	c, err := m.connect(ctx)
	if err != nil {
		return failed(ctx, "connect", err)
	}
	defer c.close()
	if err := c.greet(); err != nil {
		return err
	}
	return c.deliver(written)
}

// connect dials and, if that is how the server begins, encrypts.
func (m *Mailer) connect(ctx context.Context) (*conversation, error) {
	conn, err := m.cfg.Dial(ctx, "tcp", m.address)
	if err != nil {
		return nil, err
	}
	if conn == nil {
		return nil, errors.New("Config.Dial returned no connection")
	}
	c := newConversation(ctx, m, conn)
	if m.cfg.ImplicitTLS {
		encrypted := tls.Client(c.conn, m.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			c.close()
			return nil, err
		}
		c.conn = encrypted
	}
	return c, nil
}
