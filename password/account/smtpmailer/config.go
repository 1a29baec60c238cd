package smtpmailer

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"strings"
	"time"
)

// DefaultTimeout is the most that a message may take.
const DefaultTimeout = 30 * time.Second

// Config configures a Mailer. The zero value is the recommended production setting
// for a server that wants no login: STARTTLS, with the certificates of the system.
type Config struct {
	// Username and Password are the login at the server, if it wants one. They are
	// sent by AUTH PLAIN, or LOGIN where there is no other, and never without TLS.
	Username, Password string
	// ImplicitTLS begins with TLS, as on port 465 (RFC 8314 §3.3), and not with
	// STARTTLS, as on port 587. Neither ever goes on without.
	ImplicitTLS bool
	// InsecureNoTLS sends mail in the clear, with no login. New refuses it unless
	// the server is on loopback, such as a relay on the same machine.
	InsecureNoTLS bool
	// RootCAs are whose certificates of servers are good. Nil: those of the system.
	RootCAs *x509.CertPool
	// ServerName is what the certificate must be for. Empty: the host of the
	// address.
	ServerName string
	// Envelope is where bounces go (MAIL FROM). Empty: the address of from.
	Envelope string
	// Hello is the name that this service gives itself (EHLO), a domain name.
	// Empty: the domain of from.
	Hello string
	// Timeout is the most that a message may take, dialing included. The context of
	// Send may end it earlier. Zero: 30 seconds.
	Timeout time.Duration
	// Dial connects, such as through a proxy. Nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock of the Date of mail. Nil: time.Now.
	Now func() time.Time
}

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete(host string, from *mail.Address) (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("smtpmailer: "+format, args...))
	}
	c.ServerName = cmp.Or(c.ServerName, host)
	c.Envelope = cmp.Or(c.Envelope, from.Address)
	if _, err := parseAddress(c.Envelope); err != nil || !isASCII(c.Envelope) {
		wrong("Envelope is not an address such as bounces@example.com")
	}
	c.Hello = cmp.Or(c.Hello, domainOf(from.Address))
	if !isHostname(c.Hello) {
		wrong("Hello %q is not a domain name", c.Hello)
	}
	if (c.Username == "") != (c.Password == "") {
		wrong("a Username wants a Password, and the other way round")
	}
	if strings.ContainsRune(c.Username+c.Password, 0) {
		wrong("Username or Password has a NUL, which ends it in AUTH PLAIN")
	}
	if c.InsecureNoTLS {
		if !isLoopback(host) {
			wrong("InsecureNoTLS is for a server on loopback, and %s is not: unset it", host)
		}
		if c.ImplicitTLS || c.Username != "" {
			wrong("InsecureNoTLS goes with neither ImplicitTLS nor a Username: a password is sent through TLS only")
		}
	}
	if c.Timeout < 0 {
		wrong("Timeout %s: use a positive duration, or 0 for %s", c.Timeout, DefaultTimeout)
	}
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// isHostname reports whether s can stand in EHLO as it is.
func isHostname(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 253
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
