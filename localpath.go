package auth

import (
	"net/url"
	"strings"
)

// maxLocalPath bounds a return path, in bytes: it travels in a query.
const maxLocalPath = 2048

// LocalPath reports whether s is a path on this origin that is safe in a
// Location header, and returns its clean form: percent-encoded ASCII, without a
// fragment. It is the one parser of return paths in this module (an "open
// redirect" is CWE-601).
//
// It is stricter than any browser, because browsers disagree: it refuses
// everything that is not "/" and then segments, which includes schemes, hosts
// ("//evil.example"), backslashes (which browsers read as slashes), control
// characters and white space (which they drop), empty and dot segments, and the
// same in percent-encoding, as some handler behind it may decode a path before
// it redirects to it. At most 2,048 bytes.
func LocalPath(s string) (path string, ok bool) {
	if s == "" || s[0] != '/' || len(s) > maxLocalPath {
		return "", false
	}
	for i := range len(s) {
		// Everything outside printable ASCII, and the characters that browsers
		// rewrite, must arrive percent-encoded or not at all.
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' || c == '`' {
			return "", false
		}
	}
	s, _, _ = strings.Cut(s, "#")
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.Host != "" || u.User != nil {
		return "", false
	}
	if !localSegments(u.Path) || !localSegments(u.EscapedPath()) {
		return "", false
	}
	path = u.EscapedPath()
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path, true
}

// localSegments reports whether p is "/" and then segments, none of which is
// empty (but for the last), a dot segment, or has a character that a browser
// drops or rewrites.
func localSegments(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	for _, r := range p {
		if r < ' ' || r == 0x7f || r == '\\' || r == '\u2028' || r == '\u2029' || r == '\ufffd' {
			return false
		}
	}
	segments := strings.Split(p[1:], "/")
	for i, seg := range segments {
		if seg == "." || seg == ".." || (seg == "" && i < len(segments)-1) {
			return false
		}
	}
	return true
}
