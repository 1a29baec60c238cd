package session

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// checkOrigin refuses requests that another site made a browser send. GET, HEAD
// and OPTIONS pass, and so do clients that are no browsers.
//
// The standard library compares the host of an Origin where there is no
// Sec-Fetch-Site, and not the scheme. The cookie is Secure, so a page of this
// site has the origin https://, and one with http:// was written by whoever
// holds the network.
func (m *Manager) checkOrigin(r *http.Request) error {
	if safe(r.Method) {
		return nil
	}
	// Looked up directly: Get canonicalises a name again for each request. What
	// passes here passes the standard library too, only slower.
	site, origin := first(r.Header["Sec-Fetch-Site"]), first(r.Header["Origin"])
	if site == "same-origin" || site == "none" || site == "" && origin == "" {
		return nil
	}
	if err := m.cfg.CrossOrigin.Check(r); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	if site == "" && !m.cfg.InsecureCookie && plainOrigin(origin, r.Host) {
		return fmt.Errorf("%w: the Origin is this host over plain HTTP", ErrCrossOrigin)
	}
	return nil
}

// plainOrigin reports whether origin is host, but not over HTTPS.
func plainOrigin(origin, host string) bool {
	if strings.HasPrefix(origin, "https://") {
		return false
	}
	o, err := url.Parse(origin)
	return err == nil && o.Host == host && o.Scheme != "https"
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// checkIssue reports whether a session may start with the response to r.
func (m *Manager) checkIssue(r *http.Request) error {
	if err := m.checkLoopback(r); err != nil {
		return err
	}
	if err := m.checkOrigin(r); err != nil {
		return err
	}
	if !m.cfg.InsecureCookie && plainHTTP(r) {
		return ErrPlainHTTP
	}
	return nil
}

// plainHTTP reports whether r certainly came over plain HTTP, all the way from
// the client: the proxy says so, or there is no proxy and no TLS. It is false
// where it cannot be told, for many proxies that end TLS say nothing.
func plainHTTP(r *http.Request) bool {
	if r.TLS != nil {
		return false
	}
	if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" {
		first, _, _ := strings.Cut(proto, ",")
		return strings.EqualFold(strings.TrimSpace(first), "http")
	}
	return !forwarded(r) && loopbackHost(r.Host) && peerIsLoopback(r)
}

// checkLoopback holds InsecureCookie to the machine that it is for.
func (m *Manager) checkLoopback(r *http.Request) error {
	if m.cfg.InsecureCookie && (forwarded(r) || !loopbackHost(r.Host) || !peerIsLoopback(r)) {
		return ErrNotLoopback
	}
	return nil
}

func forwarded(r *http.Request) bool {
	h := r.Header
	return len(h["Forwarded"]) > 0 || len(h["X-Forwarded-For"]) > 0 || len(h["X-Forwarded-Host"]) > 0 || len(h["X-Forwarded-Proto"]) > 0
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

func peerIsLoopback(r *http.Request) bool {
	addr, err := peer(r)
	return err == nil && addr.IsLoopback()
}

// peer is the other end of the connection.
func peer(r *http.Request) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err
}
