package password

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// minPart is the least length of a part of a word that counts, in code points.
const minPart = 4

// wordParts splits words into the folded parts by which a password is judged. The
// whole of an address is one of them: its domain alone may be long enough for a
// password, and may be part of a good one.
func wordParts(words []string) []string {
	var parts []string
	for _, word := range words {
		if at := strings.LastIndexByte(word, '@'); at >= 0 {
			if utf8.RuneCountInString(word) >= minPart {
				parts = append(parts, fold(word))
			}
			word = word[:at]
		}
		for part := range strings.FieldsFuncSeq(fold(word), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(part) >= minPart {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// without reports whether any part is in s, and how many code points of s are in
// no occurrence of any part. Occurrences may overlap.
func without(s string, parts []string) (found bool, left int) {
	covered := make([]bool, len(s))
	for _, part := range parts {
		for from := 0; ; {
			i := strings.Index(s[from:], part)
			if i < 0 {
				break
			}
			found = true
			for j := range len(part) {
				covered[from+i+j] = true
			}
			// The next occurrence may begin inside of this one.
			_, size := utf8.DecodeRuneInString(s[from+i:])
			from += i + size
		}
	}
	for i := range s {
		if !covered[i] {
			left++
		}
	}
	return found, left
}
