package legacy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/legacy"
)

func TestWrap(t *testing.T) {
	argon := newArgon2id(t)
	salted := wrapped(t, argon, legacy.WrappedConfig{Prefix: "md5:", Inner: md5hex})
	t.Run("PWD-03 a table of fast hashes is wrapped without a password", func(t *testing.T) {
		for _, salt := range []string{"", "salt", "$:=\xff\x00", strings.Repeat("s", 64)} {
			digest := md5hex("correct horse", salt)
			stored := must[string](t)(salted.Wrap(t.Context(), digest, salt))
			if strings.Contains(stored, digest) || !strings.HasPrefix(stored, "md5:") || !strings.Contains(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Fatalf("%q", stored)
			}
			if ok, outdated, err := salted.Verify(t.Context(), stored, "correct horse"); !ok || !outdated || err != nil {
				t.Errorf("salt %q: %t, %t, %v", salt, ok, outdated, err)
			}
			for _, wrong := range []string{"", digest} {
				if ok, _, err := salted.Verify(t.Context(), stored, wrong); ok || err != nil {
					t.Errorf("salt %q, password %q: %t, %v", salt, wrong, ok, err)
				}
			}
			if ok, _, err := argon.Verify(t.Context(), stored[strings.IndexByte(stored, '$'):], "correct horse"); ok || err != nil {
				t.Errorf("the inside alone matches the password: %v", err)
			}
		}
	})
	t.Run("what nobody could sign in with is refused", func(t *testing.T) {
		plain := wrapped(t, argon, legacy.WrappedConfig{Prefix: "argon2"})
		for doing, f := range map[string]func() (string, error){
			"no digest": func() (string, error) { return salted.Wrap(t.Context(), "", "salt") },
			"long salt": func() (string, error) { return salted.Wrap(t.Context(), "d", strings.Repeat("s", 65)) },
			"no inner":  func() (string, error) { return plain.Wrap(t.Context(), "d", "") },
			"NUL":       func() (string, error) { return salted.Wrap(t.Context(), "\x00", "") },
		} {
			if s, err := f(); err == nil || s != "" {
				t.Errorf("%s: %q, %v", doing, s, err)
			}
		}
	})
	t.Run("without an Inner nothing stands between the prefix and the string", func(t *testing.T) {
		plain := wrapped(t, argon, legacy.WrappedConfig{Prefix: "argon2"})
		inside := must[string](t)(argon.Hash(t.Context(), "secret"))
		if ok, _, err := plain.Verify(t.Context(), "argon2"+inside, "secret"); !ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		for _, s := range []string{"argon2c2FsdA" + inside, "argon2 " + inside, "argon2", "argon2i" + inside, inside} {
			if ok, _, err := plain.Verify(t.Context(), s, "secret"); ok || !errors.Is(err, password.ErrUnknownScheme) {
				t.Errorf("%.20q: %t, %v", s, ok, err)
			}
		}
	})
	t.Run("a string of another outer scheme is left to the next Hasher", func(t *testing.T) {
		argon2i := newArgon2i(t, legacy.Argon2iConfig{Memory: 256, Time: 2})
		h := must[password.Hasher](t)(password.Upgrade(argon,
			wrapped(t, argon, legacy.WrappedConfig{Prefix: "argon2"}), wrapped(t, argon2i, legacy.WrappedConfig{Prefix: "argon2"})))
		ok, _, err := h.Verify(t.Context(), "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q", "secret")
		if !ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
	})
}
