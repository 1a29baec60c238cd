package legacy_test

import (
	"context"
	"crypto"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/legacy"
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newPool(t testing.TB, cfg password.PoolConfig) *password.Pool {
	t.Helper()
	return must[*password.Pool](t)(password.NewPool(cfg))
}

func newArgon2id(t testing.TB) *password.Argon2id {
	t.Helper()
	return must[*password.Argon2id](t)(password.NewArgon2id(password.Argon2idConfig{Pool: newPool(t, password.PoolConfig{})}))
}

func newPBKDF2(t testing.TB, iterations int, h crypto.Hash) *legacy.PBKDF2 {
	t.Helper()
	return must[*legacy.PBKDF2](t)(legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: iterations, Hash: h}))
}

func newArgon2i(t testing.TB, cfg legacy.Argon2iConfig) *legacy.Argon2i {
	t.Helper()
	return must[*legacy.Argon2i](t)(legacy.NewArgon2i(cfg))
}

func wrapped(t testing.TB, outer password.Hasher, cfg legacy.WrappedConfig) *legacy.Wrapped {
	t.Helper()
	return must[*legacy.Wrapped](t)(legacy.NewWrapped(outer, cfg))
}

func newScrypt(t testing.TB) *legacy.Scrypt {
	t.Helper()
	s := must[*password.Scrypt](t)(password.NewScrypt(password.ScryptConfig{}))
	return must[*legacy.Scrypt](t)(legacy.NewScrypt(s))
}

func sha256hex(pw, _ string) string {
	sum := sha256.Sum256([]byte(pw))
	return hex.EncodeToString(sum[:])
}

func md5hex(pw, salt string) string {
	sum := md5.Sum([]byte(salt + pw))
	return hex.EncodeToString(sum[:])
}

