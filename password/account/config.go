package account

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// Defaults of Config.
const (
	DefaultFreshFor   = 15 * time.Minute
	DefaultDevicePass = 180 * 24 * time.Hour
)

// Config configures a Service. BaseURL, Key and Outbox have no safe default; the
// zero value of all else is the recommended production setting.
type Config struct {
	// BaseURL is where the service is found, such as "https://app.example.com",
	// with a path if it lives below one. Links in mail begin with it and with
	// nothing that a request says. http is for loopback.
	BaseURL string
	// Name is what mail calls the service. Empty: the host of BaseURL.
	Name string
	// Pages are the pages of the service.
	Pages Pages
	// TokenInFragment puts the token of a link behind "#" and not into the query.
	// See Links in the package comment.
	TokenInFragment bool

	// Key seals the cookies of known devices: 32 random bytes. OldKeys still open
	// what they have sealed.
	Key     []byte
	OldKeys [][]byte
	// DevicePass is how long a device counts as known after a login. Zero: 180
	// days. Negative: no device is ever known, and whoever knows an address can
	// keep its owner out for as long as they go on guessing.
	DevicePass time.Duration

	// Outbox sends mail after the answer was given.
	Outbox *Outbox
	// Compose rewrites a message: it is given one in English with everything filled
	// in, and returns what is sent, to the address that it had. The user is whom it
	// is about; its ID is empty while there is no account. Nil: English.
	Compose func(ctx context.Context, m Message, u User) (Message, error)

	// Tokens issues the tokens in links. Nil: in the memory of this process.
	Tokens *password.Tokens
	// Hasher hashes passwords. Nil: an Argon2id with a Pool of its own.
	Hasher password.Hasher
	// Policy says which new passwords are acceptable. Nil: the default one, with
	// Name among its words.
	Policy *password.Policy

	// Guard limits guessing at passwords, by account and by address. Nil: one in
	// the memory of this process.
	Guard *throttle.Guard
	// ClientLimit is how many requests to register, to verify an address, to ask
	// for a reset and to make it one address may make, each for itself. Nil: 60 in
	// an hour, in the memory of this process.
	ClientLimit *throttle.Limiter
	// MailLimit is how much mail of one kind an address may be sent because
	// somebody has asked for it. A tag after "+", and dots, make no other address of
	// it here, but for resets. Nil: 5 in an hour, in the memory of this process.
	MailLimit *throttle.Limiter

	// Revokers end credentials after a change of password: sessions, refresh
	// tokens and, if they are to go as well, API keys.
	Revokers auth.Revokers
	// Elevate renews the credential of the request after its user has given the
	// password again, as the method of that name of a session.Manager does. With it
	// a change of password ends all other credentials even if Revokers fail, and if
	// it fails itself it ends the session of the request too: its user signs in again.
	// Nil: the credential of the request stays what it is.
	Elevate func(ctx context.Context, f auth.Factor) error
	// Claim takes from an account what was added before anybody had proved its
	// address, factors, keys and links to other providers, when somebody does. It is
	// called again if something fails later. Nil: there is nothing but credentials,
	// which Revokers end.
	Claim func(ctx context.Context, subject string) error
	// Remember is called with the context of a login whose user has asked to be
	// remembered; session.Remember fits. Nil: the wish is ignored.
	Remember func(ctx context.Context) context.Context
	// Roles are those of a new user.
	Roles []string
	// FreshFor is how recent a sign-in must be for what needs a fresh one. Zero: 15
	// minutes.
	FreshFor time.Duration
	// SkipVerification makes accounts at once, and lets them sign in, before their
	// address is proved. Whoever registers with an address of another then has an
	// account in that name until the owner proves it, which takes it from them; and
	// whether a registration worked tells if there was an account.
	SkipVerification bool

	// Form answers an HTML form that was refused, with the page that had it. Nil:
	// ErrorHandler.
	Form func(w http.ResponseWriter, r *http.Request, f FormState)
	// ErrorHandler answers what is refused. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// CrossOrigin decides which other origins may send requests. Nil: none may.
	CrossOrigin *http.CrossOriginProtection
	// OnEvent is told of every decision.
	OnEvent auth.EventFunc
	// Notify is told after a password, an address or a factor of a user has
	// changed, and after the account was deleted, beside the mail of that kind.
	Notify func(ctx context.Context, kind MessageKind, u User)
	// ClientIP finds the client's address for limits and events. Nil: the peer of
	// the connection; forwarded headers are not read. A request whose address
	// cannot be told is refused.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Pages are paths of pages, below BaseURL. Empty ones have the defaults that are
// named here.
type Pages struct {
	Verify  string // "/verify-email": shows a form that posts the token to VerifyEmail
	Reset   string // "/reset-password": the same for Reset, with a new password
	Login   string // "/login": where forms of people lead who are not signed in
	Account string // "/account": where forms of people lead who are
}

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete() (Config, *url.URL, error) {
	var errs []error
	base, err := parseBase(c.BaseURL)
	if err != nil {
		errs = append(errs, err)
	} else if c.Name == "" {
		c.Name = base.Hostname()
	}
	if strings.ContainsFunc(c.Name, isControl) {
		errs = append(errs, errors.New("account: Name has control characters, and stands in the subject of mail"))
	}
	if c.Outbox == nil {
		errs = append(errs, errors.New("account: Outbox is missing: nothing works without mail; use NewOutbox, in tests with NewCapture"))
	}
	for _, p := range []struct {
		path *string
		zero string
	}{{&c.Pages.Verify, "/verify-email"}, {&c.Pages.Reset, "/reset-password"}, {&c.Pages.Login, "/login"}, {&c.Pages.Account, "/account"}} {
		if *p.path == "" {
			*p.path = p.zero
		}
		if path, ok := auth.LocalPath(*p.path); !ok || strings.Contains(path, "?") {
			errs = append(errs, fmt.Errorf("account: the page %q is not a path on this origin, such as %q", *p.path, p.zero))
		}
	}
	if c.FreshFor == 0 {
		c.FreshFor = DefaultFreshFor
	}
	if c.FreshFor < 0 {
		errs = append(errs, fmt.Errorf("account: FreshFor is %s: use a positive duration, or 0 for %s", c.FreshFor, DefaultFreshFor))
	}
	if c.DevicePass == 0 {
		c.DevicePass = DefaultDevicePass
	}
	if slices.Contains(c.Revokers, nil) {
		errs = append(errs, errors.New("account: one of the Revokers is nil"))
	}
	c.Revokers, c.Roles = slices.Clone(c.Revokers), slices.Clone(c.Roles)
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
	return c, base, errors.Join(errs...)
}

// parseBase checks BaseURL. It is what tells a user where a link leads.
func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return nil, errors.New("account: BaseURL is missing: name the origin that users see, such as https://app.example.com")
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return nil, fmt.Errorf("account: BaseURL %q is not an origin, or an origin and a path, such as https://app.example.com", s)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, fmt.Errorf("account: BaseURL %q: use https, or http on loopback; a link is as secret as a password", s)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
