package testkit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"testing"
	"unicode/utf8"
)

// Whatever surrounds a secret in what was encoded, the secret is found.
func FuzzNeedles(f *testing.F) {
	f.Add("alice:", `p"4\ss <w>&+/%41=é😀'x`, "\n")
	f.Add("", "12345678", "")
	f.Add(`\u00`, `41\\\\\\\`, `"`)
	f.Add("%", "41%41%41", "%")
	f.Add("&", "lt;&amp;lt;", "&#")
	f.Add("\xff", "\U0010ffff\u2028\x00\x7f", "\xff")
	f.Fuzz(func(t *testing.T, before, s, after string) {
		if len(s) < minSecret || !utf8.ValidString(s) {
			return
		}
		text := before + s + after
		inJSON, err := json.Marshal(map[string]string{"k": text})
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(string(inJSON))
		if err != nil {
			t.Fatal(err)
		}
		for name, encoded := range map[string]string{
			"raw":               text,
			"hex":               hex.EncodeToString([]byte(text)),
			"base64":            base64.StdEncoding.EncodeToString([]byte(text)),
			"base64url":         base64.RawURLEncoding.EncodeToString([]byte(text)),
			"query":             url.QueryEscape(text),
			"path":              url.PathEscape(text),
			"JSON":              string(inJSON),
			"JSON twice":        string(twice),
			"query in JSON":     strconv.Quote(url.QueryEscape(text)),
			"Go":                strconv.QuoteToASCII(text),
			"HTML":              html.EscapeString(text),
			"base64 in a query": url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text))),
		} {
			if _, _, ok := find(needles(s), unescaped(encoded)); !ok {
				t.Errorf("%s: %q is not found in %q", name, s, encoded)
			}
		}
	})
}
