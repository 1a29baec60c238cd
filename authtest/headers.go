package authtest

import (
	"net/http"
	"net/url"
	"strings"
)

// What every request of a Browser carries, whoever started it.
const (
	userAgent      = "Mozilla/5.0 (X11; Linux x86_64) authtest"
	acceptLanguage = "en"
	acceptPage     = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	acceptData     = "application/json"
)

// navigation returns the headers of a change of page.
func (b *Browser) navigation() http.Header {
	return http.Header{
		"Accept":                    {acceptPage},
		"Sec-Fetch-Dest":            {"document"},
		"Sec-Fetch-Mode":            {"navigate"},
		"Sec-Fetch-User":            {"?1"},
		"Upgrade-Insecure-Requests": {"1"},
	}
}

// script returns the headers of a call to fetch.
func (b *Browser) script() http.Header {
	return http.Header{
		"Accept":         {acceptData},
		"Sec-Fetch-Dest": {"empty"},
		"Sec-Fetch-Mode": {"cors"},
	}
}

// complete adds to req what it does not have: first the Header of b, then own,
// then what all requests have.
func (b *Browser) complete(req *http.Request, own http.Header) {
	own.Set("User-Agent", userAgent)
	own.Set("Accept-Language", acceptLanguage)
	site, navigates := relation(b.page, req.URL), own.Get("Sec-Fetch-Mode") == "navigate"
	own.Set("Sec-Fetch-Site", site)
	switch {
	case !safe(req.Method) || !navigates && site != "same-origin":
		own.Set("Origin", b.page.String())
	case navigates && b.page == b.base:
		own.Set("Sec-Fetch-Site", "none") // nobody's page asked for it
	}
	for _, defaults := range []http.Header{b.Header, own} {
		for name, values := range defaults {
			if name = http.CanonicalHeaderKey(name); !has(req.Header, name) {
				req.Header[name] = append([]string(nil), values...)
			}
		}
	}
}

func has(h http.Header, name string) bool {
	_, ok := h[name]
	return ok
}

func safe(method string) bool {
	return method == "" || method == http.MethodGet || method == http.MethodHead
}

// The values of Sec-Fetch-Site, from near to far. "none" is not among them: it
// stays what it is over redirects.
var sites = []string{"same-origin", "same-site", "cross-site"}

// relation returns the Sec-Fetch-Site of a request from a page of one origin to
// a URL of another. Which domains a site has is a matter of the public suffix
// list; here it is the last two labels of a name, or the whole of an address.
func relation(from, to *url.URL) string {
	switch {
	case from.Scheme == to.Scheme && from.Host == to.Host:
		return "same-origin"
	case from.Scheme == to.Scheme && site(from) == site(to):
		return "same-site"
	}
	return "cross-site"
}

func site(u *url.URL) string {
	host := u.Hostname()
	if strings.Trim(host, "0123456789.") == "" || strings.Contains(host, ":") {
		return host
	}
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}
