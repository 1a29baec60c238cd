package clientip

import (
	"net/netip"
	"strings"
)

const forwarded = "Forwarded"

// cutElement takes the last element off a line of Forwarded (RFC 7239 §4). A
// comma inside of a quoted string separates nothing. Read from the right a quoted
// string is as clear as from the left: its own quotes stand after a backslash,
// the opening one stands after "=". So a quote that a client left open further
// to the left has no say in what a proxy appended.
func cutElement(line string) (entry, rest string, more, ok bool) {
	start := max(0, len(line)-maxElement)
	window := line[start:]
	quoted := false
	for i := len(window) - 1; i >= 0; i-- {
		switch {
		case window[i] == '"' && !(quoted && escaped(window, i)):
			quoted = !quoted
		case window[i] == ',' && !quoted:
			return window[i+1:], line[:start+i], true, true
		}
	}
	return line, "", false, start == 0
}

// escaped reports whether an odd number of backslashes stands before s[i].
func escaped(s string, i int) bool {
	before := strings.TrimRight(s[:i], `\`)
	return (i-len(before))%2 == 1
}

// parseElement returns the address of the "for" parameter of an element. There
// must be exactly one. IPv6 without brackets and ports without quotes, which some
// proxies send, are read; obfuscated identifiers and ports are not addresses.
func parseElement(s string) (addr netip.Addr, ok bool) {
	s = strings.Trim(s, " \t")
	found := false
	for more := true; more; {
		var name, value string
		if name, value, s, more, ok = cutPair(s); !ok {
			return netip.Addr{}, false
		}
		if !strings.EqualFold(name, "for") {
			continue
		}
		if found {
			return netip.Addr{}, false
		}
		found = true
		if addr, ok = parseAddress(value); !ok {
			return netip.Addr{}, false
		}
	}
	return addr, found
}

// cutPair takes the first name=value off s, with the semicolon after it. Escapes
// in a quoted value stay: no address needs one.
func cutPair(s string) (name, value, rest string, more, ok bool) {
	name, rest, ok = strings.Cut(s, "=")
	if !ok || !isToken(name) {
		return "", "", "", false, false
	}
	if strings.HasPrefix(rest, `"`) {
		end := 1
		for end < len(rest) && (rest[end] != '"' || escaped(rest, end)) {
			end++
		}
		if end == len(rest) {
			return "", "", "", false, false
		}
		value, rest = rest[1:end], rest[end+1:]
	} else {
		end := strings.IndexByte(rest, ';')
		if end < 0 {
			end = len(rest)
		}
		value, rest = rest[:end], rest[end:]
		if value == "" || strings.ContainsAny(value, "\" \t\\") {
			return "", "", "", false, false
		}
	}
	if rest == "" {
		return name, value, "", false, true
	}
	return name, value, rest[1:], true, rest[0] == ';'
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
