package jwtauth

import (
	"slices"
	"strings"
)

// scan reads the payload that a token usually has: an object without white space
// whose names and strings are plain ASCII without escapes, whose numbers are short
// integers and whose only nesting is that of the claims which it knows. It reports
// false at the first byte that is anything else, right or wrong.
func (v *verified) scan(payload string) bool {
	s := scanner{data: payload}
	if !s.take('{') {
		return false
	}
	var seen claimSet
	var space [8]string
	others := space[:0]
	for {
		name, ok := s.text()
		if !ok || !s.take(':') {
			return false
		}
		claim := claimOf(name)
		switch {
		case claim == 0:
			// A name without capitals is equal to another under folding only if it
			// is the same: the two letters of other alphabets that fold to ASCII
			// are not ASCII.
			if !noCapitals(name) || len(others) == cap(others) || slices.Contains(others, name) || !s.skip() {
				return false
			}
			others = append(others, name)
		case seen&claim != 0 || !v.scanClaim(&s, claim):
			return false
		}
		seen |= claim
		if s.take('}') {
			return s.at == len(s.data)
		}
		if !s.take(',') {
			return false
		}
	}
}

// scanClaim reads the value of a registered claim.
func (v *verified) scanClaim(s *scanner, claim claimSet) bool {
	switch {
	case claim&textClaims != 0:
		value, ok := s.text()
		return ok && v.setText(claim, value) == nil
	case claim&numberClaims != 0:
		n, ok := s.integer()
		return ok && v.setNumber(claim, n) == nil
	case claim == claimAud && s.peek() == '"':
		value, ok := s.text()
		v.add(claim, value)
		return ok
	case claim&listClaims != 0:
		return s.list(func() bool {
			value, ok := s.text()
			v.add(claim, value)
			return ok
		})
	case claim == claimAmrTimes:
		return s.list(func() bool {
			n, ok := s.integer()
			v.addTime(n)
			return ok
		})
	}
	return v.scanAttributes(s)
}

// scanAttributes reads an object of strings that is not empty.
func (v *verified) scanAttributes(s *scanner) bool {
	if !s.take('{') {
		return false
	}
	for n := 0; n < maxMembers; n++ {
		name, ok := s.text()
		if !ok || !noCapitals(name) || !s.take(':') {
			return false
		}
		if _, twice := v.claims.Attributes[name]; twice {
			return false
		}
		value, ok := s.text()
		if !ok {
			return false
		}
		v.addAttribute(name, value)
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
	return false
}

func noCapitals(s string) bool {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// A scanner knows the part of JSON that scan wants.
type scanner struct {
	data string
	at   int
}

func (s *scanner) peek() byte {
	if s.at == len(s.data) {
		return 0
	}
	return s.data[s.at]
}

func (s *scanner) take(c byte) bool {
	if s.at >= len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// text reads a string of plain ASCII, which is a part of the data.
func (s *scanner) text() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	for i := s.at; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			value := s.data[s.at:i]
			s.at = i + 1
			return value, true
		case c < ' ' || c >= 0x7f || c == '\\':
			return "", false
		}
	}
	return "", false
}

// integer reads 1 to 15 digits, without a leading zero. What follows, such as a 16th
// digit or a fraction, is for the caller to stumble over: it wants a comma or a bracket.
func (s *scanner) integer() (int64, bool) {
	start := s.at
	var n int64
	for isDigit(s.peek()) && s.at-start < 15 {
		n = n*10 + int64(s.data[s.at]-'0')
		s.at++
	}
	digits := s.at - start
	return n, digits > 0 && (s.data[start] != '0' || digits == 1)
}

// list reads an array that is not empty.
func (s *scanner) list(element func() bool) bool {
	if !s.take('[') {
		return false
	}
	for element() {
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
	return false
}

// skip reads a plain string, a short integer or a word.
func (s *scanner) skip() bool {
	if s.peek() == '"' {
		_, ok := s.text()
		return ok
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(s.data[s.at:], word) {
			s.at += len(word)
			return true
		}
	}
	_, ok := s.integer()
	return ok
}
