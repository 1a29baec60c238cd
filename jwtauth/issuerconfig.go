package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/origin"
	"github.com/go-sallyport/auth/problem"
)

// The defaults of IssuerConfig.
const (
	DefaultAccessLifetime  = 15 * time.Minute
	DefaultRefreshIdle     = 7 * 24 * time.Hour
	DefaultRefreshLifetime = 30 * 24 * time.Hour
	DefaultGrace           = 10 * time.Second
	DefaultMaxPerUser      = 100
)

const (
	// maxAccessLifetime is the longest that InsecureLongLived allows.
	maxAccessLifetime = 24 * time.Hour
	// maxRefreshLifetime is how long browsers keep a cookie at most (RFC 6265bis
	// §5.5). A longer lifetime is a mistake of units.
	maxRefreshLifetime = 400 * 24 * time.Hour
	// maxGrace: within it a thief and his victim cannot be told apart.
	maxGrace = time.Minute
	// maxPerUser bounds MaxPerUser: a sign-in looks at all families of the user.
	maxPerUser = 10_000
)

// A Transport is where a client keeps its refresh token.
type Transport uint8

// The transports. An Issuer has one, and never sends or takes a refresh token by
// the other.
const (
	// TransportCookie is for browsers: the refresh token is in a cookie that no
	// script can read.
	TransportCookie Transport = iota
	// TransportBody is for clients that are no browsers, such as mobile apps: the
	// refresh token is the member refresh_token of the bodies of request and
	// answer. Script in a web page could read it there.
	TransportBody
)

// A Reuse says what ends when a refresh token is used that was spent before.
type Reuse uint8

// What ends. The access tokens of the user, on all devices, end with either, see
// IssuerConfig.Epochs; the devices whose families go on refresh and do not notice.
const (
	// ReuseEndsSubject: all sign-ins of the user. Who got hold of one refresh token
	// may have others.
	ReuseEndsSubject Reuse = iota
	// ReuseEndsFamily: the sign-in that the token is from and no other, which is
	// what RFC 9700 §4.14.2 asks for. It is for clients that often lose an answer
	// and repeat their refresh only after the grace, such as mobile apps that the
	// system stops: those are taken for thieves, and would sign the user out
	// everywhere.
	ReuseEndsFamily
)

// IssuerConfig configures an Issuer. Issuer, Audience, RefreshKeys and Current
// have no default; the zero value of all else is the recommended production
// setting.
type IssuerConfig struct {
	// Issuer and Audience are the iss and aud of access tokens. Refresh tokens
	// are bound to both: changing one of them signs everybody out.
	Issuer   string
	Audience []string
	// ClientID names the kind of client that this Issuer serves, if there are
	// several, such as "web" and "ios": each has an Issuer of its own, which may
	// share keys and store. A refresh token of one is nothing to another.
	ClientID string
	// RefreshKeys are keys of RefreshKeySize random bytes, the same ones in all
	// processes: the first one makes refresh tokens, all of them recognise them.
	// To change the key, add the next one at the end, in all processes; then make
	// it the first; when RefreshIdle has passed the old one can go. If a key is
	// stolen, remove it at once: all tokens that it made are refused.
	RefreshKeys [][]byte
	// Current tells how the user stands at each refresh, as in auth.Gate: with
	// today's roles, or refused, because disabled, deleted or signed in before
	// the password was changed (compare AuthenticatedAt). An error refuses the
	// refresh, and the refresh token stays good: when a database is back, so are
	// the users. Scopes only shrink: those of the sign-in are their bound.
	Current auth.Current
	// SkipCurrent allows a nil Current: a user who is disabled can refresh until
	// RevokeSubject is called.
	SkipCurrent bool
	// Epochs ends the access tokens of a user who is revoked, or whose refresh
	// token was stolen: name the same ones in VerifierConfig. The clocks of the
	// processes should agree: a token that one with a clock ahead has issued just
	// before, by that difference, does not end. Nil: all end by their age.
	Epochs EpochStore

	// AccessLifetime is that of an access token. Zero: 15 minutes. At most 15
	// minutes, unless InsecureLongLived.
	AccessLifetime time.Duration
	// InsecureLongLived allows an AccessLifetime of up to 24 hours. For so long a
	// stolen token is good, and a role that was taken away stays.
	InsecureLongLived bool
	// RefreshIdle ends a family whose token was not used for so long. Zero: 7 days,
	// or RefreshLifetime if that is less.
	RefreshIdle time.Duration
	// RefreshLifetime ends a family that long after the sign-in, however busy it
	// is. Zero: 30 days, or RefreshIdle if that is more. At most 400 days.
	RefreshLifetime time.Duration
	// Grace is how long a spent refresh token gets its successor again, so that
	// two tabs and a lost answer are harmless. So does a thief who comes within it:
	// he is noticed when he or the user is late. Zero: 10 seconds. Negative: none.
	// At most one minute.
	Grace time.Duration
	// MaxPerUser is how many families a user can have. A sign-in that would make
	// one more ends the oldest one. Zero: 100. At most 10,000.
	MaxPerUser int
	// Reuse says what ends when a spent token comes again. Zero: all sign-ins of
	// the user.
	Reuse Reuse

	// Claims adds claims to the access tokens of p, such as a plan. It is called
	// at each sign-in and refresh. Names that this package knows are refused.
	Claims func(ctx context.Context, p *auth.Principal) (map[string]any, error)

	// Transport is where the refresh token is kept. Zero: in a cookie.
	Transport Transport
	// CookiePath is the path under which browsers send the cookie. It must cover
	// RefreshHandler and RevokeHandler, or nobody can sign out. Empty: "/", which
	// does, wherever they are mounted.
	CookiePath string
	// CookieName must begin with "__Host-" if CookiePath is "/", and with
	// "__Secure-" for any other path. With InsecureCookie it has no prefix. Empty:
	// "__Host-refresh", "__Secure-refresh" or "refresh".
	CookieName string
	// SameSite is http.SameSiteStrictMode (also zero) or http.SameSiteLaxMode.
	SameSite http.SameSite
	// InsecureCookie is for development over plain HTTP on one's own machine: the
	// cookie is sent without Secure and has no prefix. Any request whose peer or
	// Host is not loopback, or that a proxy forwarded, is then refused with
	// ErrNotLoopback.
	InsecureCookie bool
	// CrossOrigin decides which other origins may send requests with the cookie.
	// Nil: none may.
	CrossOrigin *http.CrossOriginProtection

	// ErrorHandler answers requests to the handlers that are refused. Nil:
	// problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// OnEvent is told of sign-ins and sign-outs, of refresh tokens that are
	// refused, and of those that were spent before.
	OnEvent auth.EventFunc
	// ClientIP finds the client's address, for devices and events. Nil: the peer
	// of the connection; forwarded headers are not read.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock of access tokens. Nil: time.Now. Families live by that of
	// their store.
	Now func() time.Time
}

