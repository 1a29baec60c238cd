package secret_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/secret"
)

func TestToken(t *testing.T) {
	t.Run("PWD-17 a token has no fewer than 128 bits", func(t *testing.T) {
		if secret.MinBytes*8 < 112 {
			t.Errorf("MinBytes is %d bits; a plain hash needs 112", secret.MinBytes*8)
		}
		for _, n := range []int{-1, 0, 1, 15} {
			if !panics(func() { secret.Token(n) }) {
				t.Errorf("Token(%d) did not panic", n)
			}
		}
	})
	t.Run("XCT-02 tokens have the asked-for bytes and differ", func(t *testing.T) {
		for _, n := range []int{16, 17, 32, 48, 64, 100, 1000} {
			a, b := secret.Token(n), secret.Token(n)
			if a == b {
				t.Fatalf("two tokens of %d bytes are equal", n)
			}
			raw, err := base64.RawURLEncoding.Strict().DecodeString(a)
			if err != nil || len(raw) != n {
				t.Errorf("Token(%d) = %q: %d bytes, %v", n, a, len(raw), err)
			}
		}
	})
	t.Run("XCT-02 every bit of a token is random", func(t *testing.T) {
		// 4,000 tosses per bit: 1,700 to 2,300 heads is nine standard deviations.
		const tosses = 4000
		var heads [32 * 8]int
		for range tosses {
			raw, err := base64.RawURLEncoding.DecodeString(secret.Token(32))
			if err != nil {
				t.Fatal(err)
			}
			for i := range heads {
				heads[i] += int(raw[i/8] >> (i % 8) & 1)
			}
		}
		for i, n := range heads {
			if n < 1700 || n > 2300 {
				t.Errorf("bit %d was set in %d of %d tokens", i, n, tosses)
			}
		}
	})
	t.Run("XCT-02 no other source of randomness is imported", func(t *testing.T) {
		files, err := filepath.Glob("*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources: %v", err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(src, []byte(`"math/rand`)) {
				t.Errorf("%s imports math/rand", name)
			}
		}
	})
}

func TestHandle(t *testing.T) {
	t.Run("PWD-17 a handle is the SHA-256 of the token's text", func(t *testing.T) {
		// FIPS 180-2 appendix B.1.
		const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
		if h := secret.HandleOf("abc"); hex.EncodeToString(h[:]) != abc {
			t.Errorf("HandleOf(abc) = %x", h)
		}
		for _, n := range []int{0, 1, 127, 128, 129, 4095, 4096, 4097, 10000} {
			token := strings.Repeat("x", n)
			if h := secret.HandleOf(token); h != sha256.Sum256([]byte(token)) {
				t.Errorf("HandleOf of %d bytes is not their SHA-256", n)
			}
		}
	})
	t.Run("encoding", func(t *testing.T) {
		h := secret.HandleOf(secret.Token(32))
		text := h.Encode()
		if got, err := secret.ParseHandle(text); err != nil || got != h {
			t.Fatalf("ParseHandle(%q) = %x, %v", text, got, err)
		}
		last := text[:42]
		for _, bad := range []string{
			"", text[:42], text + "A", text + "=", last + "\n", "\n" + last, last + "!",
			strings.Repeat("+", 43), last + "_", // stray bits: 43 characters carry 258
		} {
			if got, err := secret.ParseHandle(bad); err == nil {
				t.Errorf("ParseHandle(%q) = %x, want an error", bad, got)
			} else if bad != "" && strings.Contains(err.Error(), bad) {
				t.Errorf("the error shows the text: %v", err)
			} else if got != (secret.Handle{}) {
				t.Errorf("ParseHandle(%q) returned %x with its error", bad, got)
			}
		}
	})
	t.Run("XCT-01 equality", func(t *testing.T) {
		h := secret.HandleOf("a")
		if !h.Equal(secret.HandleOf("a")) || h.Equal(secret.HandleOf("b")) {
			t.Error("Equal is wrong")
		}
		for i := range h {
			other := h
			other[i] ^= 1 << (i % 8)
			if h.Equal(other) {
				t.Errorf("a difference in byte %d was missed", i)
			}
		}
	})
	t.Run("a handle of every request costs no allocation", func(t *testing.T) {
		for _, n := range []int{22, 43, 128, 129, 4096} {
			token := strings.Repeat("t", n)
			var sink byte
			if got := testing.AllocsPerRun(100, func() { h := secret.HandleOf(token); sink ^= h[0] }); got != 0 {
				t.Errorf("HandleOf of %d bytes allocates %v times", n, got)
			}
			other := "y" + token[1:]
			var equal bool
			if got := testing.AllocsPerRun(100, func() { equal = equal || secret.Equal(token, other) }); got != 0 {
				t.Errorf("Equal of %d bytes allocates %v times", n, got)
			}
			_, _ = sink, equal
		}
	})
}

func TestEqual(t *testing.T) {
	tests := []struct {
		name string
		a, b string
		want bool
	}{
		{"XCT-01 same", "secret", "secret", true},
		{"XCT-01 both empty", "", "", true},
		{"XCT-01 one empty", "", "secret", false},
		{"XCT-01 a prefix", "secret", "secre", false},
		{"XCT-01 first byte", "secret", "Secret", false},
		{"XCT-01 last byte", "secret", "secreT", false},
		{"XCT-01 a NUL more", "secret", "secret\x00", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := secret.Equal(tt.a, tt.b); got != tt.want {
				t.Errorf("Equal(%q, %q) = %v", tt.a, tt.b, got)
			}
			if got := secret.EqualBytes([]byte(tt.a), []byte(tt.b)); got != tt.want {
				t.Errorf("EqualBytes(%q, %q) = %v", tt.a, tt.b, got)
			}
		})
	}
}

// FuzzParseHandle holds that text which parses is the one encoding of its handle.
func FuzzParseHandle(f *testing.F) {
	f.Add(secret.HandleOf("a").Encode())
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("A", 42) + "B")
	f.Add(strings.Repeat("A", 42) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := secret.ParseHandle(text)
		if err == nil && h.Encode() != text {
			t.Errorf("%q parses and encodes as %q", text, h.Encode())
		}
		if err != nil && h != (secret.Handle{}) {
			t.Errorf("%q is refused but left something in the handle", text)
		}
	})
}

func BenchmarkHandleOf(b *testing.B) {
	token := secret.Token(32)
	b.ReportAllocs()
	var sink byte
	for b.Loop() {
		h := secret.HandleOf(token)
		sink ^= h[0]
	}
	_ = sink
}

func BenchmarkToken(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = secret.Token(32)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
