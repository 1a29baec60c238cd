package password

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// A phcForm is the exact form of one scheme's strings: "$", the identifier, "$",
// the fixed version segment if there is one, the parameters by name and in
// order, salt and key.
//
//	$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$5a4v…
//
// The parser takes what encode makes and nothing else: a string that parses
// encodes to the same bytes. Parameters are bounded here, before any work.
//
// See https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
type phcForm struct {
	prefix string // such as "$argon2id$v=19$"
	family string // the part of prefix by which the scheme is known, such as "$argon2id$"
	params [3]phcParam
}

type phcParam struct {
	name     string
	min, max uint32
}

// A phc holds the values of a string of some form.
type phc struct {
	params    [3]uint32
	salt, key []byte
}

// Bounds of a string and of its parts, in bytes. A key under 16 bytes would let
// chance match it.
const (
	maxEncoded         = 256
	minSalt, maxSalt   = 8, 64
	minKey, maxKeySize = 16, 64
)

func (f *phcForm) parse(s string) (phc, error) {
	var v phc
	if !strings.HasPrefix(s, f.family) {
		return v, ErrUnknownScheme
	}
	if len(s) > maxEncoded {
		return v, fmt.Errorf("%w: longer than %d bytes", ErrBadHash, maxEncoded)
	}
	rest, ok := strings.CutPrefix(s, f.prefix)
	if !ok {
		return v, fmt.Errorf("%w: not the form or version %s", ErrBadHash, f.prefix)
	}
	params, rest, _ := strings.Cut(rest, "$")
	salt, key, _ := strings.Cut(rest, "$")
	for i, p := range f.params {
		var value string
		value, params, _ = strings.Cut(params, ",")
		if v.params[i], ok = p.parse(value); !ok {
			return v, fmt.Errorf("%w: parameter %s is missing or out of bounds", ErrBadHash, p.name)
		}
	}
	if params != "" {
		return v, fmt.Errorf("%w: more parameters than %d", ErrBadHash, len(f.params))
	}
	if v.salt, ok = decode64(salt, minSalt, maxSalt); !ok {
		return v, fmt.Errorf("%w: salt", ErrBadHash)
	}
	if v.key, ok = decode64(key, minKey, maxKeySize); !ok {
		return v, fmt.Errorf("%w: key", ErrBadHash)
	}
	// One rule instead of many: no part missing, no leading zeros, no comma at the
	// end, no line break in the base64, no bits after its last byte.
	if f.encode(v) != s {
		return v, fmt.Errorf("%w: not in canonical form", ErrBadHash)
	}
	return v, nil
}

func (f *phcForm) encode(v phc) string {
	b := make([]byte, 0, maxEncoded)
	b = append(b, f.prefix...)
	for i, p := range f.params {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = strconv.AppendUint(b, uint64(v.params[i]), 10)
	}
	b = append(b, '$')
	b = base64.RawStdEncoding.AppendEncode(b, v.salt)
	b = append(b, '$')
	b = base64.RawStdEncoding.AppendEncode(b, v.key)
	return string(b)
}

func (p phcParam) parse(s string) (uint32, bool) {
	digits, ok := strings.CutPrefix(s, p.name+"=")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n < uint64(p.min) || n > uint64(p.max) {
		return 0, false
	}
	return uint32(n), true
}

func decode64(s string, least, most int) ([]byte, bool) {
	b, err := base64.RawStdEncoding.DecodeString(s)
	return b, err == nil && len(b) >= least && len(b) <= most
}
