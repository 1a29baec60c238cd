package jwtauth

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// checkOrigin refuses requests that another site made a browser send. Clients
// that are no browsers pass.
//
// The standard library compares the host of an Origin where there is no
// Sec-Fetch-Site, and not the scheme. The cookie is Secure, so a page of this
// site has the origin https://, and one with http:// was written by whoever
// holds the network.
func (i *Issuer) checkOrigin(r *http.Request) error {
	if i.cfg.Transport == TransportBody {
		return nil // nothing that browsers send by themselves
	}
	if i.cfg.InsecureCookie && !local(r) {
		return ErrNotLoopback
	}
	if err := i.cfg.CrossOrigin.Check(r); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	plain := err == nil && origin.Host == r.Host && origin.Scheme == "http"
	if plain && !i.cfg.InsecureCookie && r.Header.Get("Sec-Fetch-Site") == "" {
		return fmt.Errorf("%w: the Origin is this host over plain HTTP", ErrCrossOrigin)
	}
	return nil
}

// checkIssue reports whether a family may start with the response to r.
func (i *Issuer) checkIssue(r *http.Request) error {
	if err := i.checkOrigin(r); err != nil {
		return err
	}
	if i.cfg.Transport == TransportCookie && !i.cfg.InsecureCookie && plainHTTP(r) {
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
	if proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ","); proto != "" {
		return strings.EqualFold(strings.TrimSpace(proto), "http")
	}
	return local(r)
}

// local reports whether r comes from this machine and was meant for it: neither
// peer nor Host are elsewhere, and no proxy has forwarded it.
func local(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	from, err := peer(r)
	return err == nil && from.IsLoopback() && loopbackHost(r.Host)
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

// peer is the other end of the connection.
func peer(r *http.Request) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err
}
