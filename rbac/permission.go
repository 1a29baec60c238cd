package rbac

import (
	"errors"
	"fmt"
	"strings"
)

// A Permission is an action on a kind of resource, such as "orders:read". Both
// sides of the colon are one or more of the ASCII letters, digits and "-._/",
// the whole is at most 128 bytes. Permissions are compared byte by byte: case
// matters and nothing is trimmed, folded or matched by prefix.
//
// What a role is granted may have a wildcard in one of two forms: "orders:*" is
// every action on orders, and "*" is everything. A scope may have the same
// forms. Anywhere else an asterisk is an error, and what a route requires never
// has one.
type Permission string

// everything is the grant, or the scope, of all permissions.
const everything = "*"

// maxName bounds a permission and a role, in bytes.
const maxName = 128

var (
	errEmpty    = errors.New("the name is empty")
	errLong     = fmt.Errorf("the name is longer than %d bytes", maxName)
	errForm     = errors.New(`the form is resource:action, of ASCII letters, digits and "-._/"`)
	errWildcard = errors.New(`a wildcard stands only as "resource:*" or "*", and only in what a role is granted`)
)

// check returns what is wrong with p as something that is asked for.
func (p Permission) check() error {
	switch {
	case p == "":
		return errEmpty
	case len(p) > maxName:
		return errLong
	case strings.Contains(string(p), "*"):
		return errWildcard
	}
	if _, ok := p.resource(); !ok {
		return errForm
	}
	return nil
}

// checkGrant returns what is wrong with p as something that a role is granted.
func (p Permission) checkGrant() error {
	if p == everything {
		return nil
	}
	if resource, ok := p.wildcard(); ok {
		// With an action in place of the asterisk the same grammar holds.
		return Permission(resource + ":a").check()
	}
	return p.check()
}

// wildcard returns the resource of a grant of the form "resource:*".
func (p Permission) wildcard() (resource string, ok bool) {
	return strings.CutSuffix(string(p), ":*")
}

// resource returns what is before the colon of p, and whether p is a well-formed
// permission without a wildcard.
func (p Permission) resource() (string, bool) {
	if len(p) > maxName {
		return "", false
	}
	colon := -1
	for i := range len(p) {
		switch c := p[i]; {
		case c == ':' && colon < 0:
			colon = i
		case !nameByte(c):
			return "", false
		}
	}
	if colon < 1 || colon == len(p)-1 {
		return "", false
	}
	return string(p[:colon]), true
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '/'
}

// covered reports whether scopes let perm through. Nil scopes bound nothing.
func covered(scopes []string, perm Permission) bool {
	return scopes == nil || covering(scopes, perm) >= 0
}

// covering returns the index of the first scope that covers perm, or -1.
func covering(scopes []string, perm Permission) int {
	prefix := strings.IndexByte(string(perm), ':') + 1
	for i, s := range scopes {
		if s == string(perm) || s == everything ||
			len(s) == prefix+1 && s[prefix] == '*' && s[:prefix] == string(perm[:prefix]) {
			return i
		}
	}
	return -1
}