// TestVectors holds the Hashers to strings that other programs made. Those of
// Django are from its tests and those of passlib, those of passlib are the examples
// of hashcat, that of Argon2i is from the reference implementation; those of
// Werkzeug, and Django's scrypt, were computed in its form with Python's hashlib.
func TestVectors(t *testing.T) {
	sha1, sha256, sha512 := newPBKDF2(t, 131_000, crypto.SHA1), newPBKDF2(t, 29_000, 0), newPBKDF2(t, 25_000, crypto.SHA512)
	argon2i := newArgon2i(t, legacy.Argon2iConfig{Memory: 256, Time: 2, Threads: 2})
	scrypt := password.Hasher(newScrypt(t))
	bcrypt := must[*password.Bcrypt](t)(password.NewBcrypt(password.BcryptConfig{Cost: 10}))
	for _, tt := range []struct {
		source, encoded, password string
		hasher                    password.Hasher
	}{
		{"Django 4.2", "pbkdf2_sha256$600000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=", "lètmein", newPBKDF2(t, 600_000, crypto.SHA256)},
		{"Django 1.9, a salt of 7 bytes", "pbkdf2_sha1$24000$seasalt$F+kiWNHXbMBcwgxsvSKFCWHnZZ0=", "KRONOS", sha1},
		{"Django 1.9", "pbkdf2_sha256$24000$go9s3b1y1BTe$Pksk4EptJ84KDnI7ciocmhzFAb5lFoFwd6qlPOwwW4Q=", "KRONOS", sha256},
		{"Werkzeug", "pbkdf2:sha256:1000$KbI3sQ1x9cBnGz7a$e2cc6bbf0e44cb6e093863b16dd66e768f91bac689612fdeddd1fc28481cc469", "lètmein", sha256},
		{"Werkzeug", "pbkdf2:sha1:1000$KbI3sQ1x$e83821c2f83c651dc5a3964bb138b584f7ec6b28", "lètmein", sha1},
		{"Werkzeug", "pbkdf2:sha512:1000$KbI3sQ1x9cBnGz7a$3c5eb5cbe87f8962109d963b411897964bc6f5e8b972fda2ca8225510a5f9a83eb39b3375ee0f89ff381913ba0c83a17c7cde18697813885bceb53df529d0de1", "lètmein", sha512},
		{"passlib", "$pbkdf2-sha256$29000$x9h7j/Ge8x6DMEao1VqrdQ$kra3R1wEnY8mPdDWOpTqOTINaAmZvRMcYd8u5OBQP9A", "hashcat", sha256},
		{"passlib", "$pbkdf2-sha512$25000$LyWE0HrP2RsjZCxlDGFMKQ$1vC5Ohk2mCS9b6akqsEfgeb4l74SF8XjH.SljXf3dMLHdlY1GK9ojcCKts6/asR4aPqBmk74nCDddU3tvSCJvw", "hashcat", sha512},
		{"passlib", "$pbkdf2$131000$r5WythYixPgfQ2jt3buXcg$8Kdr.QQEOaZIXNOrrru36I/.6Po", "hashcat", sha1},
		{"Argon2 reference implementation", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "password", argon2i},
		{"Argon2 reference implementation", "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E", "password", argon2i},
		{"Django", "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q", "secret", wrapped(t, argon2i, legacy.WrappedConfig{Prefix: "argon2"})},
		{"Django", "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw", "secret", wrapped(t, newArgon2id(t), legacy.WrappedConfig{Prefix: "argon2"})},
		{"Werkzeug", "scrypt:1024:8:1$KbI3sQ1x9cBnGz7a$a1362070b06d74bdd93a9e709891f3f916377c28ac5ce6dd715b020ef424b055eba518fc5169b40a0ff2285c456bf9416ff9800193eb53aafed3854d811dc0ce", "lètmein", scrypt},
		{"Werkzeug, its default", "scrypt:32768:8:1$KbI3sQ1x9cBnGz7a$01f2e2c61c729be63cc9d7daf5c03ad75ca3cbd79f3633c6557ef11ceb6c1394c7c8ce28709cbb200cb70e97ab10b5cbacfbd62f4e0666521f640fcc6f69308d", "lètmein", scrypt},
		{"Django", "scrypt$1024$KbI3sQ1x9cBnGz7aKbI3sQ$8$5$dyPiWmMoga3DX4N8Y0GaBwMfHH66IgIG3QzBB7dfZXO+IHXgxwdy+NwiPjx0swmQVoh0rDRa2jClISgDw2YuYA==", "lètmein", scrypt},
		{"Django", "bcrypt_sha256$$2a$08$NDjSAIcas.EcoxCRiArvT.MkNiPYVhrsrnJsRkLueZOoV1bsQqlmC", "lètmein", wrapped(t, bcrypt, legacy.WrappedConfig{Prefix: "bcrypt_sha256$", Inner: sha256hex})},
		{"Django, more than 72 bytes", "bcrypt_sha256$$2a$06$Tg/oYyZTyAf.Nb3qSgN61Ocy0BEz1RK6xslSNi8PlaLX2pe7x/KQG", strings.Repeat("abc123", 12) + "qwr", wrapped(t, bcrypt, legacy.WrappedConfig{Prefix: "bcrypt_sha256$", Inner: sha256hex})},
		{"Django, of crypt_blowfish", "bcrypt$$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", wrapped(t, bcrypt, legacy.WrappedConfig{Prefix: "bcrypt$"})},
	} {
		t.Run(tt.source+" "+tt.encoded[:22], func(t *testing.T) {
			ok, outdated, err := tt.hasher.Verify(t.Context(), tt.encoded, tt.password)
			if err != nil || !ok || !outdated {
				t.Errorf("ok %t, outdated %t, %v; want a match that is outdated", ok, outdated, err)
			}
			if tt.hasher == scrypt || strings.HasPrefix(tt.encoded, "bcrypt") {
				return // no match costs a top-up to production parameters: see TestTopUp of package password
			}
			if ok, _, err := tt.hasher.Verify(t.Context(), tt.encoded, tt.password+"z"); ok || err != nil {
				t.Errorf("another password: %t, %v", ok, err)
			}
		})
	}
}

