package session

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cookieAttributes is what follows name and value in Set-Cookie. There is no
// Domain, so the cookie goes to this host only, and no Expires: the browser drops
// it when it ends, unless the user asked to be remembered, and the server knows
// the rest.
func cookieAttributes(cfg Config) string {
	s := "; Path=/; HttpOnly"
	if !cfg.InsecureCookie {
		s += "; Secure"
	}
	if cfg.SameSite == http.SameSiteStrictMode {
		return s + "; SameSite=Strict"
	}
	return s + "; SameSite=Lax"
}

// setCookie and clearCookie differ in nothing that identifies a cookie (RFC 6265
// §5.3: name, domain, path), or a browser would keep both.
func (m *Manager) setCookie(h http.Header, t token, rec *Record) {
	cookie := m.cfg.CookieName + "=" + string(t)
	if rec.Remembered {
		left := max(m.deadline(rec).Sub(m.cfg.Now()), 0)
		cookie += "; Max-Age=" + strconv.FormatInt(int64(left/time.Second), 10)
	}
	h.Add("Set-Cookie", cookie+m.attributes)
}

func (m *Manager) clearCookie(h http.Header) {
	h.Add("Set-Cookie", m.cfg.CookieName+"=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"+m.attributes)
}

// readCookie returns the token in the cookie of r. Without one the error is
// errNoCookie. Two cookies of the name are none, even if they agree: one of them
// was planted by a subdomain or for a path, and it is not known which.
func (m *Manager) readCookie(r *http.Request) (token, error) {
	var value string
	count := 0
	m.eachCookie(r, func(v string) {
		value = v
		count++
	})
	switch {
	case count == 0:
		return "", errNoCookie
	case count > 1:
		return "", errAmbiguous
	}
	t, ok := parseToken(value)
	if !ok {
		return "", errMalformed
	}
	return t, nil
}

// maxEnded bounds how many sessions one sign-out ends.
const maxEnded = 4

// namedByCookies returns the ids of all sessions that r names. Which of two
// cookies is the user's does not matter when they are to be ended.
func (m *Manager) namedByCookies(r *http.Request) []ID {
	ids := make([]ID, 0, 2)
	m.eachCookie(r, func(v string) {
		if t, ok := parseToken(v); ok && len(ids) < maxEnded {
			ids = append(ids, t.id())
		}
	})
	return ids
}

// eachCookie calls f with the value of each cookie of the name. It reads the
// header by itself because http.Request.Cookie shows one of them only, and parses
// and copies all the others.
func (m *Manager) eachCookie(r *http.Request, f func(value string)) {
	name := m.cfg.CookieName
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			pair = strings.Trim(pair, " \t")
			if len(pair) > len(name) && pair[len(name)] == '=' && pair[:len(name)] == name {
				f(pair[len(name)+1:])
			}
		}
	}
}
