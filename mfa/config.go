package mfa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// Defaults and bounds of Config.
const (
	DefaultDigits        = 6
	DefaultRecoveryCodes = 10
	DefaultEnrolmentTTL  = 10 * time.Minute
	DefaultChallengeTTL  = 5 * time.Minute
	MaxChallengeTTL      = 10 * time.Minute
	DefaultFreshFor      = 15 * time.Minute
	MaxTrustDevices      = 90 * 24 * time.Hour
)

const (
	maxIssuer     = 100 // bytes: what an app can show of it is less
	maxTTL        = time.Hour
	maxChallenges = 20 // that wait for one subject at the same time
	maxTries      = 10 // at one challenge
	maxDevices    = 20 // of one subject
)

// Config configures a Manager. Issuer and Key have no safe default; the zero value
// of all else is the recommended production setting.
type Config struct {
	// Issuer is the name of the service that an authenticator app shows: text
	// without a colon, at most 100 bytes.
	Issuer string
	// Key seals TOTP secrets and challenges before they reach the Store: 32 random
	// bytes. OldKeys still open what they have sealed; see Reseal.
	Key     []byte
	OldKeys [][]byte
	// Account is the name of the account that an app shows, such as the address.
	// Nil: the attribute "email" of the principal or, without one, the subject.
	Account func(p *auth.Principal) string
	// Digits of a code, 6 or 8. Zero: 6. Factors keep those that they were made
	// with.
	Digits int
	// Algorithm of new factors. Zero: SHA1, which is the only one that all
	// authenticator apps know. HMAC does not need a hash without collisions.
	Algorithm Algorithm
	// RecoveryCodes is how many of them a user gets, 10 to 50. Zero: 10.
	RecoveryCodes int
	// EnrolmentTTL is how long an enrolment waits to be confirmed, at most an
	// hour. Zero: 10 minutes.
	EnrolmentTTL time.Duration
	// ChallengeTTL is how long a sign-in waits for its factor, at most 10 minutes.
	// Zero: 5 minutes.
	ChallengeTTL time.Duration
	// FreshFor is how recent a proof must be for a change of factors. Zero: 15
	// minutes.
	FreshFor time.Duration
	// TrustDevices is for how long a user can have a browser trusted, so that the
	// Gate asks it for no factor, at most 90 days. Zero: no device is ever
	// trusted. It is never a proof: RequireFresh asks a trusted device as well.
	TrustDevices time.Duration

	// Throttle counts attempts, of each subject together wherever they are made.
	// Nil: in the memory of this process.
	Throttle throttle.Store
	// Revokers end credentials after a change of factors: all but that of the
	// request. Trusted devices and waiting challenges end by themselves.
	Revokers auth.Revokers
	// Elevate notes a factor in the session of the request, as the method of that
	// name of a session.Manager does: for step-up, and after a factor was
	// confirmed. If that fails after a factor was confirmed the session ends with all
	// others (Revokers), as its cookie was not renewed. Nil: sessions are not stepped
	// up.
	Elevate func(ctx context.Context, f auth.Factor) error
	// Reissue answers a step-up of a principal that came with an access token
	// (auth.MethodJWT) by new tokens, which name the factor: a jwtauth.Issuer. Nil:
	// tokens are not stepped up.
	Reissue auth.SignIn
	// Current is applied to the principal of a sign-in that has waited, after its
	// factor was proved and before it is completed: who was disabled meanwhile is
	// refused, and roles are those of then. It is the Current of the Gate of the
	// service. Nil: the sign-in is completed as it began.
	Current auth.Current
	// SignedIn recognises who steps up at ChallengeHandler: the auth.Gate of the
	// service. Nil: only whom a Gate in front of the handler has recognised.
	SignedIn auth.Authenticator
	// Remember is called with the context of a sign-in that was marked by
	// Manager.Remember, also if a challenge came in between; session.Remember fits.
	// Nil: the mark is ignored.
	Remember func(ctx context.Context) context.Context

	// Pages are where browsers are led. Empty ones: nowhere; the answer is the one
	// for API clients.
	Pages Pages
	// Form answers an HTML form that was refused, or whose result has to be shown.
	// Nil: the answer is the one for API clients.
	Form func(w http.ResponseWriter, r *http.Request, f FormState)
	// ErrorHandler answers what is refused. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// CrossOrigin decides which other origins may send requests. Nil: none may.
	CrossOrigin *http.CrossOriginProtection
	// InsecureCookie drops Secure and the __Host- prefix from the cookies, for
	// plain HTTP on loopback. Requests from anywhere else are refused then.
	InsecureCookie bool
	// OnEvent is told of every decision.
	OnEvent auth.EventFunc
	// Notify is told after a factor of a user has changed, a recovery code was
	// used, or a device was trusted: what the user should be told by mail. It is
	// called on the goroutine of the request.
	Notify func(ctx context.Context, n Notice)
	// ClientIP finds the client's address for events. Nil: the peer of the
	// connection; forwarded headers are not read.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock. Nil: time.Now. Codes are of this time, so the machine must
	// keep it (NTP).
	Now func() time.Time
}

