package rbac

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxJSON bounds a JSON policy, in bytes.
const maxJSON = 8 << 20

// LoadJSON reads a policy of this form:
//
//	{
//	  "roles": {
//	    "customer": {"permissions": ["orders:read"]},
//	    "manager": {"permissions": ["orders:*"], "inherits": ["customer"]},
//	    "admin": {"permissions": ["*"]}
//	  }
//	}
//
// It is strict, for a policy that is read in another way than it was meant is a
// hole: unknown members, members in another case, a member or role that is there
// twice, null, bytes that are not UTF-8, anything behind the object, and more
// than 8 MiB are errors, as is all that NewPolicy refuses. They wrap ErrPolicy;
// the errors of r do not.
func LoadJSON(r io.Reader) (*Policy, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("rbac: cannot read the policy: %w", err)
	}
	roles, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return NewPolicy(roles)
}

// MarshalJSON writes the policy as it was made, in the form that LoadJSON reads,
// with roles sorted by name. Equal policies are equal bytes.
func (pol *Policy) MarshalJSON() ([]byte, error) {
	type role struct {
		Permissions []Permission `json:"permissions,omitempty"`
		Inherits    []string     `json:"inherits,omitempty"`
	}
	roles := make(map[string]role)
	if pol != nil {
		for _, d := range pol.defs {
			roles[d.name] = role(d.role)
		}
	}
	return json.Marshal(map[string]any{"roles": roles})
}

// parse checks the syntax of the whole document first, so that the walk has to
// look at its meaning only: encoding/json by itself takes the last of two
// members, and "Roles" for "roles".
func parse(data []byte) (map[string]Role, error) {
	switch {
	case len(data) > maxJSON:
		return nil, fmt.Errorf("it is longer than %d MiB", maxJSON>>20)
	case !utf8.Valid(data):
		return nil, errors.New("it is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	w := walker{json.NewDecoder(bytes.NewReader(data))}
	var roles map[string]Role
	err := w.object("the policy", func(member string) (err error) {
		if member != "roles" {
			return errUnknown
		}
		roles, err = w.roles()
		return err
	})
	return roles, err
}

var errUnknown = errors.New("no such member")

// A walker reads values of one expected kind from a document whose syntax is
// right.
type walker struct{ dec *json.Decoder }

func (w walker) roles() (map[string]Role, error) {
	roles := make(map[string]Role)
	err := w.object("roles", func(name string) error {
		role, err := w.role()
		roles[name] = role
		return err
	})
	return roles, err
}

func (w walker) role() (Role, error) {
	var role Role
	err := w.object("a role", func(member string) error {
		switch member {
		case "permissions":
			return w.strings(func(s string) { role.Permissions = append(role.Permissions, Permission(s)) })
		case "inherits":
			return w.strings(func(s string) { role.Inherits = append(role.Inherits, s) })
		}
		return errUnknown
	})
	return role, err
}

// object reads an object and hands the name of each member to value, which reads
// what belongs to it.
func (w walker) object(what string, value func(member string) error) error {
	if t, err := w.dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%s must be an object", what)
	}
	seen := make(map[string]bool)
	for w.dec.More() {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		member, _ := t.(string) // syntax has no other
		if seen[member] {
			return fmt.Errorf("%s has the member %.128q twice", what, member)
		}
		seen[member] = true
		if err := value(member); err != nil {
			return fmt.Errorf("%.128q: %w", member, err)
		}
	}
	_, err := w.dec.Token() // the closing brace
	return err
}

// strings reads an array of strings.
func (w walker) strings(add func(string)) error {
	if t, err := w.dec.Token(); err != nil || t != json.Delim('[') {
		return errors.New("it must be an array of strings")
	}
	for w.dec.More() {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return errors.New("it must be an array of strings")
		}
		add(s)
	}
	_, err := w.dec.Token() // the closing bracket
	return err
}
