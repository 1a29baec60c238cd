package password_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/legacy"
)

// TestTopUp: a Hasher in front of another one costs what that one costs, whatever
// the string has.
func TestTopUp(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	var work []string
	record := func(w string) { work = append(work, w) }
	scrypt := password.CheapScrypt(pool, 6, 2, 1, record)
	argon := password.CheapArgon2id(pool, 64, 2, 1, record)
	argonOld := password.CheapArgon2id(pool, 40, 1, 1, nil)
	bcrypt := password.CheapBcrypt(pool, 6, record)
	salt, key := "KbI3sQ1x9cBnGz7a", strings.Repeat("a1", 64)
	inner := func(pw, salt string) string {
		sum := sha256.Sum256([]byte(salt + pw))
		return hex.EncodeToString(sum[:])
	}
	wrapped := func(outer password.Hasher, prefix string) *legacy.Wrapped {
		return must[*legacy.Wrapped](t)(legacy.NewWrapped(outer, legacy.WrappedConfig{Prefix: prefix, Inner: inner}))
	}
	wrap := func(outer password.Hasher, digest string) string {
		return must[string](t)(wrapped(outer, "sha256:").Wrap(t.Context(), digest, "salt"))
	}
	for _, tt := range []struct {
		name   string
		hasher password.Hasher
		want   map[string]int
		stored []string
	}{
		{"scrypt of Werkzeug", must[*legacy.Scrypt](t)(legacy.NewScrypt(scrypt)), map[string]int{"scrypt": 128}, []string{
			"scrypt:64:2:1$" + salt + "$" + key, "scrypt:32:2:1$" + salt + "$" + key, "scrypt:16:2:2$" + salt + "$" + key, "scrypt:2:1:1$" + salt + "$" + key,
		}},
		{"SHA-256 under Argon2id", wrapped(argon, "sha256:"), map[string]int{"argon2id": 128}, []string{
			wrap(argon, inner("another one", "salt")), wrap(argonOld, inner("another one", "salt")),
		}},
		{"bcrypt_sha256 of Django", wrapped(bcrypt, "bcrypt_sha256$"), map[string]int{"bcrypt": 64}, []string{
			"bcrypt_sha256$" + hash(t, password.CheapBcrypt(pool, 6, nil), "x"), "bcrypt_sha256$" + hash(t, password.CheapBcrypt(pool, 4, nil), "x"),
		}},
	} {
		spent := func(do func()) map[string]int {
			work = nil
			do()
			return total(t, work)
		}
		t.Run("PWD-13 PWD-14 P05 "+tt.name, func(t *testing.T) {
			if got := spent(func() {
				if s, err := tt.hasher.Hash(t.Context(), alice); s != "" || !errors.Is(err, password.ErrUnknownScheme) {
					t.Errorf("PWD-03 Hash: %q, %v", s, err)
				}
			}); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("Hash costs %v, want %v", got, tt.want)
			}
			for _, encoded := range tt.stored {
				got := spent(func() {
					if ok, _, err := tt.hasher.Verify(t.Context(), encoded, alice); ok || err != nil {
						t.Errorf("%t, %v", ok, err)
					}
				})
				for scheme, want := range tt.want {
					if got[scheme] > want || got[scheme] < want-want/16 {
						t.Errorf("%.30s costs %v, want %v", encoded, got, tt.want)
					}
				}
			}
		})
	}
	t.Run("a foreign Hasher is left alone", func(t *testing.T) {
		if err := password.TopUp(t.Context(), wrapped(argon, "sha256:"), "anything", alice); err != nil {
			t.Error(err)
		}
	})
	t.Run("what cannot be read is an error", func(t *testing.T) {
		if err := password.TopUp(t.Context(), argon, "anything", alice); !errors.Is(err, password.ErrUnknownScheme) {
			t.Error(err)
		}
	})
	t.Run("PWD-12 a Pool that turns the rest of the work away makes no error of a password that was compared", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		watched := password.CheapScrypt(pool, 6, 2, 1, func(string) { cancel() })
		h := must[*legacy.Scrypt](t)(legacy.NewScrypt(watched))
		if ok, _, err := h.Verify(ctx, "scrypt:2:1:1$"+salt+"$"+key, alice); ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		if ctx.Err() == nil {
			t.Error("nothing was computed")
		}
	})
}