// quick are all Hashers, with no work to do, and a string of each.
func quick(t testing.TB, r legacy.Recorder) map[string]password.Hasher {
	return map[string]password.Hasher{
		"pbkdf2_sha256$1000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=": legacy.Recorded(newPBKDF2(t, 1000, 0), true, r),
		"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8": legacy.Recorded(
			newArgon2i(t, legacy.Argon2iConfig{Memory: 1024, Time: 4, Threads: 2}), true, r),
		"scrypt:1024:8:1$KbI3sQ1x9cBnGz7a$a1362070b06d74bdd93a9e709891f3f916377c28ac5ce6dd715b020ef424b055eba518fc5169b40a0ff2285c456bf9416ff9800193eb53aafed3854d811dc0ce": newScrypt(t),
		"md5:c2FsdA$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U":                                                       wrapped(t, newArgon2id(t), legacy.WrappedConfig{Prefix: "md5:", Inner: md5hex}),
	}
}

func TestHashers(t *testing.T) {
	for encoded, h := range quick(t, func(int) {}) {
		t.Run(fmt.Sprintf("PWD-03 %T makes no new strings", h), func(t *testing.T) {
			if _, ok := h.(*legacy.Scrypt); ok {
				return // see TestTopUp of package password
			}
			if s, err := h.Hash(t.Context(), "a password"); s != "" || !errors.Is(err, password.ErrUnknownScheme) {
				t.Errorf("%q, %v", s, err)
			}
		})
		t.Run(fmt.Sprintf("PWD-05 %T refuses a password that is too long, or has a NUL", h), func(t *testing.T) {
			for _, pw := range []string{strings.Repeat("x", password.MaxBytes+1), "a\x00", "\x00"} {
				if ok, _, err := h.Verify(t.Context(), encoded, pw); ok || !errors.Is(err, password.ErrRejected) {
					t.Errorf("Verify: %t, %v", ok, err)
				}
				if _, err := h.Hash(t.Context(), pw); !errors.Is(err, password.ErrRejected) {
					t.Errorf("Hash: %v", err)
				}
			}
		})
		t.Run(fmt.Sprintf("PWD-12 %T obeys the context and takes from the Pool", h), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, _, err := h.Verify(ctx, encoded, "a password"); !errors.Is(err, context.Canceled) {
				t.Errorf("Verify: %v", err)
			}
			if _, err := h.Hash(ctx, "a password"); !errors.Is(err, context.Canceled) {
				t.Errorf("Hash: %v", err)
			}
		})
		t.Run(fmt.Sprintf("PWD-03 %T knows no other scheme", h), func(t *testing.T) {
			for _, other := range []string{
				"", "a password", "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", "5f4dcc3b5aa765d61d8327deb882cf99",
				"sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8", "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "md5$$88a434c88cca4e900f7874cd98123f43",
				"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", "!unusable", "plain$$secret",
				"$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
				"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "pbkdf2_sha384$1000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=",
				"$PBKDF2-SHA256$1$a$b", "SCRYPT$1024$a$8$1$a", " " + encoded, strings.ToUpper(encoded),
			} {
				if ok, _, err := h.Verify(t.Context(), other, "a password"); ok || !errors.Is(err, password.ErrUnknownScheme) {
					t.Errorf("%.40q: %t, %v", other, ok, err)
				}
			}
		})
	}
}

// TestEveryCharacterCounts: a string that differs in one character does not match.
func TestEveryCharacterCounts(t *testing.T) {
	const (
		pbkdf2  = "pbkdf2:sha1:1000$KbI3sQ1x$e83821c2f83c651dc5a3964bb138b584f7ec6b28"
		argon2i = "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q"
	)
	md5 := wrapped(t, newArgon2id(t), legacy.WrappedConfig{Prefix: "md5:", Inner: md5hex})
	under := must[string](t)(md5.Wrap(t.Context(), md5hex("lètmein", "salt"), "salt"))
	for _, tt := range []struct {
		h                 password.Hasher
		encoded, password string
		from, to          int
	}{
		{newPBKDF2(t, 1000, crypto.SHA1), pbkdf2, "lètmein", 0, len(pbkdf2)},
		{newArgon2i(t, legacy.Argon2iConfig{Memory: 8, Time: 1}), argon2i, "secret", 0, len(argon2i)},
		{md5, under, "lètmein", len("md5:"), len("md5:c2FsdA")},
	} {
		t.Run(fmt.Sprintf("XCT-01 %T", tt.h), func(t *testing.T) {
			if ok, _, err := tt.h.Verify(t.Context(), tt.encoded, tt.password); !ok || err != nil {
				t.Fatalf("%t, %v", ok, err)
			}
			for i := tt.from; i < tt.to; i++ {
				for _, c := range "A09e$\n="[:testkit.Volume(7)] {
					s := tt.encoded[:i] + string(c) + tt.encoded[i+1:]
					if ok, _, _ := tt.h.Verify(t.Context(), s, tt.password); ok && s != tt.encoded {
						t.Errorf("%q matches", s)
					}
				}
			}
		})
	}
}