// Pages are paths of pages on this origin.
type Pages struct {
	// Challenge asks for the factor, as a form that posts to ChallengeHandler; see
	// Pending. A browser whose sign-in the Gate interrupts is led there. Set it if
	// ErrorHandler is an auth.LoginRedirect, which would lead back to the login.
	Challenge string
	// Account is where forms of people lead who have signed in.
	Account string
}

// complete fills in the defaults and reports everything that is wrong.
func (c Config) complete() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("mfa: "+format, args...)) }
	span := func(name string, d *time.Duration, zero, most time.Duration) {
		if *d == 0 {
			*d = zero
		}
		if *d < 0 || *d > most {
			wrong("%s %s: use a positive duration of at most %s, or 0 for %s", name, *d, most, zero)
		}
	}
	switch {
	case c.Issuer == "":
		wrong("Issuer is missing: name the service as authenticator apps are to show it")
	case len(c.Issuer) > maxIssuer || !isLabel(c.Issuer) || strings.Contains(c.Issuer, ":"):
		wrong("Issuer %q: use text of at most %d bytes without a colon, which ends the issuer in an otpauth URI", c.Issuer, maxIssuer)
	}
	if c.Digits == 0 {
		c.Digits = DefaultDigits
	}
	if c.Digits != 6 && c.Digits != 8 {
		wrong("Digits %d: use 6 or 8", c.Digits)
	}
	if c.Algorithm > SHA512 {
		wrong("Algorithm %d: use SHA1, SHA256 or SHA512", c.Algorithm)
	}
	if c.RecoveryCodes == 0 {
		c.RecoveryCodes = DefaultRecoveryCodes
	}
	if c.RecoveryCodes < DefaultRecoveryCodes || c.RecoveryCodes > MaxRecoveryCodes {
		wrong("RecoveryCodes %d: use %d to %d, or 0 for %d", c.RecoveryCodes, DefaultRecoveryCodes, MaxRecoveryCodes, DefaultRecoveryCodes)
	}
	span("EnrolmentTTL", &c.EnrolmentTTL, DefaultEnrolmentTTL, maxTTL)
	span("ChallengeTTL", &c.ChallengeTTL, DefaultChallengeTTL, MaxChallengeTTL)
	span("FreshFor", &c.FreshFor, DefaultFreshFor, 24*time.Hour)
	span("TrustDevices", &c.TrustDevices, 0, MaxTrustDevices)
	for name, page := range map[string]string{"Challenge": c.Pages.Challenge, "Account": c.Pages.Account} {
		if path, ok := auth.LocalPath(page); page != "" && (!ok || strings.Contains(path, "?")) {
			wrong("the page %s %q is not a path on this origin, such as \"/login/factor\"", name, page)
		}
	}
	for _, r := range c.Revokers {
		if r == nil {
			wrong("one of the Revokers is nil")
		}
	}
	c.Revokers = append(auth.Revokers(nil), c.Revokers...)
	if c.Account == nil {
		c.Account = accountName
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

func accountName(p *auth.Principal) string {
	if email := p.Attributes["email"]; email != "" {
		return email
	}
	return p.Subject
}

// isLabel reports whether s is text that an app can show.
func isLabel(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
