package mfa

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/go-sallyport/auth/internal/origin"
)

var encoding = base64.RawURLEncoding.Strict()

// The names of the cookies. Browsers take one with "__Host-" from this host
// alone, over HTTPS, for "/" (RFC 6265bis §4.1.3): a neighbouring subdomain cannot
// plant one.
func (m *Manager) challengeCookie() string { return m.cookiePrefix() + "mfa" }
func (m *Manager) deviceCookie() string    { return m.cookiePrefix() + "mfa-device" }

func (m *Manager) cookiePrefix() string {
	if m.cfg.InsecureCookie {
		return ""
	}
	return "__Host-"
}

// setCookie sets a cookie, or deletes it if age is negative. SameSite is Lax as the
// page that asks for the factor may be reached from the site of another provider;
// requests that change something are checked by their origin.
func (m *Manager) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	seconds := -1
	if age > 0 {
		seconds = int(age / time.Second)
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure but for InsecureCookie
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   seconds,
		Secure:   !m.cfg.InsecureCookie,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

// readCookie returns the value of the one cookie of that name, or "". Two are
// none: one of them was planted, and it is not known which.
func readCookie(r *http.Request, name string) string {
	cookies := r.CookiesNamed(name)
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// checkIssue reports whether a browser will keep a cookie of the response to r, and
// keep it to this machine if it is not Secure.
func (m *Manager) checkIssue(r *http.Request) error {
	if m.cfg.InsecureCookie && !origin.Local(r) {
		return ErrNotLoopback
	}
	if !m.cfg.InsecureCookie && origin.PlainHTTP(r) {
		return ErrPlainHTTP
	}
	return nil
}

// checkOrigin refuses requests that another site made a browser send, also where
// nobody has signed in yet: a forged completion would sign its victim in to the
// account of the forger.
func (m *Manager) checkOrigin(r *http.Request) error {
	if err := origin.Check(r, m.cfg.CrossOrigin, !m.cfg.InsecureCookie); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}
