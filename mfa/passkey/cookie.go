package passkey

import (
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth/internal/origin"
	"github.com/go-sallyport/auth/internal/secret"
)

// browserBytes are the random bytes in the cookie that tells browsers apart.
const browserBytes = 32

// browserToken is how many characters they have.
const browserToken = 43

// cookieName is that of the cookie that tells browsers apart. Browsers take one with
// "__Host-" from this host alone, over HTTPS, for "/" (RFC 6265bis §4.1.3): a
// neighbouring subdomain cannot plant one.
func (m *Manager) cookieName() string {
	if m.cfg.InsecureCookie {
		return "passkey"
	}
	return "__Host-passkey"
}

// browser returns the token of the browser of r, or "". Two cookies are none: one of
// them was planted, and it is not known which.
func (m *Manager) browser(r *http.Request) string {
	cookies := r.CookiesNamed(m.cookieName())
	if len(cookies) != 1 || len(cookies[0].Value) != browserToken {
		return ""
	}
	return cookies[0].Value
}

// bind returns the token of the browser of r, which it has from now on if it had
// none. Challenges of several tabs share it.
func (m *Manager) bind(w http.ResponseWriter, r *http.Request) (string, error) {
	if m.cfg.InsecureCookie && !origin.Local(r) {
		return "", ErrNotLoopback
	}
	if !m.cfg.InsecureCookie && origin.PlainHTTP(r) {
		return "", ErrPlainHTTP
	}
	token := m.browser(r)
	if token == "" {
		token = secret.Token(browserBytes)
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure but for InsecureCookie
		Name:     m.cookieName(),
		Value:    token,
		Path:     "/",
		MaxAge:   int(m.cfg.ChallengeTTL.Seconds()),
		Secure:   !m.cfg.InsecureCookie,
		HttpOnly: true,
		SameSite: http.SameSiteStrictMode, // both requests are of a page of this site
	})
	return token, nil
}

// admit checks where r comes from, and notes the client's address for events. A
// forged login would sign its victim in to the account of the forger.
func (m *Manager) admit(r *http.Request) (*http.Request, error) {
	if err := origin.Check(r, m.cfg.CrossOrigin, !m.cfg.InsecureCookie); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	if m.cfg.OnEvent == nil {
		return r, nil
	}
	addr, err := m.cfg.ClientIP(r)
	if err != nil {
		return nil, fmt.Errorf("passkey: ClientIP: %w", err)
	}
	return r.WithContext(withAddress(r.Context(), addr)), nil
}
