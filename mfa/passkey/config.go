package passkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/problem"
)

// Defaults and bounds of Config.
const (
	DefaultMaxPerUser   = 10
	MostPerUser         = 50
	DefaultChallengeTTL = 5 * time.Minute
	MaxChallengeTTL     = 10 * time.Minute
	DefaultFreshFor     = 15 * time.Minute
)

const (
	minChallengeTTL = 30 * time.Second // people have to find the key
	maxOrigins      = 20
	// remember is how long a store keeps in mind that a challenge was answered. It
	// is far more than a challenge lasts, for machines whose clocks differ.
	remember = 24 * time.Hour
)

// Config configures a Manager. RPID and Key have no safe default; the zero value of
// all else is the recommended production setting.
type Config struct {
	// RPID is the domain that passkeys are for, such as "example.com": that of the
	// pages, or one that they are below (WebAuthn L3 §4, RP ID). It never changes, or
	// all passkeys are lost.
	RPID string
	// Origins are those of the pages that may use passkeys, as browsers write them:
	// "https://app.example.com". Empty: "https://" and RPID. Every host is RPID or
	// below it. They are compared byte by byte.
	Origins []string
	// Name is the name of the service that the browser shows. Empty: RPID.
	Name string
	// Key seals challenges: 32 random bytes, the same in all processes. OldKeys
	// still open what they have sealed.
	Key     []byte
	OldKeys [][]byte
	// User is how the browser shows the account of p, to choose from: name such as
	// the address, and display such as the full name. They stay on the authenticator
	// and are told to nobody else. Nil: the attribute "email" of the principal or,
	// without one, the subject, for both.
	User func(p *auth.Principal) (name, display string)
	// Current completes the principal of whoever signs in with a passkey alone: its
	// roles, or an error that wraps auth.ErrInvalidCredentials if the subject may not
	// sign in. Nil: LoginHandler panics.
	Current auth.Current
	// AlwaysVerify asks for user verification also of a second factor, and so when a
	// passkey is registered. False: it is asked for where there is one, and a
	// security key without a PIN is good beside a password. A login with a passkey
	// alone always verifies.
	AlwaysVerify bool
	// MaxPerUser is how many passkeys a user can have, at most 50. Zero: 10.
	MaxPerUser int
	// ChallengeTTL is how long a challenge waits, 30 seconds to 10 minutes. Zero: 5
	// minutes, as WebAuthn L3 §15.1 recommends.
	ChallengeTTL time.Duration
	// FreshFor is how recent a proof must be to begin a registration. Set it to what
	// mfa.Config.FreshFor is, which decides in the end. Zero: 15 minutes.
	FreshFor time.Duration
	// Elevate notes in the session of the request that a passkey was used when one
	// is registered, as for mfa.Config: if it fails the session ends with all others.
	// Nil: it is asked for where it is wanted.
	Elevate func(ctx context.Context, f auth.Factor) error

	// ErrorHandler answers what is refused. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// CrossOrigin decides which other origins may send requests. Nil: none may.
	CrossOrigin *http.CrossOriginProtection
	// InsecureCookie drops Secure and the __Host- prefix from the cookie and allows
	// an origin with http://localhost, for plain HTTP on loopback. Requests from
	// anywhere else are refused then.
	InsecureCookie bool
	// OnEvent is told of every decision.
	OnEvent auth.EventFunc
	// ClientIP finds the client's address for events. Nil: the peer of the
	// connection; forwarded headers are not read.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("passkey: "+format, args...)) }
	switch {
	case c.RPID == "":
		wrong("RPID is missing: name the domain that passkeys are for, such as \"example.com\"")
	case protocol.ValidateRPID(c.RPID) != nil || !isHost(c.RPID):
		wrong("RPID %q is not a domain in lower case, such as \"example.com\"", c.RPID)
	}
	if len(c.Origins) == 0 {
		c.Origins = []string{"https://" + c.RPID}
	}
	if len(c.Origins) > maxOrigins {
		wrong("there are %d Origins: at most %d", len(c.Origins), maxOrigins)
	}
	c.Origins = slices.Clone(c.Origins)
	for _, origin := range c.Origins {
		if err := c.checkOrigin(origin); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Name == "" {
		c.Name = c.RPID
	}
	if !isText(c.Name, MaxName) {
		wrong("Name %q: use text of at most %d bytes", c.Name, MaxName)
	}
	if c.MaxPerUser == 0 {
		c.MaxPerUser = DefaultMaxPerUser
	}
	if c.MaxPerUser < 1 || c.MaxPerUser > MostPerUser {
		wrong("MaxPerUser %d: use 1 to %d, or 0 for %d", c.MaxPerUser, MostPerUser, DefaultMaxPerUser)
	}
	if c.ChallengeTTL == 0 {
		c.ChallengeTTL = DefaultChallengeTTL
	}
	if c.ChallengeTTL < minChallengeTTL || c.ChallengeTTL > MaxChallengeTTL {
		wrong("ChallengeTTL %s: use %s to %s, or 0 for %s", c.ChallengeTTL, minChallengeTTL, MaxChallengeTTL, DefaultChallengeTTL)
	}
	if c.FreshFor == 0 {
		c.FreshFor = DefaultFreshFor
	}
	if c.FreshFor < 0 || c.FreshFor > 24*time.Hour {
		wrong("FreshFor %s: use a positive duration of at most a day, or 0 for %s", c.FreshFor, DefaultFreshFor)
	}
	if c.User == nil {
		c.User = accountName
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = problem.WriteError
	}
	if c.CrossOrigin == nil {
		c.CrossOrigin = http.NewCrossOriginProtection()
	}
	if c.ClientIP == nil {
		c.ClientIP = func(r *http.Request) (netip.Addr, error) { return clientip.Peer(r), nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}

// checkOrigin wants an origin as browsers write it (RFC 6454 §6.2), of a page that
// may use the RPID.
func (c Config) checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin || !isHost(u.Hostname()) || u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" || !isPort(u) {
		return fmt.Errorf("passkey: the origin %q is not as browsers write it, such as \"https://example.com\"", origin)
	}
	local := u.Scheme == "http" && c.InsecureCookie && u.Hostname() == "localhost"
	if u.Scheme != "https" && !local {
		return fmt.Errorf("passkey: the origin %q is not https://, nor http://localhost with InsecureCookie", origin)
	}
	if host := u.Hostname(); host != c.RPID && !strings.HasSuffix(host, "."+c.RPID) {
		return fmt.Errorf("passkey: the origin %q is not of the domain %q of RPID, nor below it", origin, c.RPID)
	}
	return nil
}

// isPort reports whether the port of u is as browsers write one, which may be none.
func isPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Host == u.Hostname() || err == nil && n > 0 && u.Port() == strconv.FormatUint(n, 10)
}

// isHost reports whether s is a domain name as it stands in an origin: ASCII, lower
// case, without a dot at the end.
func isHost(s string) bool {
	return s != "" && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
		})
}

func accountName(p *auth.Principal) (name, display string) {
	if email := p.Attributes["email"]; email != "" {
		return email, email
	}
	return p.Subject, p.Subject
}

// isText reports whether s is text that can be shown on a line, and leaves the text
// beside it as it is: without control characters, the line ends of Unicode, and what
// turns the direction of writing for more than a letter (UAX #9 §2).
func isText(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}
