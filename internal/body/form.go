package body

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"
)

// readForm reads an urlencoded form into t. An empty one has no members.
func readForm(data []byte, t *target) error {
	if len(data) == 0 {
		return nil
	}
	for pair := range bytes.SplitSeq(data, []byte("&")) {
		rawName, rawValue, ok := bytes.Cut(pair, []byte("="))
		if !ok {
			return invalid("The form has a field without a value")
		}
		name, err := unescape(string(rawName), "The name of a field")
		if err != nil {
			return err
		}
		f, err := t.member(name, true)
		if err != nil {
			return err
		}
		value, err := unescape(string(rawValue), f.subject())
		if err != nil {
			return err
		}
		if err := f.setForm(value); err != nil {
			return err
		}
	}
	return nil
}

// setForm takes the text of a form field.
func (f *field) setForm(value string) error {
	switch f.kind {
	case kindString:
		f.setString(value)
	case kindList:
		f.add(value)
	case kindBool:
		if value != "true" && value != "false" && value != "on" {
			return f.mismatch()
		}
		f.setBool(value != "false")
	case kindInteger:
		digits := strings.TrimPrefix(value, "-")
		if digits == "" || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' && digits != "0" {
			return f.mismatch()
		}
		return f.setInteger(value)
	}
	return nil
}

// unescape undoes percent-encoding. What browsers encode must be encoded: a ";"
// separates fields for some readers, and a line break at the end is more likely
// a mistake of a client than part of a password.
func unescape(s, subject string) (string, error) {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ';' {
			return "", invalid(subject + " is not percent-encoded")
		}
	}
	text, err := url.QueryUnescape(s)
	switch {
	case err != nil:
		return "", invalid(subject + " is not percent-encoded")
	case !utf8.ValidString(text):
		return "", invalid(subject + " is not valid UTF-8")
	case strings.Contains(text, "\x00"):
		return "", invalid(subject + " holds a NUL")
	}
	return text, nil
}
