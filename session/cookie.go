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
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			v, rest, ok := m.cutCookie(line)
			if ok {
				value = v
				count++
			}
			line = rest
		}
	}
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
	for _, line := range r.Header["Cookie"] {
		for line != "" && len(ids) < maxEnded {
			v, rest, ok := m.cutCookie(line)
			if t, good := parseToken(v); ok && good {
				ids = append(ids, t.id())
			}
			line = rest
		}
	}
	return ids
}

// cutCookie cuts the first cookie off a Cookie header. If it is one of the name
// ok is true and value is what it holds. It reads the header by itself because
// http.Request.Cookie shows one of them only, and parses and copies all others.
func (m *Manager) cutCookie(line string) (value, rest string, ok bool) {
	pair := line
	if i := strings.IndexByte(line, ';'); i >= 0 {
		pair, rest = line[:i], line[i+1:]
	}
	// strings.Trim would make a set of the blanks each time.
	for pair != "" && blank(pair[0]) {
		pair = pair[1:]
	}
	for pair != "" && blank(pair[len(pair)-1]) {
		pair = pair[:len(pair)-1]
	}
	name := m.cfg.CookieName
	if len(pair) <= len(name) || pair[len(name)] != '=' || pair[:len(name)] != name {
		return "", rest, false
	}
	return pair[len(name)+1:], rest, true
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
