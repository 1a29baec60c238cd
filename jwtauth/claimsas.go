package jwtauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ClaimsAs decodes the payload of a verified token into a T, by the rules of
// encoding/json: for the claims of an application, next to those in Claims. Members
// that T does not have are left out; one that differs from a field of T in case only
// is an error, as is a type that does not fit. Inside of nested objects encoding/json
// goes by its own rule, for which case does not matter.
//
//	type tenant struct {
//		Plan string `json:"plan"`
//	}
//	t, err := jwtauth.ClaimsAs[tenant](claims)
//
// Claims that no Verifier returned have no payload, and are an error.
func ClaimsAs[T any](c *Claims) (T, error) {
	var into, none T
	if c.payload == "" {
		return none, errNotVerified
	}
	names := make(map[string]bool)
	jsonNames(reflect.TypeFor[T](), names)
	if err := readObject(c.payload, func(r *jsonReader, name string) error {
		if !names[name] {
			for known := range names {
				if strings.EqualFold(known, name) {
					return fmt.Errorf("the claim %q is not written as %q", name, known)
				}
			}
		}
		return r.skip()
	}); err != nil {
		return none, invalid(err)
	}
	if err := json.Unmarshal([]byte(c.payload), &into); err != nil {
		return none, invalid(err)
	}
	return into, nil
}

var errNotVerified = errors.New("jwtauth: the claims are not those of a verified token")

// jsonNames collects the names that encoding/json would look for in a struct.
func jsonNames(t reflect.Type, names map[string]bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || f.Anonymous && name == "":
		case name == "":
			names[f.Name] = true
		case name != "-":
			names[name] = true
		}
	}
}
