package authtest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// A jar is a cookiejar.Jar that remembers the attributes of what is in it.
type jar struct {
	*cookiejar.Jar
	mu  sync.Mutex
	set []*http.Cookie // in the order in which they were set, with their Path
}

func newJar() *jar {
	j, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // never happens without options
	}
	return &jar{Jar: j}
}

// put stores c, or deletes it, as the response to a request for u says.
func (j *jar) put(u *url.URL, c *http.Cookie) {
	c.Path = cookiePath(u, c)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.SetCookies(u, []*http.Cookie{c})
	j.set = slices.DeleteFunc(j.set, func(old *http.Cookie) bool {
		return old.Name == c.Name && old.Path == c.Path && old.Domain == c.Domain
	})
	j.set = append(j.set, c)
}

// find returns the newest cookie of that name that is sent to a path of u.
func (j *jar) find(u *url.URL, name string) *http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range slices.Backward(j.set) {
		if c.Name != name {
			continue
		}
		at := *u
		at.Path = c.Path
		for _, sent := range j.Cookies(&at) {
			if sent.Name == c.Name && sent.Value == c.Value {
				found := *c
				return &found
			}
		}
	}
	return nil
}

// sent returns the cookies that go to u, with their attributes.
func (j *jar) sent(u *url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.Cookies(u)
	for i, c := range list {
		for _, known := range j.set {
			if known.Name == c.Name && known.Value == c.Value {
				list[i] = known
				break
			}
		}
	}
	return list
}

// leaves reports whether c, by its SameSite, goes with req from a page of that
// relation.
func leaves(c *http.Cookie, relation string, req *http.Request) bool {
	switch {
	case relation != "cross-site":
		return true
	case c.SameSite == http.SameSiteStrictMode:
		return false
	case c.SameSite == http.SameSiteLaxMode:
		return safe(req.Method) && req.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return true
}

// cookiePath is the path that c counts for (RFC 6265 §5.1.4).
func cookiePath(u *url.URL, c *http.Cookie) string {
	if strings.HasPrefix(c.Path, "/") {
		return c.Path
	}
	if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
		return u.Path[:i]
	}
	return "/"
}

// maxCookie is the largest name and value together that browsers keep, in bytes.
const maxCookie = 4096

// refuse returns the rule of draft-ietf-httpbis-rfc6265bis for which a browser
// does not keep c, or "". Prefixes are compared without case, for some servers
// look cookies up that way. Domains are the jar's own business.
func refuse(u *url.URL, c *http.Cookie) string {
	prefix := func(p string) bool {
		return len(c.Name) >= len(p) && strings.EqualFold(c.Name[:len(p)], p)
	}
	switch {
	case c.Secure && u.Scheme != "https":
		return "Secure, over plain HTTP"
	case (prefix("__Host-") || prefix("__Secure-")) && !c.Secure:
		return "its prefix wants Secure"
	case prefix("__Host-") && c.Path != "/":
		return "its prefix wants Path=/"
	case prefix("__Host-") && c.Domain != "":
		return "its prefix forbids Domain"
	case c.SameSite == http.SameSiteNoneMode && !c.Secure:
		return "SameSite=None wants Secure"
	case len(c.Name)+len(c.Value) > maxCookie:
		return "larger than browsers keep"
	}
	return ""
}
