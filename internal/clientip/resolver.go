package clientip

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// The bounds of the work for one request. Longer chains of proxies do not exist,
// longer entries hold no address.
const (
	maxHops    = 32  // entries that are read
	maxEntry   = 64  // bytes of an entry of a list of addresses
	maxElement = 512 // bytes of an element of Forwarded, which may hold more than an address
)

// ErrNoAddress is wrapped by every error of Resolve. None of them shows what the
// header held.
var ErrNoAddress = errors.New("clientip: the address of the client cannot be determined")

var errPeer = fmt.Errorf("%w: the peer of the connection has no IP address (RemoteAddr is empty, a Unix socket, or was rewritten)", ErrNoAddress)

// Config configures a Resolver. The zero Config trusts nobody.
type Config struct {
	// TrustedProxies are the networks of the proxies in front of the service, and
	// of nobody else: a client in them could claim any address. Empty: there is no
	// proxy, and no header is read.
	TrustedProxies []netip.Prefix
	// Header is the one header that is read. Empty: X-Forwarded-For.
	//
	// X-Forwarded-For and Forwarded (RFC 7239) are lists to which each proxy
	// appends. Any other name, such as CF-Connecting-IP or X-Real-IP, is a header
	// with a single address, which the nearest proxy must set on every request
	// whatever the client sent; some products pass True-Client-IP and
	// Fastly-Client-IP through from the client.
	Header string
}

// A Resolver finds the client of a request. The zero Resolver takes the peer of
// the connection and reads no header. It is immutable and safe for concurrent use.
type Resolver struct {
	trusted []netip.Prefix
	header  string // in canonical form
	format  format
}

// A format is how a header names addresses.
type format struct {
	single bool // exactly one line with one address
	// cut takes the last entry off a line. It reports false if there is none
	// within bounds.
	cut func(line string) (entry, rest string, more, ok bool)
	// parse reads the address of an entry.
	parse func(entry string) (netip.Addr, bool)
}

// New returns a Resolver. A network that is invalid, has bits set after its
// length, or is so wide that strangers are in it, a Header that is no header name,
// and a Header without TrustedProxies are errors.
func New(c Config) (*Resolver, error) {
	if len(c.TrustedProxies) == 0 {
		if c.Header != "" {
			return nil, fmt.Errorf("clientip: Header is %q but TrustedProxies is empty, so it would never be read: name the networks of the proxies that set it, or leave Header empty", c.Header)
		}
		return &Resolver{}, nil
	}
	v := &Resolver{header: xForwardedFor, trusted: make([]netip.Prefix, 0, len(c.TrustedProxies))}
	for _, p := range c.TrustedProxies {
		network, err := proxyNetwork(p)
		if err != nil {
			return nil, err
		}
		v.trusted = append(v.trusted, network)
	}
	if c.Header != "" {
		if !isToken(c.Header) {
			return nil, fmt.Errorf("clientip: Header %q is not the name of a header", c.Header)
		}
		v.header = http.CanonicalHeaderKey(c.Header)
	}
	switch v.header {
	case xForwardedFor:
		v.format = format{cut: cutAddress, parse: parseAddress}
	case forwarded:
		v.format = format{cut: cutElement, parse: parseElement}
	default:
		v.format = format{single: true, cut: whole, parse: parseAddress}
	}
	return v, nil
}

// Resolve returns the address of the client of r, never an IPv4-mapped one and
// never with a zone. The error wraps ErrNoAddress.
//
// The work is bounded whatever the header holds, and RemoteAddr must be what
// net/http has set: middleware that rewrites it from a header undoes everything
// that this package does.
func (v *Resolver) Resolve(r *http.Request) (netip.Addr, error) {
	peer, err := peerAddress(r.RemoteAddr)
	if err != nil || !v.trusts(peer) {
		return peer, err
	}
	lines := r.Header[v.header]
	if len(lines) == 0 {
		return v.unresolved("a trusted proxy sent no %s: make it send one, or set Header to the one that it sends")
	}
	if v.format.single && len(lines) > 1 {
		return v.unresolved("there is more than one line of %s: the proxy must replace what the client sent")
	}
	hops := 0
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			if hops++; hops > maxHops {
				return v.unresolved("%s has too many trusted hops")
			}
			var entry string
			var ok bool
			if entry, line, more, ok = v.format.cut(line); !ok {
				return v.unresolved("an entry of %s is malformed or too long")
			}
			addr, ok := v.format.parse(entry)
			if !ok {
				return v.unresolved("an entry of %s, before any untrusted one, is not an address")
			}
			if !v.trusts(addr) {
				return addr, nil
			}
		}
	}
	return v.unresolved("every address in %s is one of TrustedProxies: name the proxies only and not the networks of clients")
}

// unresolved returns the error of a reason, in which %s is the header.
func (v *Resolver) unresolved(reason string) (netip.Addr, error) {
	return netip.Addr{}, fmt.Errorf("%w: "+reason, ErrNoAddress, v.header)
}

func (v *Resolver) trusts(addr netip.Addr) bool {
	for _, p := range v.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Peer returns the address of the other end of the connection of r, which may be
// a proxy: what the zero Resolver returns, or the zero Addr where there is none,
// such as on a Unix socket. It is for records, not for limits.
func Peer(r *http.Request) netip.Addr {
	addr, _ := peerAddress(r.RemoteAddr)
	return addr
}

// peerAddress reads RemoteAddr. The zone of a link-local peer names an interface
// of this host and not a client, so it is dropped.
func peerAddress(remote string) (netip.Addr, error) {
	addrPort, err := netip.ParseAddrPort(remote)
	addr := addrPort.Addr()
	if err != nil {
		if addr, err = netip.ParseAddr(remote); err != nil {
			return netip.Addr{}, errPeer
		}
	}
	return addr.Unmap().WithZone(""), nil
}
