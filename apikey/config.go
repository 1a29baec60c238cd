package apikey

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// The defaults of Config.
const (
	DefaultPrefix      = "sk"
	DefaultEnvironment = "live"
	DefaultHeader      = "X-API-Key"
	DefaultLifetime    = 90 * 24 * time.Hour
	DefaultMaxLifetime = 365 * 24 * time.Hour
	DefaultOverlap     = 24 * time.Hour
	DefaultMaxOverlap  = 7 * 24 * time.Hour
	DefaultMaxKeys     = 50
	DefaultTouchEvery  = time.Minute
	DefaultFreshFor    = 15 * time.Minute
	DefaultCacheSize   = 20_000
)

// The defaults of failures: of Config.Failures if that is nil.
const (
	DefaultMaxFailures   = 60
	DefaultFailureWindow = 5 * time.Minute
)

// The bounds of Config.
const (
	maxCacheFor    = time.Minute
	maxMaxKeys     = 1000
	maxAnyLifetime = 100 * 365 * 24 * time.Hour
)

// Config configures a Manager. Owner and Permits have no default; the zero value of
// the rest is the recommended production setting.
type Config struct {
	// Owner tells how the owner of a key stands now: it is asked, with the principal
	// that the key would be, for every request, when a key is issued and when it is
	// rotated. It returns a Clone with the roles, attributes and, if they are bounded,
	// scopes of today, or an error that wraps auth.ErrInvalidCredentials if the owner
	// is disabled or gone. Any other error refuses with what it says or 503. The hook
	// that auth.Gate.Current has does for both; with this one the Gate needs none for
	// keys.
	Owner auth.Current
	// Permits tells whether the owner, as Owner has returned it, may do what a scope
	// names. It decides what can be issued, and at each use which scopes of the key
	// still count. With package rbac:
	//
	//	func(owner *auth.Principal, scope string) bool { return policy.Allows(owner, rbac.Permission(scope)) }
	//
	// It must be quick. A scope that is no permission of the service is not permitted.
	Permits func(owner *auth.Principal, scope string) bool

	// Prefix begins every key: lower-case letters and digits, the first a letter, in
	// parts joined by "_". Empty: "sk". It should tell whose key it is, since it is
	// what people and secret scanners recognise: "acme" for Acme. Keys with another
	// prefix than this are malformed, also those that were issued before it was changed.
	Prefix string
	// Environments are those of which keys are issued and accepted here, the first
	// unless another is asked for. Each is one part of lower-case letters and digits,
	// and follows the prefix: "sk_live". Empty: "live" alone. A key of any other is
	// malformed here, so a production service that does not name "test" accepts no
	// test key. One that names it looks at AttributeEnvironment.
	Environments []string

	// Lifetime is how long a key lives if nobody says otherwise. Zero: 90 days.
	Lifetime time.Duration
	// MaxLifetime is how long a key may live. Zero: 365 days. Negative: for ever; keys
	// without an end can then be asked for.
	MaxLifetime time.Duration
	// Overlap is how long a key is good after its rotation, so that its users can be
	// told. Zero: 24 hours. Negative: not at all.
	Overlap time.Duration
	// MaxOverlap is how long an overlap may be asked for. Zero: 7 days, or Overlap if
	// that is longer.
	MaxOverlap time.Duration
	// MaxKeys is how many live keys a subject can have, 1 to 1000. Zero: 50. Rotation
	// may double it while the old ones overlap.
	MaxKeys int

	// Header is the header that carries the key. Empty: X-API-Key.
	Header string
	// Bearer also accepts a key as bearer token (RFC 6750 §2.1), and makes that the
	// challenge. Bearer tokens that do not begin with the prefix of a key are left to
	// others. A request with a key in both headers is refused.
	Bearer bool
	// Realm is the realm of the challenge (RFC 9110 §11.5). Empty: it has none.
	Realm string
	// ClientIP finds the client's address, for limits, allow-lists, last use and
	// events: the method Address of a throttle.ClientIP. Nil: the peer of the
	// connection; forwarded headers are not read. Behind a proxy that is the proxy, for
	// all clients: then one of them who sends wrong keys locks the others out, so name
	// the proxies there. If it fails the address is not known: failures are not
	// counted, and keys with an allow-list are refused.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Failures counts look-ups that found no such key, by address. An address that has
	// had too many is refused with 429 before anything is looked up, unless its key is
	// in the cache. Malformed keys are not counted, they cost nothing. Nil: 60 in 5
	// minutes, in the memory of this process, of a fixed size.
	Failures *throttle.Limiter
	// Limits keeps the counts of keys that have a Limit. Nil: the memory of this
	// process, of a fixed size that is taken when the first such key is used.
	Limits throttle.Store

	// TouchEvery is how often the last uses of keys are written: at most once in that
	// time for each key, in the background. Zero: a minute. Negative: they are not
	// noted.
	TouchEvery time.Duration
	// CacheFor is how long the record of a key, and with it the answers of Owner and
	// Permits, is used again: the bound of how long a revocation, a demotion or a
	// disabled owner may go unnoticed by other processes. In the process that revokes
	// it is at once. With a Store that is a Watcher it is under a second, as long as
	// the subscription lives, and CacheFor if it does not. Zero: no cache, so that
	// every revocation is at once. At most a minute.
	CacheFor time.Duration
	// CacheSize is how many keys are cached at most, of about a KiB each, and as many ids
	// that do not exist. Zero: 20,000. The half that was used last is there, of the rest
	// some: make it twice the number of keys in use at a time. A service with more of
	// them asks its store for the rest.
	CacheSize int

	// FreshFor is how recent the sign-in must be of who manages keys by the handlers.
	// Zero: 15 minutes.
	FreshFor time.Duration
	// FreshFactors are the kinds of factors of which one must be that recent, see
	// auth.StepUp. Empty: the sign-in itself.
	FreshFactors []string
	// ErrorHandler answers what the handlers refuse. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// OnEvent is told of keys that are issued, rotated, expired and revoked, of those
	// that are refused, of last uses that could not be written, and of a Watcher that
	// failed. A Gate tells of refusals as well, without the id of the key.
	OnEvent auth.EventFunc
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Kinds of events. The CredentialID is the id of the key, and of a rotation that of
// the new one.
const (
	EventIssued      auth.EventKind = "apikey.issued"
	EventRotated     auth.EventKind = "apikey.rotated"
	EventExpired     auth.EventKind = "apikey.expired"      // its end was set to an earlier time
	EventRevoked     auth.EventKind = "apikey.revoked"      // one key; without a CredentialID all of the subject
	EventRefused     auth.EventKind = "apikey.refused"      // a key that was presented; the subject only if it was genuine
	EventTouchFailed auth.EventKind = "apikey.touch_failed" // last uses could not be written; they are tried again
	EventWatchLost   auth.EventKind = "apikey.watch_lost"   // the Watcher failed: revocation takes up to CacheFor
)

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("apikey: "+format, args...)) }
	if c.Owner == nil {
		wrong("Owner is nil: say how the owner of a key stands now, or a disabled user keeps his keys")
	}
	if c.Permits == nil {
		wrong("Permits is nil: say what the owner of a key may do, or a key can have rights that he has not")
	}
	c.completeText(wrong)
	c.completeTimes(wrong)
	if c.MaxKeys == 0 {
		c.MaxKeys = DefaultMaxKeys
	}
	if c.MaxKeys < 1 || c.MaxKeys > maxMaxKeys {
		wrong("MaxKeys %d: use 1 to %d", c.MaxKeys, maxMaxKeys)
	}
	if c.CacheSize == 0 {
		c.CacheSize = DefaultCacheSize
	}
	if c.CacheSize < 0 {
		wrong("CacheSize %d is negative; without CacheFor there is no cache", c.CacheSize)
	}
	if c.ClientIP == nil {
		c.ClientIP = func(r *http.Request) (netip.Addr, error) { return clientip.Peer(r), nil }
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = problem.WriteError
	}
	if c.Failures == nil && len(errs) == 0 {
		failures, err := throttle.New(nil, throttle.Config{Name: "apikey", Max: DefaultMaxFailures, Window: DefaultFailureWindow, Now: c.Now})
		if err != nil {
			errs = append(errs, err)
		}
		c.Failures = failures
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}

