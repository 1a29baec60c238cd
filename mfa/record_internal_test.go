package mfa

import (
	"bytes"
	"strings"
	"testing"
)

func TestSecretFormat(t *testing.T) {
	m, err := New(nil, Config{Issuer: "Example", Key: bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []Algorithm{SHA1, SHA256, SHA512} {
		f := newTOTP(a, 8)
		sealed := m.sealSecret("17", "id", f)
		got, outdated, err := m.openSecret("17", "id", sealed)
		if err != nil || outdated || got.algorithm != a || got.digits != 8 || !bytes.Equal(got.secret, f.secret) {
			t.Errorf("%+v, %v, %v", got, outdated, err)
		}
		t.Run("MFA-01 it opens in its row only", func(t *testing.T) {
			for _, row := range [][2]string{{"18", "id"}, {"17", "other"}, {"", "id"}, {"17", ""}, {"1", "7\x00id"}} {
				if _, _, err := m.openSecret(row[0], row[1], sealed); err == nil {
					t.Errorf("it opens for %q", row)
				}
			}
		})
	}
	for name, plain := range map[string][]byte{
		"empty": nil, "version": append([]byte{2, 0, 6}, make([]byte, 20)...), "algorithm": append([]byte{1, 3, 6}, make([]byte, 20)...),
		"digits": append([]byte{1, 0, 7}, make([]byte, 20)...), "short": append([]byte{1, 0, 6}, make([]byte, 15)...), "long": append([]byte{1, 0, 6}, make([]byte, 129)...),
	} {
		if _, err := parseSecret(plain); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Run("MFA-09 the same code of two users is two", func(t *testing.T) {
		if hashCode("17", "A") == hashCode("18", "A") || hashCode("1", "7A") == hashCode("17", "A") {
			t.Error("one digest")
		}
	})
	t.Run("MFA-09 every character occurs at every place", func(t *testing.T) {
		var seen [codeLength]map[byte]bool
		for range 100 {
			codes, hashes := newCodes("17", 10)
			for i, code := range codes {
				normal, ok := normalCode(code)
				if !ok || hashCode("17", normal) != hashes[i] {
					t.Fatalf("%q is not its own code", code)
				}
				for j := range normal {
					if seen[j] == nil {
						seen[j] = map[byte]bool{}
					}
					seen[j][normal[j]] = true
				}
			}
		}
		for j, chars := range seen {
			if len(chars) != 32 {
				t.Errorf("place %d has %d characters", j, len(chars))
			}
		}
	})
}

// FuzzRecoveryCode holds that what is typed has one normal form, which is its own.
func FuzzRecoveryCode(f *testing.F) {
	for _, s := range []string{"", "0123-4567-89AB-CDEF", "oilo-oilo-oilo-oilo", " 0 ", "UUUU-UUUU-UUUU-UUUU", "0123456789ABCDEFG", strings.Repeat("-", 100), "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		normal, ok := normalCode(typed)
		if !ok {
			return
		}
		if again, ok := normalCode(normal); !ok || again != normal || len(normal) != codeLength || strings.Trim(normal, codeAlphabet) != "" {
			t.Errorf("%q becomes %q, which becomes %q", typed, normal, again)
		}
	})
}

// FuzzChallengeToken holds that each challenge has one text, and that no text names
// a challenge of another Bucket than it says.
func FuzzChallengeToken(f *testing.F) {
	token, id := newChallengeToken("17")
	f.Add(token)
	f.Add(strings.ToLower(token))
	f.Add(token[:64])
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseChallengeToken(text)
		if ok && encoding.EncodeToString(got[:16]) != text[:22] || (got == id) != (text == token) {
			t.Errorf("%q is %x", text, got)
		}
	})
}
