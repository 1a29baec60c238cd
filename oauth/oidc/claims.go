package oidc

import (
	"encoding/json"
	"fmt"
	"time"
)

// claims are the members of an object that oauth.ParseObject has read. The methods
// return the zero value for what is not there and an error for what has another type:
// a claim that two readers could take differently is none.
type claims map[string]any

func (c claims) has(name string) bool {
	_, there := c[name]
	return there
}

func (c claims) text(name string) (string, error) {
	v, there := c[name]
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("its %s is not text", name)
	}
	return s, nil
}

func (c claims) truth(name string) (bool, error) {
	v, there := c[name]
	if !there {
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
	v, there := c[name]
	if !there {
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
	v, there := c[name]
	if !there {
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
