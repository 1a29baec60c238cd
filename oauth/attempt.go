package oauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// An attempt is what must be known again at the callback. It is sealed in a cookie of
// the browser that began it, so nothing is kept here for those who never come back.
type attempt struct {
	State    string `json:"s"`
	Verifier string `json:"v"`
	Nonce    string `json:"n,omitempty"`
	ReturnTo string `json:"r,omitempty"`
	MaxAge   int64  `json:"m,omitempty"` // seconds
	Started  int64  `json:"t"`           // milliseconds of Unix time
	// User and Credential are who links an identity, and in which session. Empty: it
	// is a sign-in.
	User       string `json:"u,omitempty"`
	Credential string `json:"c,omitempty"`
}

const (
	// maxAttempts is how many attempts a browser has open at once, over all providers;
	// the oldest makes room. Headers of more than 8 KiB are refused by many proxies,
	// so there is a bound for their length as well.
	maxAttempts      = 5
	maxAttemptBytes  = 6 << 10
	maxCleared       = 64   // cookies that one answer clears
	maxReturnTo      = 1024 // bytes; a longer one is Config.ReturnTo
	maxCookie        = 4000 // bytes of a value; browsers drop what is longer than 4,096 with its name
	cookieFamily     = "oauth-"
	cookieNameSuffix = 12
)

func (a *attempt) started() time.Time { return time.UnixMilli(a.Started).UTC() }

// of reports whether p may complete the attempt: anybody may sign in, and who began to
// link has to be there, in the same session.
func (a *attempt) of(p *auth.Principal) bool {
	return a.User == "" || p != nil && p.Subject == a.User && p.CredentialID == a.Credential
}

// id is what a Consumer is given.
func (a *attempt) id() AttemptID { return AttemptID(secret.HandleOf(a.State)) }

// cookiePrefix begins the names of all cookies of attempts.
func (f *Flow) cookiePrefix() string {
	if f.cfg.InsecureCookie {
		return cookieFamily
	}
	return "__Host-" + cookieFamily
}

// cookieName is that of the attempt with this state: the name finds it among those of
// other tabs and says nothing of the state.
func (f *Flow) cookieName(state string) string {
	return f.cookiePrefix() + f.name + "-" + secret.HandleOf(state).Encode()[:cookieNameSuffix]
}

// isAttempt reports whether a cookie is that of an attempt, of this provider or another.
func (f *Flow) isAttempt(name string) bool {
	rest, ok := strings.CutPrefix(name, f.cookiePrefix())
	end := len(rest) - cookieNameSuffix - 1
	return ok && end > 0 && rest[end] == '-'
}

// binding is the associated data of what is sealed: what was sealed for another
// provider, another callback or another purpose does not open.
func (f *Flow) binding(purpose string) []byte {
	return []byte(purpose + "\n" + f.name + "\n" + f.cfg.RedirectURL)
}

// setCookie sets a cookie of this Flow, which may live as long as age. All that
// identifies a cookie is the same whenever one is set or cleared.
func (f *Flow) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	c := name + "=" + value + "; Path=/; Max-Age=" + strconv.FormatInt(int64(age/time.Second), 10) + "; HttpOnly"
	if !f.cfg.InsecureCookie {
		c += "; Secure"
	}
	w.Header().Add("Set-Cookie", c+"; SameSite=Lax")
}

func (f *Flow) clearCookie(w http.ResponseWriter, name string) { f.setCookie(w, name, "", 0) }

// keep puts an attempt into the browser and makes room for it. When it began stands
// before the seal in the clear: it only orders the cookies of all providers by age.
func (f *Flow) keep(w http.ResponseWriter, r *http.Request, a *attempt) error {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // which would make six bytes of every "&" of a query
	if err := enc.Encode(a); err != nil {
		return err
	}
	name := f.cookieName(a.State)
	value := strconv.FormatInt(a.Started, 36) + "." + f.sealer.SealString(plain.Bytes(), f.binding("attempt"))
	if len(value) > maxCookie {
		return fmt.Errorf("oauth: an attempt of %d bytes does not fit into a cookie", len(value))
	}
	type open struct {
		name    string
		size    int
		started int64
	}
	var others []open
	for _, c := range r.Cookies() {
		if f.isAttempt(c.Name) {
			at, _, _ := strings.Cut(c.Value, ".")
			started, _ := strconv.ParseInt(at, 36, 64) // what is none is the oldest
			others = append(others, open{c.Name, len(c.Name) + len(c.Value), started})
		}
	}
	slices.SortFunc(others, func(a, b open) int { return cmp.Compare(b.started, a.started) })
	size := len(name) + len(value)
	for i, o := range others[:min(len(others), maxCleared)] {
		if size += o.size; i >= maxAttempts-1 || size > maxAttemptBytes || o.started > a.Started+maxSkew.Milliseconds() {
			f.clearCookie(w, o.name)
		}
	}
	f.setCookie(w, name, value, f.cfg.Timeout)
	return nil
}

// maxSkew is how far the clocks of two processes that share a Key may be apart.
const maxSkew = time.Minute

// find returns the attempt that a callback with this state completes.
func (f *Flow) find(r *http.Request, state string, now time.Time) (*attempt, error) {
	if state == "" {
		return nil, fmt.Errorf("%w: the answer has no state", ErrAttempt)
	}
	cookies := r.CookiesNamed(f.cookieName(state))
	switch len(cookies) {
	case 0:
		return nil, fmt.Errorf("%w: there is none with this state in this browser", ErrAttempt)
	case 1:
	default: // one of them was planted, and it is not known which
		return nil, fmt.Errorf("%w: the cookie is there twice", ErrAttempt)
	}
	_, sealed, _ := strings.Cut(cookies[0].Value, ".")
	plain, _, err := f.sealer.OpenString(sealed, f.binding("attempt"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAttempt, err)
	}
	var a attempt
	if err := json.Unmarshal(plain, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAttempt, err)
	}
	switch age := now.Sub(a.started()); {
	case !secret.Equal(a.State, state):
		return nil, fmt.Errorf("%w: the state is another one", ErrAttempt)
	case age >= f.cfg.Timeout || age < -maxSkew:
		return nil, fmt.Errorf("%w: it has expired", ErrAttempt)
	}
	return &a, nil
}
