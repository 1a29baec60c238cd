package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/problem"
)

// Defaults and limits of Config.
const (
	DefaultTimeout = 10 * time.Minute
	MaxTimeout     = 10 * time.Minute
	// DefaultFreshFor is how recent a sign-in must be for changing links.
	DefaultFreshFor = 15 * time.Minute
)

// Config configures a Flow. RedirectURL and Key have no safe default; the zero value
// of all else is the recommended production setting.
type Config struct {
	// RedirectURL is where the Callback is found, as it is registered with the
	// provider, such as "https://app.example.com/auth/github/callback". Each Flow has
	// one of its own (RFC 9700 §4.4.2). http is for loopback, with InsecureCookie.
	RedirectURL string
	// Key seals attempts: 32 random bytes, which Flows may share. OldKeys still open
	// what they have sealed.
	Key     []byte
	OldKeys [][]byte
	// Timeout is how long a user may take at the provider. Zero: 10 minutes, which is
	// also the most.
	Timeout time.Duration
	// Consumer makes attempts count once. Nil: one in the memory of this process.
	Consumer Consumer

	// SignedIn tells who is signed in in this browser: the session.Manager, or an
	// auth.Gate with it and a Current hook. The callback asks it when the provider has
	// answered, so a session that ended meanwhile links nothing. Nil: who a gate around
	// the handlers has let in, before that, and nobody without one.
	SignedIn auth.Authenticator
	// SwitchUser lets a callback sign in another user than the one who is signed in:
	// the credential of the browser is replaced, and the accounts are never merged.
	// Otherwise it is refused with ErrOtherUser.
	SwitchUser bool
	// FreshFor is how recent a proof of identity must be to link another identity.
	// Zero: 15 minutes.
	FreshFor time.Duration
	// ReturnTo is the page after a sign-in that does not name one, and Linked the page
	// after an identity was linked. Empty: "/".
	ReturnTo, Linked string

	// Enabled is asked at every Start and Callback, so that a provider that is turned
	// off also ends attempts under way. Nil: it always is.
	Enabled func(ctx context.Context) (bool, error)
	// Tokens keeps the tokens of the provider. Nil: they are dropped once the user is
	// known.
	Tokens *Tokens
	// HTTP configures the client for the token endpoint.
	HTTP HTTPConfig

	// InsecureCookie makes cookies that travel over plain HTTP. It is for development
	// on loopback, and refused with any other RedirectURL.
	InsecureCookie bool
	// ErrorHandler answers what is refused. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// CrossOrigin decides which other origins may make a browser begin to link. Nil:
	// none may.
	CrossOrigin *http.CrossOriginProtection
	// OnEvent is told of every decision.
	OnEvent auth.EventFunc
	// ClientIP finds the client's address for events. Nil: the peer of the connection.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete() (Config, *url.URL, error) {
	var errs []error
	redirect, err := c.redirectURL()
	if err != nil {
		errs = append(errs, err)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Timeout < time.Second || c.Timeout > MaxTimeout {
		errs = append(errs, fmt.Errorf("oauth: Timeout is %s: use 1s to %s, or 0 for %s", c.Timeout, MaxTimeout, DefaultTimeout))
	}
	if c.FreshFor == 0 {
		c.FreshFor = DefaultFreshFor
	}
	if c.FreshFor < 0 {
		errs = append(errs, fmt.Errorf("oauth: FreshFor is %s: use a positive duration, or 0 for %s", c.FreshFor, DefaultFreshFor))
	}
	for _, p := range []struct {
		name string
		path *string
	}{{"ReturnTo", &c.ReturnTo}, {"Linked", &c.Linked}} {
		if *p.path == "" {
			*p.path = "/"
		}
		if _, ok := auth.LocalPath(*p.path); !ok {
			errs = append(errs, fmt.Errorf("oauth: %s %q is not a path on this origin, such as \"/\"", p.name, *p.path))
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Consumer == nil {
		c.Consumer = newMemoryConsumer(c.Now)
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
	return c, redirect, errors.Join(errs...)
}

// redirectURL checks RedirectURL. It is compared as text by providers, so it is
// used as it was written.
func (c Config) redirectURL() (*url.URL, error) {
	if c.RedirectURL == "" {
		return nil, errors.New("oauth: RedirectURL is missing: name the address of the callback as it is registered with the provider")
	}
	u, err := url.Parse(c.RedirectURL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(c.RedirectURL, "#") || u.Opaque != "" {
		return nil, fmt.Errorf("oauth: RedirectURL %q is not the address of a callback, such as https://app.example.com/auth/github/callback", c.RedirectURL)
	}
	if _, ok := auth.LocalPath(u.RequestURI()); !ok || u.RawQuery != "" {
		return nil, fmt.Errorf("oauth: RedirectURL %q: its path must be a plain path, without a query", c.RedirectURL)
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, fmt.Errorf("oauth: RedirectURL %q: use https, or http on loopback; a code is as secret as a password", c.RedirectURL)
	case u.Scheme == "http" && !c.InsecureCookie:
		return nil, fmt.Errorf("oauth: RedirectURL %q: over plain HTTP a browser keeps no __Host- cookie; set InsecureCookie for development", c.RedirectURL)
	case u.Scheme == "https" && c.InsecureCookie:
		return nil, errors.New("oauth: InsecureCookie is for a RedirectURL with http on loopback")
	}
	return u, nil
}
