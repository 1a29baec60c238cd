package legacy

import (
	"encoding/base64"
	"encoding/hex"
)

// A codec is how a program writes the bytes of a salt or a key.
type codec struct {
	encode func([]byte) string
	decode func(string) ([]byte, error)
}

// bytes returns what s stands for, if that has least to most bytes and is written
// as encode writes it: in one way only.
func (c codec) bytes(s string, least, most int) ([]byte, bool) {
	b, err := c.decode(s)
	return b, err == nil && len(b) >= least && len(b) <= most && c.encode(b) == s
}

var (
	padded   = codec{base64.StdEncoding.EncodeToString, base64.StdEncoding.DecodeString}
	unpadded = codec{base64.RawStdEncoding.EncodeToString, base64.RawStdEncoding.DecodeString}
	urlSafe  = codec{base64.RawURLEncoding.EncodeToString, base64.RawURLEncoding.DecodeString}
	hexed    = codec{hex.EncodeToString, hex.DecodeString}
	// adapted is the "ab64" of passlib: no padding, and '.' for '+'.
	adapted = codec{adapted64.EncodeToString, adapted64.DecodeString}
	// text is for programs that take the characters of the salt for its bytes.
	text = codec{printable, func(s string) ([]byte, error) { return []byte(s), nil }}
)

var adapted64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

// printable returns b as text, or nothing if it has a character that no salt has.
func printable(b []byte) string {
	for _, c := range b {
		if c <= ' ' || c > '~' || c == '$' {
			return ""
		}
	}
	return string(b)
}
