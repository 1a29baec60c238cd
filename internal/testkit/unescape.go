package testkit

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A view is a text with some of its escapes undone.
type view struct{ escapes, text string }

// The escapes that are undone. Each decoder is lenient: what is no escape stays.
var escapes = []struct {
	name string
	undo func(string) string
}{
	{"URL-escaped", unescapePercent},
	{"form-escaped", func(s string) string { return unescapePercent(strings.ReplaceAll(s, "+", " ")) }},
	{"quoted", unescapeBackslash}, // JSON, JavaScript, Go
	{"HTML-escaped", html.UnescapeString},
}

// depth is how many escapes around each other are undone: a quoted URL in a
// record of a JSON log has two.
const depth = 2

// unescaped returns text as it is and with every sequence of up to depth escapes
// undone.
func unescaped(text string) []view {
	views := []view{{"", text}}
	seen := map[string]bool{text: true}
	outer := views
	for range depth {
		var inner []view
		for _, v := range outer {
			for _, e := range escapes {
				if undone := e.undo(v.text); !seen[undone] {
					seen[undone] = true
					inner = append(inner, view{strings.TrimSuffix(e.name+", "+v.escapes, ", "), undone})
				}
			}
		}
		views = append(views, inner...)
		outer = inner
	}
	return views
}

func unescapePercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if code, ok := hexAt(s, i+1, 2); ok && s[i] == '%' {
			b.WriteByte(byte(code & 0xff))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// single are the escapes of one letter that do not stand for themselves.
var single = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

func unescapeBackslash(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		code, ok := hexAt(s, i+1, digits)
		switch letter, known := single[s[i]]; {
		case known:
			b.WriteByte(letter)
		case !ok:
			b.WriteByte(s[i])
		case digits == 2:
			b.WriteByte(byte(code & 0xff))
			i += digits
		default:
			i += digits
			if low, ok := hexAt(s, i+3, 4); ok && utf16.IsSurrogate(code) && s[i+1:i+3] == `\u` {
				code = utf16.DecodeRune(code, low)
				i += 6
			}
			b.WriteRune(code)
		}
	}
	return b.String()
}

// hexAt reads n hexadecimal digits, if they are there, at s[i:].
func hexAt(s string, i, n int) (code rune, ok bool) {
	if n == 0 || i+n > len(s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s[i:i+n], 16, 31)
	return rune(v), err == nil
}