func (c *Config) completeText(wrong func(string, ...any)) {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if len(c.Environments) == 0 {
		c.Environments = []string{DefaultEnvironment}
	}
	seen := make(map[string]bool)
	for _, env := range c.Environments {
		switch text := c.Prefix + "_" + env; {
		case strings.Contains(env, "_") || !validPrefix(text):
			wrong("Prefix %q with environment %q: use lower-case letters and digits, parts joined by \"_\", up to %d bytes", c.Prefix, env, maxPrefix)
		case seen[env]:
			wrong("environment %q is named twice", env)
		}
		seen[env] = true
	}
	if c.Header == "" {
		c.Header = DefaultHeader
	}
	if !validHeader(textproto.CanonicalMIMEHeaderKey(c.Header)) {
		wrong("Header %q: use a header of its own for keys, and Bearer for Authorization", c.Header)
	}
}

func validHeader(name string) bool {
	for i := range len(name) {
		if !isBase62(name[i]) && name[i] != '-' {
			return false
		}
	}
	return name != "" && name != "Authorization" && name != "Cookie" && name != "Host"
}

func (c *Config) completeTimes(wrong func(string, ...any)) {
	span := func(name string, d *time.Duration, zero, most time.Duration) {
		if *d == 0 {
			*d = zero
		}
		if *d < time.Second || *d > most {
			wrong("%s %s: use a second to %s, or 0 for %s", name, *d, most, zero)
		}
	}
	if c.MaxLifetime >= 0 {
		span("MaxLifetime", &c.MaxLifetime, DefaultMaxLifetime, maxAnyLifetime)
		span("Lifetime", &c.Lifetime, min(DefaultLifetime, c.MaxLifetime), c.MaxLifetime)
	} else {
		span("Lifetime", &c.Lifetime, DefaultLifetime, maxAnyLifetime)
	}
	if c.Overlap < 0 {
		c.Overlap = -1
		span("MaxOverlap", &c.MaxOverlap, DefaultMaxOverlap, maxAnyLifetime)
	} else {
		longest := max(c.Overlap, DefaultMaxOverlap)
		if c.MaxOverlap != 0 {
			longest = c.MaxOverlap
		}
		span("MaxOverlap", &c.MaxOverlap, longest, maxAnyLifetime)
		span("Overlap", &c.Overlap, min(DefaultOverlap, c.MaxOverlap), c.MaxOverlap)
	}
	if c.TouchEvery >= 0 {
		span("TouchEvery", &c.TouchEvery, DefaultTouchEvery, 24*time.Hour)
	}
	span("FreshFor", &c.FreshFor, DefaultFreshFor, 24*time.Hour)
	if c.CacheFor < 0 || c.CacheFor > maxCacheFor {
		wrong("CacheFor %s: use up to %s, or 0 for no cache", c.CacheFor, maxCacheFor)
	}
}
