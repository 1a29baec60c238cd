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
	if err := m.cfg.CrossOrigin.Check(r); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if !m.cfg.InsecureCookie && plainOrigin(r) {
		return fmt.Errorf("%w: the Origin is this host over plain HTTP", ErrCrossOrigin)
	}
	return nil
}

// plainOrigin reports whether the Origin of r is its Host, but not over HTTPS.
func plainOrigin(r *http.Request) bool {
	// Looked up directly: Get canonicalises the name again, at each request.
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 && site[0] != "" {
		return false // the standard library has decided by it
	}
	origin := r.Header["Origin"]
	if len(origin) == 0 || origin[0] == "" {
		return false
	}
	o, err := url.Parse(origin[0])
	return err == nil && o.Host == r.Host && o.Scheme != "https"
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