var (
	errNoKeySet  = errors.New("jwtauth: the key set is nil")
	errNoCurrent = errors.New("jwtauth: Current is nil, so a user who is disabled could refresh for ever: say how users stand, or SkipCurrent")
)

// complete fills in the defaults and reports everything that is wrong.
func (c IssuerConfig) complete() (IssuerConfig, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("jwtauth: "+format, args...)) }

	for name, values := range map[string][]string{"Issuer": {c.Issuer}, "ClientID": {c.ClientID}, "Audience": c.Audience} {
		if slices.ContainsFunc(values, unspeakable) {
			wrong("%s cannot stand in a token: use valid UTF-8 without NUL", name)
		}
	}
	if c.Issuer == "" {
		wrong("Issuer is empty: name the service, such as \"https://auth.example.com\"")
	}
	c.Audience = slices.Clone(c.Audience)
	if len(c.Audience) == 0 || slices.Contains(c.Audience, "") {
		wrong("Audience is empty: name the API that is to accept the tokens, such as \"https://api.example.com\"")
	}
	if c.Current == nil && !c.SkipCurrent {
		errs = append(errs, errNoCurrent)
	}
	if c.Transport > TransportBody {
		wrong("Transport %d: use TransportCookie or TransportBody", c.Transport)
	}
	if c.Reuse > ReuseEndsFamily {
		wrong("Reuse %d: use ReuseEndsSubject or ReuseEndsFamily", c.Reuse)
	}
	c.completeLimits(wrong)
	c.completeCookie(wrong)

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

// unspeakable reports whether a Verifier would refuse s as text.
func unspeakable(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }

func (c *IssuerConfig) completeLimits(wrong func(format string, args ...any)) {
	if c.AccessLifetime == 0 {
		c.AccessLifetime = DefaultAccessLifetime
	}
	switch longest := maxAccessLifetime; {
	case c.AccessLifetime < time.Second || c.AccessLifetime > longest:
		wrong("AccessLifetime %s: use 1 second to %s", c.AccessLifetime, DefaultAccessLifetime)
	case c.AccessLifetime > DefaultAccessLifetime && !c.InsecureLongLived:
		wrong("AccessLifetime %s: a stolen token would be good for so long: use up to %s, or say InsecureLongLived", c.AccessLifetime, DefaultAccessLifetime)
	}

	switch {
	case c.RefreshIdle == 0 && c.RefreshLifetime == 0:
		c.RefreshIdle, c.RefreshLifetime = DefaultRefreshIdle, DefaultRefreshLifetime
	case c.RefreshIdle == 0:
		c.RefreshIdle = min(DefaultRefreshIdle, c.RefreshLifetime)
	case c.RefreshLifetime == 0:
		c.RefreshLifetime = max(DefaultRefreshLifetime, c.RefreshIdle)
	}
	switch {
	case c.RefreshLifetime < time.Second || c.RefreshLifetime > maxRefreshLifetime:
		wrong("RefreshLifetime %s: use up to %s", c.RefreshLifetime, maxRefreshLifetime)
	case c.RefreshIdle < time.Second || c.RefreshIdle > c.RefreshLifetime:
		wrong("RefreshIdle %s: use up to RefreshLifetime, which is %s", c.RefreshIdle, c.RefreshLifetime)
	case c.AccessLifetime > c.RefreshIdle:
		wrong("AccessLifetime %s is longer than RefreshIdle %s, so there would be nothing to refresh with", c.AccessLifetime, c.RefreshIdle)
	}

	switch {
	case c.Grace == 0:
		c.Grace = DefaultGrace
	case c.Grace < 0:
		c.Grace = 0
	case c.Grace > maxGrace:
		wrong("Grace %s: use up to %s, or a negative one for none", c.Grace, maxGrace)
	}
	if c.MaxPerUser == 0 {
		c.MaxPerUser = DefaultMaxPerUser
	}
	if c.MaxPerUser < 0 || c.MaxPerUser > maxPerUser {
		wrong("MaxPerUser %d: use 1 to %d, or 0 for %d", c.MaxPerUser, maxPerUser, DefaultMaxPerUser)
	}
}
