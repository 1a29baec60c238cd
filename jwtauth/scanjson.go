package jwtauth

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The limits of what is read.
const (
	maxDepth   = 8
	maxMembers = 64 // of one object of a token, a key or a JWKS
	// maxMetadata is the number of members of one object of an issuer's metadata. The
	// registry of RFC 8414 has more than 64, and servers that fill most of them exist.
	maxMetadata = 256
)

var (
	errJSON       = errors.New("the JSON is malformed")
	errJSONDepth  = errors.New("the JSON is nested too deep")
	errJSONCount  = errors.New("an object has too many members")
	errJSONTwice  = errors.New("an object has two members of one name, or of names that differ in case only")
	errJSONText   = errors.New("a string is not valid UTF-8, has half of a surrogate pair, or has a NUL")
	errJSONAfter  = errors.New("there is something after the JSON object")
	errJSONObject = errors.New("this is no JSON object")
)

// A jsonReader reads JSON (RFC 8259) as strictly as a security token wants it:
// one object and nothing after it, no name twice in one object whatever its case
// (encoding/json takes the last, and folds case), only valid UTF-8, bounded depth
// and width. It makes no tree: whoever knows the members takes their values, and
// skips the others, which are read as strictly.
type jsonReader struct {
	data  string
	at    int
	depth int
	width int // how many members an object may have
}

// readObject reads data, which is one object. Visit is called at the value of each
// member and must take or skip it.
func readObject(data string, visit func(r *jsonReader, name string) error) error {
	return readWide(data, maxMembers, visit)
}

// readWide is readObject for objects of up to width members.
func readWide(data string, width int, visit func(r *jsonReader, name string) error) error {
	r := &jsonReader{data: data, width: width}
	r.space()
	if r.peek() != '{' {
		return errJSONObject
	}
	if err := r.object(func(name string) error { return visit(r, name) }); err != nil {
		return err
	}
	r.space()
	if r.at < len(data) {
		return errJSONAfter
	}
	return nil
}

// object reads an object. A nil visit skips all values.
func (r *jsonReader) object(visit func(name string) error) error {
	var space [16]string
	names := space[:0]
	return r.list('{', '}', func() error {
		name, err := r.text()
		if err != nil {
			return err
		}
		if len(names) == r.width {
			return errJSONCount
		}
		for _, other := range names {
			if strings.EqualFold(name, other) {
				return errJSONTwice
			}
		}
		names = append(names, name)
		r.space()
		if !r.take(':') {
			return errJSON
		}
		r.space()
		if visit == nil {
			return r.skip()
		}
		return visit(name)
	})
}

// array reads an array. Visit is called at each element and must take or skip it.
func (r *jsonReader) array(visit func() error) error { return r.list('[', ']', visit) }

// list reads what stands between brackets, separated by commas.
func (r *jsonReader) list(opening, closing byte, visit func() error) error {
	if !r.take(opening) {
		return errJSON
	}
	if r.depth++; r.depth > maxDepth {
		return errJSONDepth
	}
	r.space()
	for first := true; !r.take(closing); first = false {
		if !first {
			if !r.take(',') {
				return errJSON
			}
			r.space()
		}
		if err := visit(); err != nil {
			return err
		}
		r.space()
	}
	r.depth--
	return nil
}

// skip reads any value.
func (r *jsonReader) skip() error {
	switch c := r.peek(); {
	case c == '{':
		return r.object(nil)
	case c == '[':
		return r.array(r.skip)
	case c == '"':
		_, err := r.text()
		return err
	case c == '-' || isDigit(c):
		_, err := r.number()
		return err
	case r.word("true") || r.word("false") || r.word("null"):
		return nil
	}
	return errJSON
}

// raw reads any value and returns its text.
func (r *jsonReader) raw() (string, error) {
	start := r.at
	err := r.skip()
	return r.data[start:r.at], err
}

// number reads a number and returns its text.
func (r *jsonReader) number() (string, error) {
	start := r.at
	r.take('-')
	if !r.take('0') && !r.digits() {
		return "", errJSON
	}
	if r.take('.') && !r.digits() {
		return "", errJSON
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			return "", errJSON
		}
	}
	return r.data[start:r.at], nil
}

// maxInteger is the greatest integer that every JSON reader has exactly (RFC 8259
// §6): 2^53.
const maxInteger = 1 << 53

var errInteger = errors.New("a number is not an integer from 1 to 2^53")

// integer reads an integer from 0 to 2^53 that is written as one.
func (r *jsonReader) integer() (int64, error) {
	if c := r.peek(); c != '-' && !isDigit(c) {
		return 0, errInteger
	}
	text, err := r.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxInteger || text[0] == '-' {
		return 0, errInteger
	}
	return n, nil
}

var errNotString = errors.New("a value is not a string")

// text reads a string. Without escapes it is a part of the data, not a copy.
func (r *jsonReader) text() (string, error) {
	if !r.take('"') {
		return "", errNotString
	}
	var decoded []byte
	start := r.at // of what is not in decoded yet
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			s := r.data[start:r.at]
			r.at++
			if decoded != nil {
				s = string(append(decoded, s...))
			}
			return s, nil
		case c == '\\':
			decoded = append(decoded, r.data[start:r.at]...)
			r.at++
			c, err := r.escape()
			if err != nil {
				return "", err
			}
			decoded = utf8.AppendRune(decoded, c)
			start = r.at
		case c < ' ':
			return "", errJSON
		case c < utf8.RuneSelf:
			r.at++
		default:
			c, size := utf8.DecodeRuneInString(r.data[r.at:])
			if c == utf8.RuneError && size == 1 {
				return "", errJSONText
			}
			r.at += size
		}
	}
	return "", errJSON
}

// escape reads the rest of an escape whose backslash was taken.
func (r *jsonReader) escape() (rune, error) {
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(letters, r.peek()); i >= 0 {
		r.at++
		return rune(meanings[i]), nil
	}
	c, ok := r.unit()
	switch {
	case !ok:
		return 0, errJSON
	case c == 0:
		return 0, errJSONText
	case !utf16.IsSurrogate(c):
		return c, nil
	}
	if r.take('\\') {
		if low, ok := r.unit(); ok {
			if c = utf16.DecodeRune(c, low); c != utf8.RuneError {
				return c, nil
			}
		}
	}
	return 0, errJSONText
}

// unit reads u and four hexadecimal digits.
func (r *jsonReader) unit() (rune, bool) {
	if len(r.data)-r.at < 5 || !r.take('u') {
		return 0, false
	}
	var unit [2]byte
	if _, err := hex.Decode(unit[:], []byte(r.data[r.at:r.at+4])); err != nil {
		return 0, false
	}
	r.at += 4
	return rune(unit[0])<<8 | rune(unit[1]), true
}

// peek returns the next byte, or NUL, which no value begins with, at the end.
func (r *jsonReader) peek() byte {
	if r.at == len(r.data) {
		return 0
	}
	return r.data[r.at]
}

// take goes past c if it is next.
func (r *jsonReader) take(c byte) bool {
	if r.at == len(r.data) || r.data[r.at] != c {
		return false
	}
	r.at++
	return true
}

// word goes past w if it is next.
func (r *jsonReader) word(w string) bool {
	if !strings.HasPrefix(r.data[r.at:], w) {
		return false
	}
	r.at += len(w)
	return true
}

// digits goes past digits, and reports whether there were any.
func (r *jsonReader) digits() bool {
	start := r.at
	for isDigit(r.peek()) {
		r.at++
	}
	return r.at > start
}

// space goes past white space.
func (r *jsonReader) space() {
	for c := r.peek(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = r.peek() {
		r.at++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
