package origin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

var errPlain = errors.New("the Origin is this host over plain HTTP")

// Check refuses requests that another site made a browser send. GET, HEAD and
// OPTIONS pass, and so do clients that are no browsers. Secure says that the cookie
// is, so that a page of this site has an origin with https://.
//
// The standard library compares the host of an Origin where there is no
// Sec-Fetch-Site, and not the scheme. A page of this host with http:// was written by
// whoever holds the network.
func Check(r *http.Request, trusted *http.CrossOriginProtection, secure bool) error {
	if Safe(r.Method) {
		return nil
	}
	// Looked up directly: Get canonicalises a name again for each request. What
	// passes here passes the standard library too, only slower.
	site, from := first(r.Header["Sec-Fetch-Site"]), first(r.Header["Origin"])
	if site == "same-origin" || site == "none" || site == "" && from == "" {
		return nil
	}
	if err := trusted.Check(r); err != nil {
		return err
	}
	if site == "" && secure && plain(from, r.Host) {
		return errPlain
	}
	return nil
}

// Safe reports whether requests of the method change nothing (RFC 9110 §9.2.1), as
// the standard library sees it.
func Safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// plain reports whether from is host, but not over HTTPS.
func plain(from, host string) bool {
	if strings.HasPrefix(from, "https://") {
		return false
	}
	o, err := url.Parse(from)
	return err == nil && o.Host == host && o.Scheme != "https"
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
