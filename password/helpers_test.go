package password_test

import (
	stdbase64 "encoding/base64"
	"testing"

	"golang.org/x/crypto/argon2"
)

// base64 is that of PHC strings.
func base64(s string) string { return stdbase64.RawStdEncoding.EncodeToString([]byte(s)) }

// key is what a PHC string ends with, computed by x/crypto alone.
func key(t testing.TB, password, salt string, kib, size uint32) string {
	t.Helper()
	return base64(string(argon2.IDKey([]byte(password), []byte(salt), 1, kib, 1, size)))
}
