package clientip

import (
	"net/netip"
	"strconv"
	"strings"
)

const xForwardedFor = "X-Forwarded-For"

// cutAddress takes the last entry off a line of X-Forwarded-For. It looks at no
// more than the bytes that an entry can have, so that a megabyte without a comma
// costs nothing.
func cutAddress(line string) (entry, rest string, more, ok bool) {
	start := max(0, len(line)-maxEntry)
	if i := strings.LastIndexByte(line[start:], ','); i >= 0 {
		return line[start+i+1:], line[:start+i], true, true
	}
	return line, "", false, start == 0
}

// whole is the cut of a header with a single address.
func whole(line string) (entry, rest string, more, ok bool) {
	return line, "", false, len(line) <= maxEntry
}

// parseAddress reads an address with or without a port: 192.0.2.1,
// 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711. It refuses what
// is no address of a single remote host: names ("unknown", "_hidden"), zones, the
// unspecified address and multicast.
func parseAddress(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	host, ok := s, true
	switch {
	case strings.HasPrefix(s, "["):
		var port string
		host, port, ok = strings.Cut(s[1:], "]")
		ok = ok && strings.Contains(host, ":") && (port == "" || isPort(port))
	case strings.Count(s, ":") == 1: // with two it is IPv6, whose port needs brackets
		i := strings.IndexByte(s, ':')
		host, ok = s[:i], isPort(s[i:])
	}
	if !ok {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	addr = addr.Unmap()
	if addr.IsUnspecified() || addr.IsMulticast() {
		return netip.Addr{}, false
	}
	return addr, true
}

// isPort reports whether s is a colon and a port in at most five digits.
func isPort(s string) bool {
	if s[0] != ':' || len(s) > 6 {
		return false
	}
	_, err := strconv.ParseUint(s[1:], 10, 16)
	return err == nil
}
