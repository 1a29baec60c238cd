package body

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner reads one JSON object (RFC 8259) whose members are known. It never
// skips a value, so it needs no recursion, and it refuses at the first byte that
// is wrong.
type scanner struct {
	data []byte
	at   int
}

// readJSON reads data into t.
func readJSON(data []byte, t *target) error {
	s := &scanner{data: data}
	s.space()
	if s.at == len(data) {
		return invalid("The body is empty")
	}
	if !s.take('{') {
		return invalid("The body must be a JSON object")
	}
	s.space()
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return s.malformed()
		}
		s.space()
		if err := s.member(t); err != nil {
			return err
		}
		s.space()
	}
	s.space()
	if s.at < len(data) {
		return invalid("There is something after the JSON object")
	}
	return nil
}

func (s *scanner) member(t *target) error {
	if !s.take('"') {
		return s.malformed()
	}
	name, err := s.text("The name of a member")
	if err != nil {
		return err
	}
	s.space()
	if !s.take(':') {
		return s.malformed()
	}
	s.space()
	f, err := t.member(name, false)
	if err != nil {
		return err
	}
	return s.value(f)
}

// value reads a value of the kind of f.
func (s *scanner) value(f *field) error {
	if f.pointer && s.word("null") {
		f.setNull()
		return nil
	}
	switch {
	case f.kind == kindString && s.take('"'):
		v, err := s.text(f.subject())
		if err != nil {
			return err
		}
		f.setString(v)
		return nil
	case f.kind == kindBool && s.word("true"):
		f.setBool(true)
		return nil
	case f.kind == kindBool && s.word("false"):
		f.setBool(false)
		return nil
	case f.kind == kindInteger && (s.peek() == '-' || isDigit(s.peek())):
		return s.integer(f)
	case f.kind == kindList && s.take('['):
		return s.list(f)
	}
	return f.mismatch()
}

// integer reads a number without fraction and exponent.
func (s *scanner) integer(f *field) error {
	start := s.at
	s.take('-')
	switch {
	case s.take('0'): // nothing follows a leading zero
	case isDigit(s.peek()):
		for isDigit(s.peek()) {
			s.at++
		}
	default:
		return s.malformed()
	}
	if c := s.peek(); c == '.' || c == 'e' || c == 'E' {
		return f.mismatch()
	}
	return f.setInteger(string(s.data[start:s.at]))
}

func (s *scanner) list(f *field) error {
	s.space()
	for first := true; !s.take(']'); first = false {
		if !first && !s.take(',') {
			return s.malformed()
		}
		s.space()
		if !s.take('"') {
			return f.mismatch()
		}
		v, err := s.text(f.subject())
		if err != nil {
			return err
		}
		f.add(v)
		s.space()
	}
	return nil
}

// text reads the rest of a string whose opening quote was taken. The subject is
// what an error is about.
func (s *scanner) text(subject string) (string, error) {
	var text []byte
	start := s.at // of what is not in text yet
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			text = append(text, s.data[start:s.at]...)
			s.at++
			return string(text), nil
		case c == '\\':
			text = append(text, s.data[start:s.at]...)
			s.at++
			r, err := s.escape(subject)
			if err != nil {
				return "", err
			}
			text = utf8.AppendRune(text, r)
			start = s.at
		case c < ' ':
			return "", s.malformed()
		default:
			r, size := utf8.DecodeRune(s.data[s.at:])
			if r == utf8.RuneError && size == 1 {
				return "", invalid(subject + " is not valid UTF-8")
			}
			s.at += size
		}
	}
	return "", s.malformed()
}

// escape reads the rest of an escape whose backslash was taken.
func (s *scanner) escape(subject string) (rune, error) {
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(letters, s.peek()); i >= 0 {
		s.at++
		return rune(meanings[i]), nil
	}
	r, ok := s.unit()
	switch {
	case !ok:
		return 0, s.malformed()
	case r == 0:
		return 0, invalid(subject + " holds a NUL")
	case !utf16.IsSurrogate(r):
		return r, nil
	}
	if s.take('\\') {
		if low, ok := s.unit(); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, nil
			}
		}
	}
	return 0, invalid(subject + " holds half of a surrogate pair")
}

// unit reads u and four hexadecimal digits.
func (s *scanner) unit() (rune, bool) {
	if len(s.data)-s.at < 5 || !s.take('u') {
		return 0, false
	}
	var unit [2]byte
	if _, err := hex.Decode(unit[:], s.data[s.at:s.at+4]); err != nil {
		return 0, false
	}
	s.at += 4
	return rune(unit[0])<<8 | rune(unit[1]), true
}

// peek returns the next byte, or NUL, which no value begins with, at the end.
func (s *scanner) peek() byte {
	if s.at == len(s.data) {
		return 0
	}
	return s.data[s.at]
}

// take goes past c if it is next.
func (s *scanner) take(c byte) bool {
	if s.at == len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// word goes past w if it is next.
func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}

// space goes past white space.
func (s *scanner) space() {
	for c := s.peek(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = s.peek() {
		s.at++
	}
}

func (s *scanner) malformed() error {
	return invalid("The JSON is malformed at byte " + strconv.Itoa(s.at))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
