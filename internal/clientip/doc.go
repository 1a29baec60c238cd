// Package clientip finds the address of the client of a request, for limits and
// for audit.
//
// # What it protects from
//
// An attacker who chooses his own address and so gets a new allowance for every
// guess, or uses up that of somebody else. Every header that names a client can be
// written by the client; only what a proxy of the service's own wrote may be
// believed, and only if that proxy is the peer of the connection. So the zero
// [Resolver] reads no header at all. With [Config.TrustedProxies] it reads one
// header from the right, where the nearest proxy has written, and stops at the
// first address that is not a trusted proxy: what is left of it was said by
// strangers and is not looked at, however long it is.
//
// Spellings of one address are one address: ::ffff:192.0.2.1 is 192.0.2.1, and
// [Group] puts the 2^64 addresses of one IPv6 subscriber into one.
//
// # Fail closed
//
// Whatever cannot be understood before the client is found is an error and not
// the address of the proxy: a whole service that is limited as one client is a
// service that one client can lock. That a proxy passes on no header, or that all
// hops are trusted, is such an error too. A caller that enforces a limit must
// refuse the request, or fall back on limits that need no address.
//
// # What it does not
//
// It cannot know whether a proxy overwrites the header of a client or passes it
// on, nor whether the service can be reached around the proxy from a trusted
// network. Try it before going live: send a request with a forged header through
// the proxy and look at the address in the event. An address is no identity:
// clients share them (NAT) and change them, and whoever rents a larger IPv6
// network than a /64 has many groups.
package clientip
