package account

import "strings"

// Bounds of an address, in bytes (RFC 5321 §4.5.3.1, and RFC 3696 erratum 1690
// for the whole).
const (
	maxEmail  = 254
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// Canonical returns the one form of an address by which users are unique, found,
// limited and locked, or an error that wraps ErrEmail. Two addresses with one
// canonical form are one account; all others are different ones.
//
// It is the address in lower case, and that is all there is to it, for what has
// several spellings is refused: an address is ASCII, with one "@", without quotes,
// spaces, control characters or comments; a domain is one of letters, digits and
// hyphens, without a dot at its end, and no IP address. So there is no Unicode
// form to fold, no full-width "@" that becomes another "@" in a later layer, no
// letter of another script that looks like one of these, and nothing that could
// end a header of a mail. A domain in another script is written as DNS does
// (xn--…).
//
// What a provider does with an address is not known here: a tag after "+" and dots
// before the "@" count. Whoever has alice@example.com may sign up once more as
// alice+news@example.com, as they may with another mailbox. Folding them would give
// two people one account where a provider does tell them apart.
func Canonical(email string) (string, error) {
	if len(email) > maxEmail {
		return "", ErrEmail
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || !isLocalPart(local) || !isDomain(domain) {
		return "", ErrEmail
	}
	return strings.ToLower(email), nil // ASCII, so it is A to Z
}

// isLocalPart reports whether s is a Dot-string of RFC 5321 §4.1.2.
func isLocalPart(s string) bool {
	if len(s) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if c := atom[i]; !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
				return false
			}
		}
	}
	return true
}

// isDomain reports whether s is a Domain of RFC 5321 §4.1.2. One whose last label
// is a number would be read as an IPv4 address.
func isDomain(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlphanumeric(c) && c != '-' {
				return false
			}
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
