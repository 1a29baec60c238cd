package origin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// PlainHTTP reports whether r certainly came over plain HTTP, all the way from the
// client: the proxy says so, or there is no proxy and no TLS. It is false where it
// cannot be told, for many proxies that end TLS say nothing.
func PlainHTTP(r *http.Request) bool {
	if r.TLS != nil {
		return false
	}
	if proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ","); proto != "" {
		return strings.EqualFold(strings.TrimSpace(proto), "http")
	}
	return Local(r)
}

// Local reports whether r comes from this machine and was meant for it: neither peer
// nor Host are elsewhere, and no proxy has forwarded it.
func Local(r *http.Request) bool {
	if forwarded(r.Header) || !loopbackHost(r.Host) {
		return false
	}
	from, err := Peer(r)
	return err == nil && from.IsLoopback()
}

func forwarded(h http.Header) bool {
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

// Peer is the other end of the connection.
func Peer(r *http.Request) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err
}
