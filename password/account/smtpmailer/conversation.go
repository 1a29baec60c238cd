package smtpmailer

import (
	"context"
	"net"
	"net/smtp"
	"strings"
	"time"
)

const (
	// maxReplies bounds what is read from a server, TLS included: certificates and
	// a dozen replies.
	maxReplies = 1 << 20
	// quitTimeout is how long the end of the conversation may take. The message is
	// taken by then.
	quitTimeout = 2 * time.Second
)

// A conversation is one connection, for one message.
type conversation struct {
	ctx    context.Context //nolint:containedctx // it lives no longer than the Send that it belongs to
	mailer *Mailer
	raw    net.Conn
	conn   net.Conn // raw, or TLS if that is how it begins
	client *smtp.Client
	stop   func() bool
}

// newConversation takes conn over. Whatever is under way on it ends with ctx.
func newConversation(ctx context.Context, m *Mailer, conn net.Conn) *conversation {
	raw := &boundedConn{Conn: conn, left: maxReplies}
	return &conversation{ctx: ctx, mailer: m, raw: raw, conn: raw, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}
}

// close does not take leave, as the end of TLS would: see quit.
func (c *conversation) close() {
	c.stop()
	_ = c.raw.Close()
}

// greet says hello, encrypts, and logs in.
func (c *conversation) greet() (err error) {
	cfg := &c.mailer.cfg
	// The name that net/smtp is given counts for its own PLAIN, which is not used.
	if c.client, err = smtp.NewClient(c.conn, cfg.ServerName); err != nil {
		return failed(c.ctx, "connect", err)
	}
	if err := c.client.Hello(cfg.Hello); err != nil {
		return failed(c.ctx, "EHLO", err)
	}
	if !cfg.ImplicitTLS && !cfg.InsecureNoTLS {
		if offered, _ := c.client.Extension("STARTTLS"); !offered {
			return ErrNoTLS
		}
		// What was received so far is forgotten, and EHLO is said again.
		if err := c.client.StartTLS(c.mailer.tls); err != nil {
			return failed(c.ctx, "STARTTLS", err)
		}
	}
	if cfg.Username == "" {
		return nil
	}
	offered, methods := c.client.Extension("AUTH")
	auth := newLogin(methods, cfg.Username, cfg.Password)
	if !offered || auth == nil {
		return ErrNoAuth
	}
	return failed(c.ctx, "AUTH", c.client.Auth(auth))
}

// deliver sends the message. When the server has taken it, nothing that happens
// later is an error.
func (c *conversation) deliver(m *writtenMail) error {
	options := ""
	if !isASCII(m.to) {
		// Only then: a server that has promised SMTPUTF8 to the sender has to bounce
		// what it cannot hand on with it (RFC 6531 §3.2).
		if offered, _ := c.client.Extension("SMTPUTF8"); !offered {
			return errSMTPUTF8
		}
		options = " BODY=8BITMIME SMTPUTF8"
	}
	if err := c.command(250, "MAIL FROM:<%s>%s", c.mailer.cfg.Envelope, options); err != nil {
		return failed(c.ctx, "MAIL", err)
	}
	if err := c.command(25, "RCPT TO:<%s>", m.to); err != nil {
		return failed(c.ctx, "RCPT", err)
	}
	data, err := c.client.Data()
	if err != nil {
		return failed(c.ctx, "DATA", err)
	}
	if _, err := data.Write(m.data); err != nil {
		return failed(c.ctx, "DATA", err)
	}
	if err := data.Close(); err != nil {
		return failed(c.ctx, "DATA", err)
	}
	c.quit()
	return nil
}

// command is a command of SMTP and its reply. Those of net/smtp ask for SMTPUTF8
// whenever the server has it.
func (c *conversation) command(expect int, format string, args ...any) error {
	id, err := c.client.Text.Cmd(format, args...)
	if err != nil {
		return err
	}
	c.client.Text.StartResponse(id)
	defer c.client.Text.EndResponse(id)
	_, _, err = c.client.Text.ReadResponse(expect)
	return err
}

// quit is polite, and short.
func (c *conversation) quit() {
	ctx, cancel := context.WithTimeout(c.ctx, quitTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	_ = c.raw.SetDeadline(deadline)
	_ = c.client.Quit()
}

// A boundedConn reads so much and no more.
type boundedConn struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