// TestEvenWork: whatever a string has, a failed check costs what the configured
// parameters cost.
func TestEvenWork(t *testing.T) {
	spent := 0
	record := func(work int) { spent += work }
	pbkdf2 := legacy.Recorded(newPBKDF2(t, 1000, 0), true, record)
	argon2i := legacy.Recorded(newArgon2i(t, legacy.Argon2iConfig{Memory: 1024, Time: 4, Threads: 2}), true, record)
	argon := func(m, time, p int) string {
		return fmt.Sprintf("$argon2i$v=19$m=%d,t=%d,p=%d$c29tZXNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U", m, time, p)
	}
	for _, tt := range []struct {
		h       password.Hasher
		want    int
		slack   int
		encoded []string
	}{
		{pbkdf2, 1000, 0, []string{
			"pbkdf2_sha256$1000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=",
			"pbkdf2_sha256$999$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=",
			"pbkdf2_sha256$1$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=",
		}},
		{argon2i, 4096, 16, []string{argon(1024, 4, 2), argon(1024, 3, 2), argon(1020, 4, 1), argon(8, 1, 1), argon(512, 8, 2), argon(300, 7, 4)}},
	} {
		spent = 0
		_, _ = tt.h.Hash(t.Context(), "a password")
		if spent != tt.want {
			t.Errorf("Hash of %T costs %d, want %d", tt.h, spent, tt.want)
		}
		for _, encoded := range tt.encoded {
			t.Run("PWD-13 PWD-14 P05 "+encoded[:22], func(t *testing.T) {
				spent = 0
				if ok, _, err := tt.h.Verify(t.Context(), encoded, "a password"); ok || err != nil {
					t.Fatalf("%t, %v", ok, err)
				}
				if spent > tt.want || spent < tt.want-tt.slack {
					t.Errorf("costs %d, want %d", spent, tt.want)
				}
			})
		}
	}
	t.Run("a match costs what it has", func(t *testing.T) {
		spent = 0
		h := legacy.Recorded(newPBKDF2(t, 2000, 0), false, record)
		ok, _, err := h.Verify(t.Context(), "pbkdf2:sha256:1000$KbI3sQ1x9cBnGz7a$e2cc6bbf0e44cb6e093863b16dd66e768f91bac689612fdeddd1fc28481cc469", "lètmein")
		if !ok || err != nil || spent != 1000 {
			t.Errorf("%t, %v, %d iterations", ok, err, spent)
		}
	})
}

// TestComparedPasswords: a Checker takes an attempt back that ended by an error, so
// there must be none once the password was compared.
func TestComparedPasswords(t *testing.T) {
	for _, tt := range []struct {
		hasher  func(r legacy.Recorder) password.Hasher
		encoded string
	}{
		{func(r legacy.Recorder) password.Hasher { return legacy.Recorded(newPBKDF2(t, 2000, 0), true, r) },
			"pbkdf2_sha256$1000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo="},
		{func(r legacy.Recorder) password.Hasher {
			return legacy.Recorded(newArgon2i(t, legacy.Argon2iConfig{Memory: 1024, Time: 4}), true, r)
		}, "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
	} {
		t.Run("RLT-03 "+tt.encoded[:12], func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			h := tt.hasher(func(int) { cancel() }) // so that the Pool refuses what comes next
			if ok, _, err := h.Verify(ctx, tt.encoded, "another one"); ok || err != nil || ctx.Err() == nil {
				t.Errorf("%t, %v", ok, err)
			}
			if ok, _, err := h.Verify(ctx, tt.encoded, "another one"); ok || !errors.Is(err, context.Canceled) {
				t.Errorf("before anything was compared: %t, %v", ok, err)
			}
		})
	}
}
