package rbac

import (
	"errors"
	"strings"
)

// A Role is what those who hold it are granted.
//
// The name of a role, its key in the map that NewPolicy takes, is 1 to 128 bytes
// of printable ASCII without an asterisk and without a space at either end. Like
// a permission it is compared byte by byte, so "Admin" is not "admin".
type Role struct {
	Permissions []Permission // what it is granted itself; may have wildcards
	Inherits    []string     // roles whose grants, and whose parents' grants, it has too
}

var (
	errRoleForm = errors.New("the form is printable ASCII without an asterisk and without a space at either end")
)

// checkRole returns what is wrong with the name of a role.
func checkRole(name string) error {
	switch {
	case name == "":
		return errEmpty
	case len(name) > maxName:
		return errLong
	case strings.TrimSpace(name) != name:
		return errRoleForm
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '*' {
			return errRoleForm
		}
	}
	return nil
}
