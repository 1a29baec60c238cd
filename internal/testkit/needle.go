package testkit

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// A needle is a text in which a secret can be read.
type needle struct{ form, text string }

// needles returns the forms of s, the plainest first. Escapes are not among
// them: those are undone in the haystack, whatever their mixture.
func needles(s string) []needle {
	b := []byte(s)
	list := []needle{
		{"raw", s},
		{"hex", hex.EncodeToString(b)},
		{"hex", strings.ToUpper(hex.EncodeToString(b))},
		{"numbers", strings.Trim(fmt.Sprint(b), "[]")},
		{"numbers", strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ",")},
		{"numbers", strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}")},
	}
	for shift := range 3 {
		list = append(list,
			needle{"base64", aligned(base64.RawStdEncoding, b, shift)},
			needle{"base64url", aligned(base64.RawURLEncoding, b, shift)})
	}
	return list
}

// aligned returns the characters that b has in the encoding of any text in which
// it begins shift bytes after a multiple of three. The characters at the ends,
// which depend on its neighbours or are padding, are left out.
func aligned(e *base64.Encoding, b []byte, shift int) string {
	encoded := e.EncodeToString(append(make([]byte, shift), b...))
	first := (shift*8 + 5) / 6
	last := (shift + len(b)) * 8 / 6
	return encoded[first:last]
}

// find looks for each needle in each view.
func find(needles []needle, views []view) (form, in string, ok bool) {
	for _, v := range views {
		for _, n := range needles {
			if strings.Contains(v.text, n.text) {
				return strings.TrimSuffix(n.form+", "+v.escapes, ", "), v.text, true
			}
		}
	}
	return "", "", false
}
