package problem

import (
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

// append renders d after b. Members come in the order of RFC 9457, extensions
// sorted by name, so that equal problems are equal bytes. An extension whose
// value cannot be encoded is left out: a problem must always be answerable.
func (d *Details) append(b []byte) []byte {
	if f := d.fixed; f != nil && d.keepsMembersOf(f) {
		b = append(b, f.head...)
		b = d.appendOccurrence(b)
		b = append(b, f.tail...)
	} else {
		b = d.appendHead(b)
		b = d.appendOccurrence(b)
		b = d.appendTail(b)
	}
	if len(d.Extensions) > 0 {
		b = d.appendExtensions(b)
	}
	return append(b, '}')
}

// appendHead renders what a registered problem has before the members of the
// occurrence, and appendTail what it has after them.
func (d *Details) appendHead(b []byte) []byte {
	b = append(b, `{"type":`...)
	if d.Type == "" {
		b = append(b, `"about:blank"`...)
	} else {
		b = appendString(b, d.Type)
	}
	if d.Title != "" {
		b = append(b, `,"title":`...)
		b = appendString(b, d.Title)
	}
	b = append(b, `,"status":`...)
	return strconv.AppendInt(b, int64(d.status()), 10)
}

func (d *Details) appendOccurrence(b []byte) []byte {
	if d.Detail != "" {
		b = append(b, `,"detail":`...)
		b = appendString(b, d.Detail)
	}
	if d.Instance != "" {
		b = append(b, `,"instance":`...)
		b = appendString(b, d.Instance)
	}
	return b
}

func (d *Details) appendTail(b []byte) []byte {
	if d.Code != "" {
		b = append(b, `,"code":`...)
		b = appendString(b, string(d.Code))
	}
	return b
}

func (d *Details) appendExtensions(b []byte) []byte {
	names := make([]string, 0, len(d.Extensions))
	for name := range d.Extensions {
		if !reserved(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		v, err := json.Marshal(d.Extensions[name])
		if err != nil {
			continue
		}
		b = append(b, ',')
		b = appendString(b, name)
		b = append(b, ':')
		b = append(b, v...)
	}
	return b
}

const hexDigits = "0123456789abcdef"

// plain tells which bytes stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0x7f
	}
	return t
}()

// appendString appends s as a JSON string with the escapes of encoding/json,
// HTML characters and the JavaScript line separators included. It exists
// because encoding/json cannot append without an allocation.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&0xf])
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
