package clientip

import "net/netip"

var sixToFour = netip.MustParsePrefix("2002::/16")

// Group returns the network that counts as one client for limits: an IPv4 address
// by itself, and the /64 of an IPv6 address, since the smallest network that a
// provider hands out has 2^64 addresses to rotate through. An IPv4-mapped address
// is IPv4. A 6to4 address (2002::/16, RFC 3056) counts by its /48, which is what
// the holder of one IPv4 address has. The group of the zero Addr is the zero
// Prefix.
//
// What no address shows is not grouped: a provider that hands out a /56 hands
// out 256 groups. What is translated in front of the service is grouped by what
// the translation shows: behind NAT64 (64:ff9b::/96) all IPv4 clients are one.
func Group(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 64
	switch {
	case addr.Is4():
		bits = 32
	case sixToFour.Contains(addr.WithZone("")):
		bits = 48
	}
	network, _ := addr.Prefix(bits) // fails on no length that its family has
	return network
}
