package session

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/origin"
	"github.com/go-sallyport/auth/problem"
)

// The defaults of Config.
const (
	DefaultLifetime    = 24 * time.Hour
	DefaultIdleTimeout = 30 * time.Minute
	DefaultMaxPerUser  = 100
)

// maxPerUser bounds MaxPerUser: a sign-in looks at all sessions of the user.
const maxPerUser = 10_000

// maxLifetime is how long browsers keep a cookie at most (RFC 6265bis §5.5). A
// longer lifetime is a mistake of units.
const maxLifetime = 400 * 24 * time.Hour

const hostPrefix = "__Host-"

// Config configures a Manager. The zero value is the recommended production
// setting.
type Config struct {
	// CookieName is the name of the cookie. It must begin with "__Host-", which
	// makes browsers refuse a cookie of that name from a neighbouring subdomain
	// or from plain HTTP. Empty: "__Host-session", with InsecureCookie "session".
	CookieName string
	// SameSite is http.SameSiteLaxMode (also zero) or http.SameSiteStrictMode.
	SameSite http.SameSite
	// Lifetime ends a session that long after the sign-in, however busy it is.
	// Renewals do not move the end. Zero: 24 hours. At most 400 days. Making it
	// shorter also shortens the sessions that exist.
	Lifetime time.Duration
	// IdleTimeout ends a session that was not used for that long. Zero: 30
	// minutes, or Lifetime if that is less. Negative: none. It may not be longer
	// than Lifetime.
	IdleTimeout time.Duration
	// RememberLifetime and RememberIdleTimeout are the limits of a session whose
	// user has asked to be remembered, see Remember. Zero: those of all others.
	// They are bounded as Lifetime and IdleTimeout are.
	RememberLifetime, RememberIdleTimeout time.Duration
	// TouchEvery is how exact idleness is measured: a session in use is written
	// at most that often to note it, and so may end that much too early. Zero: a
	// tenth of IdleTimeout. At most half of it. The use of remembered sessions is
	// noted as often, and at least every tenth of RememberIdleTimeout.
	TouchEvery time.Duration
	// MaxPerUser is how many sessions a user can have. A sign-in that would make
	// one more ends the one with the oldest sign-in, in the same step. Zero: 100.
	// At most 10,000; there is no way to have no limit, as one account could then
	// fill the store.
	MaxPerUser int
	// Keep names the application values that survive a sign-in, such as "cart".
	// All others are dropped then: somebody else may have planted them.
	Keep []string
	// CrossOrigin decides which other origins may send requests with the cookie.
	// Nil: none may, but for GET, HEAD and OPTIONS.
	CrossOrigin *http.CrossOriginProtection
	// InsecureCookie is for development over plain HTTP on one's own machine: the
	// cookie is sent without Secure and has no "__Host-" prefix. Any request
	// whose peer or Host is not loopback, or that a proxy forwarded, is then
	// refused with ErrNotLoopback.
	InsecureCookie bool
	// SkipCookiePrefix allows a CookieName without "__Host-". Subdomains can then
	// plant cookies of that name; the request is anonymous if there are two.
	SkipCookiePrefix bool
	// Landing is the path that SignIn and SignOutHandler send browsers to if the
	// request names none (see auth.ReturnPath). Empty: "/".
	Landing string
	// Respond writes the response of SignIn. Nil: 303 for browsers, 204 for
	// other clients.
	Respond func(w http.ResponseWriter, r *http.Request, p *auth.Principal)
	// SCS is the scs manager that SCS returns, for a service that already has
	// one made by scs.New, and for one that has two Managers in one chain. The
	// Manager takes it over: it sets everything but a codec other than
	// scs.GobCodec. Nil: one of its own.
	SCS *scs.SessionManager
	// ErrorHandler answers requests whose session cannot be saved. Nil:
	// problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// OnEvent is told of sign-ins and sign-outs, of cookies that cannot be
	// genuine, of stored sessions that cannot be read, and of late writes.
	OnEvent auth.EventFunc
	// ClientIP finds the client's address, for Record and events. Nil: the peer
	// of the connection; forwarded headers are not read.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("session: "+format, args...)) }

	if c.CookieName == "" {
		c.CookieName = hostPrefix + "session"
		if c.InsecureCookie {
			c.CookieName = "session"
		}
	}
	switch prefixed := strings.HasPrefix(strings.ToLower(c.CookieName), "__"); {
	case !validCookieName(c.CookieName):
		wrong("CookieName %q has characters that a cookie name cannot have", c.CookieName)
	case c.InsecureCookie && prefixed:
		wrong("CookieName %q begins with \"__\", which browsers take for a prefix that asks for Secure, and InsecureCookie drops Secure: use a name without it", c.CookieName)
	case !c.InsecureCookie && !c.SkipCookiePrefix && !strings.HasPrefix(c.CookieName, hostPrefix):
		wrong("CookieName %q does not begin with %q, so subdomains could plant it: use %q, or say SkipCookiePrefix", c.CookieName, hostPrefix, hostPrefix+c.CookieName)
	case c.CookieName == hostPrefix:
		wrong("CookieName %q is nothing but a prefix", c.CookieName)
	}

	switch c.SameSite {
	case 0:
		c.SameSite = http.SameSiteLaxMode
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		wrong("SameSite=None would send the cookie with the requests of every other site: use Lax or Strict")
	default:
		wrong("SameSite %d: use http.SameSiteLaxMode or http.SameSiteStrictMode", c.SameSite)
	}

	if c.Lifetime == 0 {
		c.Lifetime = DefaultLifetime
	}
	if c.Lifetime < time.Millisecond || c.Lifetime > maxLifetime {
		wrong("Lifetime %s: use up to %s", c.Lifetime, maxLifetime)
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = min(DefaultIdleTimeout, c.Lifetime)
	}
	switch {
	case c.IdleTimeout < 0:
		c.IdleTimeout = 0
		if c.TouchEvery != 0 {
			wrong("TouchEvery %s without an IdleTimeout", c.TouchEvery)
		}
	case c.IdleTimeout > c.Lifetime:
		wrong("IdleTimeout %s is longer than Lifetime %s", c.IdleTimeout, c.Lifetime)
	case c.TouchEvery < 0 || c.TouchEvery > c.IdleTimeout/2:
		wrong("TouchEvery %s: use up to half of IdleTimeout %s", c.TouchEvery, c.IdleTimeout)
	case c.TouchEvery == 0:
		c.TouchEvery = c.IdleTimeout / 10
	}

	switch {
	case c.RememberLifetime == 0:
		c.RememberLifetime = c.Lifetime
	case c.RememberLifetime < time.Millisecond || c.RememberLifetime > maxLifetime:
		wrong("RememberLifetime %s: use up to %s", c.RememberLifetime, maxLifetime)
	}
	switch {
	case c.RememberIdleTimeout < 0:
		c.RememberIdleTimeout = 0
	case c.RememberIdleTimeout == 0:
		c.RememberIdleTimeout = min(c.IdleTimeout, c.RememberLifetime)
	case c.RememberIdleTimeout > c.RememberLifetime:
		wrong("RememberIdleTimeout %s is longer than RememberLifetime %s", c.RememberIdleTimeout, c.RememberLifetime)
	}
	if c.MaxPerUser == 0 {
		c.MaxPerUser = DefaultMaxPerUser
	}
	if c.MaxPerUser < 0 || c.MaxPerUser > maxPerUser {
		wrong("MaxPerUser %d: use 1 to %d, or 0 for %d", c.MaxPerUser, maxPerUser, DefaultMaxPerUser)
	}

	c.Keep = slices.Clone(c.Keep)
	if slices.Contains(c.Keep, "") {
		wrong("Keep has an empty name")
	}
	if c.Landing == "" {
		c.Landing = "/"
	}
	if path, ok := auth.LocalPath(c.Landing); ok {
		c.Landing = path
	} else {
		wrong("Landing %q is not a path on this origin", c.Landing)
	}

	if c.CrossOrigin == nil {
		c.CrossOrigin = http.NewCrossOriginProtection()
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = problem.WriteError
	}
	if c.ClientIP == nil {
		c.ClientIP = origin.Peer
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}

// validCookieName reports whether s is a token of RFC 9110 §5.6.2.
func validCookieName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= 128
}
