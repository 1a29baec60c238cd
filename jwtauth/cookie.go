package jwtauth

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
)

const (
	hostPrefix   = "__Host-"
	securePrefix = "__Secure-"
	cookieName   = "refresh"
)

// cookiePrefix is what the name of the cookie begins with. Browsers take a cookie
// with "__Host-" from this host alone, over HTTPS, for "/" (RFC 6265bis §4.1.3):
// a neighbouring subdomain cannot plant one. With another path only "__Secure-"
// is possible, which a subdomain can plant; two cookies are then none.
func (c *IssuerConfig) cookiePrefix() string {
	switch {
	case c.InsecureCookie:
		return ""
	case c.CookiePath == "/":
		return hostPrefix
	}
	return securePrefix
}

func (c *IssuerConfig) completeCookie(wrong func(format string, args ...any)) {
	if c.CookiePath == "" {
		c.CookiePath = "/"
	}
	if path, ok := auth.LocalPath(c.CookiePath); !ok || path != c.CookiePath || strings.ContainsAny(path, "?#;, ") {
		wrong("CookiePath %q is not a path on this origin", c.CookiePath)
	}
	prefix := c.cookiePrefix()
	if c.CookieName == "" {
		c.CookieName = prefix + cookieName
	}
	switch rest, prefixed := strings.CutPrefix(c.CookieName, prefix); {
	case !prefixed:
		wrong("CookieName %q does not begin with %q, which browsers protect for the CookiePath %q", c.CookieName, prefix, c.CookiePath)
	case !validCookieName(rest):
		wrong("CookieName %q is empty or has characters that a cookie name cannot have", c.CookieName)
	case strings.HasPrefix(rest, "__"):
		wrong("CookieName %q begins with \"__\", which browsers take for a prefix that asks for more than this cookie has", c.CookieName)
	}
	switch c.SameSite {
	case 0:
		c.SameSite = http.SameSiteStrictMode
	case http.SameSiteStrictMode, http.SameSiteLaxMode:
	default:
		wrong("SameSite %d: use http.SameSiteStrictMode or http.SameSiteLaxMode", c.SameSite)
	}
}

// validCookieName reports whether s is a token of RFC 9110 §5.6.2.
func validCookieName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// cookieAttributes is what follows name, value and age in Set-Cookie. There is no
// Domain, so the cookie goes to this host only.
func (c *IssuerConfig) cookieAttributes() string {
	s := "; Path=" + c.CookiePath + "; HttpOnly"
	if !c.InsecureCookie {
		s += "; Secure"
	}
	if c.SameSite == http.SameSiteLaxMode {
		return s + "; SameSite=Lax"
	}
	return s + "; SameSite=Strict"
}

// setCookie and clearCookie differ in nothing that identifies a cookie (RFC 6265
// §5.3: name, domain, path), or a browser would keep both.
func (i *Issuer) setCookie(h http.Header, token string, left time.Duration) {
	age := strconv.FormatInt(int64(left/time.Second), 10)
	h.Add("Set-Cookie", i.cfg.CookieName+"="+token+"; Max-Age="+age+i.attributes)
}

func (i *Issuer) clearCookie(h http.Header) {
	h.Add("Set-Cookie", i.cfg.CookieName+"=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"+i.attributes)
}

// readCookie returns the refresh token in the cookie of r. Two cookies of the name
// are none, even if they agree: one of them was planted by a subdomain or for a
// path, and it is not known which.
func (i *Issuer) readCookie(r *http.Request) (string, error) {
	switch values := i.cookies(r); len(values) {
	case 0:
		return "", ErrNoRefreshToken
	case 1:
		return values[0], nil
	}
	return "", errManyCookies
}

// maxGenuine bounds how many families one request ends, each of which costs calls of
// the store. Cookies with anything but a genuine token cost none, however many they are.
const maxGenuine = 8

// genuine returns the genuine tokens in the cookies of r, one of each family. If that
// are more than maxGenuine it returns the first ones and errManyCookies: the one that
// nobody has planted may not be among them.
func (i *Issuer) genuine(r *http.Request) (tokens []string, err error) {
	if i.cfg.Transport != TransportCookie {
		return nil, nil
	}
	var families []FamilyID
	for _, token := range i.cookies(r) {
		id, _, ok := i.refresh.open(token)
		switch {
		case !ok || slices.Contains(families, id):
		case len(families) == maxGenuine:
			return tokens, errManyCookies
		default:
			families, tokens = append(families, id), append(tokens, token)
		}
	}
	return tokens, nil
}

// cookies returns the values of all cookies of the name. It reads the header by
// itself because http.Request.CookiesNamed drops what it cannot parse, and a
// planted cookie would hide.
func (i *Issuer) cookies(r *http.Request) (values []string) {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, found := strings.Cut(strings.Trim(pair, " \t"), "=")
			if found && name == i.cfg.CookieName {
				values = append(values, value)
			}
		}
	}
	return values
}
