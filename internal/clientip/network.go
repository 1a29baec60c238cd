package clientip

import (
	"fmt"
	"net/netip"
)

// proxyNetwork checks a network of trusted proxies and returns it with an
// IPv4-mapped one as IPv4, as addresses are compared.
func proxyNetwork(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("clientip: TrustedProxies has an invalid network: use netip.ParsePrefix and check its error")
	}
	if masked := p.Masked(); masked != p {
		return netip.Prefix{}, fmt.Errorf("clientip: trusted proxy %s has bits set after its length: write %s for the network or %s for the one address",
			p, masked, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
	}
	network := p
	if p.Addr().Is4In6() {
		// No shorter one is masked: the mapping itself takes 96 bits.
		network = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if least := leastBits(network.Addr()); network.Bits() < least {
		return netip.Prefix{}, fmt.Errorf("clientip: trusted proxy network %s is so wide that clients are in it, and each of them could claim any address: name the networks of the proxies, here of /%d or longer", p, least)
	}
	return network, nil
}

// leastBits is the length of the widest network at addr that can consist of
// proxies: the private ones as a whole, and of public ones as much as the
// largest networks of one owner.
func leastBits(addr netip.Addr) int {
	switch {
	case addr.Is4():
		return 8
	case addr.IsPrivate():
		return 7 // fc00::/7
	case addr.IsLinkLocalUnicast():
		return 10 // fe80::/10
	}
	return 16
}
