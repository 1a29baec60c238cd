package throttle

import (
	"net/http"
	"net/netip"

	"github.com/go-sallyport/auth/internal/clientip"
)

// ClientIPConfig configures a ClientIP. The zero value trusts nobody.
type ClientIPConfig struct {
	// TrustedProxies are the networks of the proxies in front of the service, and
	// of nobody else: a client in them could claim any address. Empty: there is no
	// proxy, and no header is read.
	TrustedProxies []netip.Prefix
	// Header is the one header that is read, if the peer of the connection is a
	// trusted proxy. Empty: X-Forwarded-For.
	//
	// X-Forwarded-For and Forwarded (RFC 7239) are lists to which each proxy
	// appends; they are read from the right, up to the first address that is not a
	// trusted proxy. Any other name, such as CF-Connecting-IP, is a header with a
	// single address, which the nearest proxy must set on every request whatever
	// the client sent.
	Header string
}

// A ClientIP finds the address of the client of a request.
//
// It protects from clients who choose their own address, and so get a new
// allowance for every guess: no header is believed that a client can write. What
// cannot be understood is an error, and not the address of the proxy: one client
// could else lock a whole service. An address is no identity: people share one
// behind NAT, and who rents a larger network than a /64 has many.
//
// The zero ClientIP reads RemoteAddr only. It is immutable and safe for
// concurrent use.
type ClientIP struct {
	resolver clientip.Resolver
}

// NewClientIP returns a ClientIP. Networks that are invalid or so wide that
// strangers are in them, and a Header that nobody is trusted to set, are errors.
func NewClientIP(cfg ClientIPConfig) (*ClientIP, error) {
	resolver, err := clientip.New(clientip.Config(cfg))
	if err != nil {
		return nil, err
	}
	return &ClientIP{*resolver}, nil
}

// Address returns the address of the client of r: for Source.Address, and for
// session.Config.ClientIP. It is never an IPv4-mapped one and has no zone.
func (c *ClientIP) Address(r *http.Request) (netip.Addr, error) {
	return c.resolver.Resolve(r)
}

// Key is a key function for Handler: the address of the client, of IPv6 the /64,
// which is the smallest network that one client has.
func (c *ClientIP) Key(r *http.Request) (string, error) {
	addr, err := c.Address(r)
	if err != nil {
		return "", err
	}
	return AddressKey(addr), nil
}

// ByAddress is a key function for Handler where no proxy is in front of the
// service: the address of the peer, of IPv6 the /64. It reads no header. Behind a
// proxy all clients would share one key: use NewClientIP there.
func ByAddress(r *http.Request) (string, error) {
	return new(ClientIP).Key(r)
}

// AddressKey returns the key under which a client with that address is counted:
// an IPv4 address by itself, an IPv6 address by its /64. It is empty for the zero
// Addr.
func AddressKey(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return clientip.Group(addr).String()
}
