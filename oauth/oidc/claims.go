package oidc

import (
	"encoding/json"
	"fmt"
	"time"
)

// claims are the members of an object that oauth.ParseObject has read. The methods
// return the zero value for what is not there and an error for what has another type:
// a claim that two readers could take differently is none. Null is as if it were not
// there: some providers write it for what they do not know, which OpenID Connect Core
// §5.3.2 asks them to leave out.
type claims map[string]any

// has reports whether a name is there at all, be it with null: for what must not be.
func (c claims) has(name string) bool {
	_, there := c[name]
	return there
}

// says reports whether there is a value.
func (c claims) says(name string) bool { return c[name] != nil }

func (c claims) text(name string) (string, error) {
	v := c[name]
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("its %s is not text", name)
	}
	return s, nil
}

func (c claims) truth(name string) (bool, error) {
	v := c[name]
	if v == nil {
		return false, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("its %s is neither true nor false", name)
	}
	return b, nil
}

// list returns an array of text. Nil: there is none.
func (c claims) list(name string) ([]string, error) {
	v := c[name]
	if v == nil {
		return nil, nil
	}
	values, ok := v.([]any)
	if !ok || len(values) > maxList {
		return nil, fmt.Errorf("its %s is not a list, or too long", name)
	}
	list := make([]string, 0, len(values))
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("its %s is not a list of text", name)
		}
		list = append(list, s)
	}
	return list, nil
}

// maxDate is the end of the year 9999, in seconds of Unix time.
const maxDate = 253402300799

// date returns a NumericDate (RFC 7519 §2), which may have a fraction. The zero time:
// there is none.
func (c claims) date(name string) (time.Time, error) {
	v := c[name]
	if v == nil {
		return time.Time{}, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, fmt.Errorf("its %s is not a number", name)
	}
	seconds, err := n.Float64()
	if err != nil || seconds < 1 || seconds > maxDate {
		return time.Time{}, fmt.Errorf("its %s is not a date", name)
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}
