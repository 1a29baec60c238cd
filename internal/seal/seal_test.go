package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth/internal/seal"
)

func TestNewRefuses(t *testing.T) {
	a, b := newKey(t), newKey(t)
	tests := []struct {
		name    string
		purpose string
		current []byte
		old     [][]byte
		want    string
	}{
		{"XCT-05 no purpose", "", a, nil, "purpose is empty"},
		{"XCT-05 no current key", "p", nil, nil, "the current key must have 32 bytes"},
		{"XCT-05 current key of 31 bytes", "p", a[:31], nil, "the current key must have 32 bytes"},
		{"XCT-05 current key of 33 bytes", "p", append(bytes.Clone(a), 1), nil, "the current key must have 32 bytes"},
		{"XCT-05 current key all zero", "p", make([]byte, 32), nil, "the current key is all zero"},
		{"XCT-05 empty old key", "p", a, [][]byte{{}}, "old key 1 must have 32 bytes"},
		{"XCT-05 second old key of 16 bytes", "p", a, [][]byte{b, a[:16]}, "old key 2 must have 32 bytes"},
		{"XCT-05 old key all zero", "p", a, [][]byte{make([]byte, 32)}, "old key 1 is all zero"},
		{"XCT-05 current key among the old", "p", a, [][]byte{b, a}, "old key 2 is the same as the current key"},
		{"XCT-05 old key twice", "p", a, [][]byte{b, b}, "old key 2 is the same as old key 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := seal.New(tt.purpose, tt.current, tt.old...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one that says %q", err, tt.want)
			}
			if s != nil {
				t.Error("a Sealer came with the error")
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	s := newSealer(t, "p", newKey(t))
	for _, n := range []int{0, 1, 15, 16, 17, 100, 5000} {
		plain := make([]byte, n)
		_, _ = rand.Read(plain)
		sealed := s.Seal(plain, []byte("a"))
		if len(sealed) != n+37 {
			t.Errorf("%d bytes became %d, the documented overhead is 37", n, len(sealed))
		}
		got, outdated, err := s.Open(sealed, []byte("a"))
		if err != nil || outdated || !bytes.Equal(got, plain) {
			t.Errorf("Open of %d bytes: %x, %v, %v", n, got, outdated, err)
		}
		text := s.SealString(plain, nil)
		got, outdated, err = s.OpenString(text, []byte{})
		if err != nil || outdated || !bytes.Equal(got, plain) {
			t.Errorf("OpenString of %d bytes: %x, %v, %v", n, got, outdated, err)
		}
	}
	t.Run("MFA-01 the same value never looks the same", func(t *testing.T) {
		seen := make(map[string]bool)
		for range 1000 {
			sealed := s.Seal([]byte("JBSWY3DP"), nil)
			nonce := string(sealed[9:21])
			if seen[nonce] {
				t.Fatal("a nonce was used twice")
			}
			seen[nonce] = true
			if bytes.Contains(sealed, []byte("JBSW")) {
				t.Fatal("the plaintext shows")
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	current, old := newKey(t), newKey(t)
	s := newSealer(t, "p", current, old)
	sealed := s.Seal([]byte("secret"), []byte("user-1"))

	open := func(t *testing.T, sealer *seal.Sealer, sealed, associated []byte, want error) {
		t.Helper()
		got, outdated, err := sealer.Open(sealed, associated)
		if !errors.Is(err, want) || !errors.Is(err, seal.ErrOpen) {
			t.Errorf("error %v, want %v", err, want)
		}
		if got != nil || outdated {
			t.Errorf("with its error Open returned %q, %v", got, outdated)
		}
	}
	t.Run("MFA-01 other associated data", func(t *testing.T) {
		for _, associated := range []string{"", "user-2", "user-1 ", "user-"} {
			open(t, s, sealed, []byte(associated), seal.ErrOpen)
		}
	})
	t.Run("every bit counts", func(t *testing.T) {
		for i := range sealed {
			for bit := range 8 {
				changed := bytes.Clone(sealed)
				changed[i] ^= 1 << bit
				open(t, s, changed, []byte("user-1"), seal.ErrOpen)
			}
		}
	})
	t.Run("every length counts", func(t *testing.T) {
		for n := range sealed {
			open(t, s, sealed[:n], []byte("user-1"), seal.ErrOpen)
		}
		open(t, s, append(bytes.Clone(sealed), 0), []byte("user-1"), seal.ErrOpen)
		open(t, s, nil, nil, seal.ErrOpen)
	})
	t.Run("the id of another key of the same Sealer", func(t *testing.T) {
		other := newSealer(t, "p", old).Seal(nil, nil)
		open(t, s, append(bytes.Clone(other[:9]), sealed[9:]...), []byte("user-1"), seal.ErrOpen)
	})
	t.Run("a key that is not configured", func(t *testing.T) {
		open(t, newSealer(t, "p", newKey(t)), sealed, []byte("user-1"), seal.ErrUnknownKey)
	})
	t.Run("another purpose of the same key", func(t *testing.T) {
		for _, purpose := range []string{"q", "p ", " p", "key p"} {
			other := newSealer(t, purpose, current, old)
			open(t, other, sealed, []byte("user-1"), seal.ErrUnknownKey)
			// Also under the id of the right key of that purpose.
			forged := append(bytes.Clone(other.Seal(nil, nil)[:9]), sealed[9:]...)
			open(t, other, forged, []byte("user-1"), seal.ErrOpen)
		}
	})
	t.Run("the zero Sealer opens nothing", func(t *testing.T) {
		open(t, &seal.Sealer{}, sealed, []byte("user-1"), seal.ErrUnknownKey)
	})
}

func TestOpenString(t *testing.T) {
	s := newSealer(t, "p", newKey(t))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	t.Run("a value has exactly one text", func(t *testing.T) {
		for n := range 3 { // each number of stray bits
			text := s.SealString(make([]byte, n), nil)
			for _, other := range []string{
				text + "=", text + "==", text + "\n", "\n" + text, text[:5] + "\r\n" + text[5:], " " + text, text + "A", text[1:], "",
				strings.ToUpper(text), text + "\x00",
			} {
				if got, _, err := s.OpenString(other, nil); !errors.Is(err, seal.ErrOpen) || got != nil {
					t.Errorf("%q opens as well as %q", other, text)
				}
			}
			for _, c := range alphabet {
				other := text[:len(text)-1] + string(c)
				if _, _, err := s.OpenString(other, nil); (err == nil) != (other == text) {
					t.Errorf("last character %q: %v; the text is %q", c, err, text)
				}
			}
		}
	})
}

func TestRotation(t *testing.T) {
	k1, k2, k3 := newKey(t), newKey(t), newKey(t)
	byK1 := newSealer(t, "p", k1).SealString([]byte("one"), nil)
	byK2 := newSealer(t, "p", k2, k1).SealString([]byte("two"), nil)

	s := newSealer(t, "p", k3, k1, k2) // the order of old keys does not matter
	for text, want := range map[string]string{byK1: "one", byK2: "two"} {
		got, outdated, err := s.OpenString(text, nil)
		if err != nil || !outdated || string(got) != want {
			t.Errorf("Open of %q: %q, outdated %v, %v", want, got, outdated, err)
		}
	}
	again := s.SealString([]byte("one"), nil)
	if _, outdated, err := s.OpenString(again, nil); err != nil || outdated {
		t.Errorf("sealed again: outdated %v, %v", outdated, err)
	}
	retired := newSealer(t, "p", k3, k2)
	if _, _, err := retired.OpenString(byK1, nil); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("after the removal of its key: %v", err)
	}

	t.Run("keys are not retained", func(t *testing.T) {
		key := newKey(t)
		s := newSealer(t, "p", key)
		text := s.SealString([]byte("x"), nil)
		clear(key)
		if _, _, err := s.OpenString(text, nil); err != nil {
			t.Errorf("after the caller's key was wiped: %v", err)
		}
	})
}

// TestFormat opens a stored value and takes it apart without this package: what
// is sealed in databases must open for ever.
func TestFormat(t *testing.T) {
	key := goldenKey()
	s := newSealer(t, goldenPurpose, key)
	got, outdated, err := s.OpenString(golden, []byte(goldenAssociated))
	if err != nil || outdated || string(got) != goldenPlain {
		t.Fatalf("%q, %v, %v; a fresh one is %s", got, outdated, err, s.SealString([]byte(goldenPlain), []byte(goldenAssociated)))
	}

	raw, err := base64.RawURLEncoding.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 5869: extract with a salt of zeros, expand with one block.
	expand := func(info string) []byte {
		prk := hmac.New(sha256.New, make([]byte, 32))
		prk.Write(key)
		okm := hmac.New(sha256.New, prk.Sum(nil))
		okm.Write([]byte(info + "\x01"))
		return okm.Sum(nil)
	}
	if raw[0] != 1 || !bytes.Equal(raw[1:9], expand("sallyport seal v1 id " + goldenPurpose)[:8]) {
		t.Errorf("header %x", raw[:9])
	}
	block, err := aes.NewCipher(expand("sallyport seal v1 key " + goldenPurpose))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, raw[9:21], raw[21:], []byte(goldenAssociated))
	if err != nil || string(plain) != goldenPlain {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestConcurrent(t *testing.T) {
	s := newSealer(t, "p", newKey(t), newKey(t))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			associated := []byte{byte(i)}
			got, _, err := s.Open(s.Seal([]byte("x"), associated), associated)
			if err != nil || string(got) != "x" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
}

const (
	goldenPurpose    = "golden"
	goldenPlain      = "a sealed value"
	goldenAssociated = "user-1"
	golden           = "ATQa7ASpbXtu8HQVJ_Bd0qWGUkm3SojZuoJ36dt5MRIquYETqTAytlBrOzj_JS8bxKIa"
)

// goldenKey is 0, 1, 2, … 31.
func goldenKey() []byte {
	key := make([]byte, seal.KeySize)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// FuzzOpen holds that nothing opens but what was sealed: of all texts and all
// associated data only the golden pair, and neither panics nor returns a
// plaintext with an error.
func FuzzOpen(f *testing.F) {
	s, err := seal.New(goldenPurpose, goldenKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden, goldenAssociated)
	f.Add(golden+"\n", goldenAssociated)
	f.Add(golden[:12], "")
	f.Add("AQ", "")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, associated string) {
		plain, outdated, err := s.OpenString(text, []byte(associated))
		if err != nil {
			if plain != nil || outdated || !errors.Is(err, seal.ErrOpen) {
				t.Errorf("%q, %v, %v", plain, outdated, err)
			}
			return
		}
		if text != golden || associated != goldenAssociated {
			t.Errorf("%q opens with %q", text, associated)
		}
	})
}

// FuzzSeal holds that every value opens with its associated data, and no longer
// after any change.
func FuzzSeal(f *testing.F) {
	s, err := seal.New(goldenPurpose, goldenKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("plain"), []byte("associated"), uint(0), byte(1))
	f.Add([]byte{}, []byte{}, uint(36), byte(0x80))
	f.Fuzz(func(t *testing.T, plain, associated []byte, at uint, flip byte) {
		sealed := s.Seal(plain, associated)
		got, outdated, err := s.Open(sealed, associated)
		if err != nil || outdated || !bytes.Equal(got, plain) {
			t.Fatalf("%q became %q, %v, %v", plain, got, outdated, err)
		}
		sealed[at%uint(len(sealed))] ^= flip
		if _, _, err := s.Open(sealed, associated); (err == nil) != (flip == 0) {
			t.Errorf("byte %d changed by %#x: %v", at, flip, err)
		}
	})
}

func BenchmarkSealString(b *testing.B) {
	s, plain, associated := benchmark(b)
	for b.Loop() {
		_ = s.SealString(plain, associated)
	}
}

func BenchmarkOpenString(b *testing.B) {
	s, plain, associated := benchmark(b)
	text := s.SealString(plain, associated)
	for b.Loop() {
		if _, _, err := s.OpenString(text, associated); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmark(b *testing.B) (s *seal.Sealer, plain, associated []byte) {
	b.ReportAllocs()
	s, err := seal.New(goldenPurpose, goldenKey())
	if err != nil {
		b.Fatal(err)
	}
	return s, make([]byte, 200), []byte("user-1")
}

func newKey(t *testing.T) []byte {
	t.Helper()
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key)
	return key
}

func newSealer(t *testing.T, purpose string, current []byte, old ...[]byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(purpose, current, old...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
