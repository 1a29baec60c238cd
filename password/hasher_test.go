package password_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

// must returns v, or fails the test.
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

func cheap(t testing.TB) *password.Argon2id {
	return password.CheapArgon2id(newPool(t, password.PoolConfig{}), 64, 1, 1, nil)
}

func hash(t testing.TB, h password.Hasher, pw string) string {
	t.Helper()
	return must[string](t)(h.Hash(t.Context(), pw))
}

func verify(t testing.TB, h password.Hasher, encoded, pw string) (ok, outdated bool) {
	t.Helper()
	ok, outdated, err := h.Verify(t.Context(), encoded, pw)
	if err != nil {
		t.Fatal(err)
	}
	return ok, outdated
}

const alice = "alice likes blue cheese"

func TestDefaultsAreWritten(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	for _, tt := range []struct {
		name, prefix string
		length       int
		quick        bool
		hasher       func() (password.Hasher, error)
	}{
		{"PWD-01 argon2id with 19 MiB and 2 passes, in PHC form", "$argon2id$v=19$m=19456,t=2,p=1$", 97, false,
			func() (password.Hasher, error) { return password.NewArgon2id(password.Argon2idConfig{Pool: pool}) }},
		{"PWD-02 bcrypt with cost 12", "$2a$12$", 60, true,
			func() (password.Hasher, error) { return password.NewBcrypt(password.BcryptConfig{Pool: pool}) }},
		{"scrypt with N=2^17, r=8, p=1, in PHC form", "$scrypt$ln=17,r=8,p=1$", 88, true,
			func() (password.Hasher, error) { return password.NewScrypt(password.ScryptConfig{Pool: pool}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := must[password.Hasher](t)(tt.hasher())
			if tt.quick {
				h = password.Quick(h)
			}
			a := hash(t, h, alice)
			if !strings.HasPrefix(a, tt.prefix) || len(a) != tt.length {
				t.Errorf("%q, want %q and %d bytes", a, tt.prefix, tt.length)
			}
			if ok, outdated := verify(t, h, a, alice); !ok || outdated {
				t.Errorf("verify: %t, outdated %t", ok, outdated)
			}
			if ok, _ := verify(t, h, a, alice+" "); ok {
				t.Error("another password matches")
			}
		})
	}
	t.Run("XCT-02 each hash has its own salt", func(t *testing.T) {
		for _, h := range []password.Hasher{cheap(t), password.CheapBcrypt(pool, 4, nil), password.CheapScrypt(pool, 4, 1, 1, nil)} {
			if first, second := hash(t, h, alice), hash(t, h, alice); first == second {
				t.Errorf("%T makes the same string twice", h)
			}
		}
	})
}

func TestConstructorsRefuse(t *testing.T) {
	small := newPool(t, password.PoolConfig{Memory: 32})
	for name, construct := range map[string]func() (password.Hasher, error){
		"PWD-01 argon2id with 18 MiB":             argon2id(password.Argon2idConfig{Memory: 18}),
		"PWD-01 argon2id with 45 MiB, 1 pass":     argon2id(password.Argon2idConfig{Memory: 45, Time: 1}),
		"PWD-01 argon2id with negative memory":    argon2id(password.Argon2idConfig{Memory: -64}),
		"argon2id with 4 TiB and 64 MiB":          argon2id(password.Argon2idConfig{Memory: 4<<20 + 64, Pool: newPool(t, password.PoolConfig{Memory: 1 << 30})}),
		"argon2id with negative time":             argon2id(password.Argon2idConfig{Time: -1}),
		"argon2id with 65 passes":                 argon2id(password.Argon2idConfig{Time: 65}),
		"argon2id with 65 lanes":                  argon2id(password.Argon2idConfig{Threads: 65}),
		"argon2id with negative lanes":            argon2id(password.Argon2idConfig{Threads: -1}),
		"argon2id with more than the Pool has":    argon2id(password.Argon2idConfig{Memory: 64, Pool: small}),
		"argon2id that it would never verify":     argon2id(password.Argon2idConfig{Memory: 128, Time: 33}),
		"PWD-02 bcrypt with cost 9":               bcrypt(password.BcryptConfig{Cost: 9}),
		"PWD-02 bcrypt with negative cost":        bcrypt(password.BcryptConfig{Cost: -1}),
		"bcrypt with cost 17":                     bcrypt(password.BcryptConfig{Cost: 17}),
		"scrypt with N=2^16":                      scrypt(password.ScryptConfig{LogN: 16}),
		"scrypt with N=2^21":                      scrypt(password.ScryptConfig{LogN: 21}),
		"scrypt with r=7":                         scrypt(password.ScryptConfig{R: 7}),
		"scrypt with negative p":                  scrypt(password.ScryptConfig{P: -1}),
		"scrypt with more than the Pool has":      scrypt(password.ScryptConfig{Pool: small}),
		"scrypt that it would never verify":       scrypt(password.ScryptConfig{P: 9}),
		"XCT-05 Upgrade without a current Hasher": func() (password.Hasher, error) { return password.Upgrade(nil) },
		"XCT-05 Upgrade from a nil Hasher":        func() (password.Hasher, error) { return password.Upgrade(cheap(t), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			if h, err := construct(); err == nil {
				t.Errorf("%+v", h)
			}
		})
	}
	for name, construct := range map[string]func() (password.Hasher, error){
		"argon2id with 46 MiB and 1 pass": argon2id(password.Argon2idConfig{Memory: 46, Time: 1}),
		"argon2id with 64 MiB, 3 and 4":   argon2id(password.Argon2idConfig{Memory: 64, Time: 3, Threads: 4}),
		"bcrypt with cost 10":             bcrypt(password.BcryptConfig{Cost: 10}),
		"scrypt with N=2^18":              scrypt(password.ScryptConfig{LogN: 18}),
	} {
		t.Run(name+" is fine", func(t *testing.T) {
			if _, err := construct(); err != nil {
				t.Error(err)
			}
		})
	}
}

func argon2id(cfg password.Argon2idConfig) func() (password.Hasher, error) {
	return func() (password.Hasher, error) { return password.NewArgon2id(cfg) }
}
func bcrypt(cfg password.BcryptConfig) func() (password.Hasher, error) {
	return func() (password.Hasher, error) { return password.NewBcrypt(cfg) }
}
func scrypt(cfg password.ScryptConfig) func() (password.Hasher, error) {
	return func() (password.Hasher, error) { return password.NewScrypt(cfg) }
}

// TestVectors holds the hashers to strings that other programs made.
func TestVectors(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	h := must[password.Hasher](t)(password.Upgrade(
		password.CheapArgon2id(pool, 64, 1, 1, nil),
		password.CheapBcrypt(pool, 4, nil),
		password.CheapScrypt(pool, 4, 1, 1, nil)))
	phc := func(prefix, salt, key string) string {
		b := must[[]byte](t)(hex.DecodeString(key))
		return prefix + base64(salt) + "$" + base64(string(b))
	}
	for _, tt := range []struct{ source, encoded, password string }{
		{"Argon2 reference implementation", phc("$argon2id$v=19$m=256,t=2,p=1$", "somesalt", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"), "password"},
		{"Argon2 reference implementation", phc("$argon2id$v=19$m=256,t=2,p=2$", "somesalt", "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"), "password"},
		{"RFC 7914 §12", phc("$scrypt$ln=14,r=8,p=1$", "SodiumChloride", "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"), "pleaseletmein"},
		{"crypt_blowfish", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"crypt_blowfish", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
		{"crypt_blowfish", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
	} {
		t.Run(tt.source+" "+tt.encoded[:12], func(t *testing.T) {
			if ok, outdated := verify(t, h, tt.encoded, tt.password); !ok || !outdated {
				t.Errorf("%s: ok %t, outdated %t, want both", tt.encoded, ok, outdated)
			}
			if ok, _ := verify(t, h, tt.encoded, tt.password+"x"); ok {
				t.Errorf("%s matches another password", tt.encoded)
			}
		})
	}
}

func TestEveryBitCounts(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	for _, h := range []password.Hasher{cheap(t), password.CheapScrypt(pool, 4, 1, 1, nil), password.CheapBcrypt(pool, 4, nil)} {
		t.Run(fmt.Sprintf("XCT-01 a stored %T that differs in one character of the key does not match", h), func(t *testing.T) {
			stored := hash(t, h, alice)
			for at := len(stored) - 20; at < len(stored)-1; at++ {
				digit := "A" // of every alphabet
				if stored[at] == 'A' {
					digit = "B"
				}
				other := stored[:at] + digit + stored[at+1:]
				if ok, _ := verify(t, h, other, alice); ok {
					t.Errorf("%s matches the password of %s", other, stored)
				}
			}
		})
	}
}

const (
	goodSalt = "c2FsdHNhbHRzYWx0c2FsdA"
	goodKey  = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U"
)

func TestHostileStrings(t *testing.T) {
	var work []string
	record := func(w string) { work = append(work, w) }
	pool := newPool(t, password.PoolConfig{})
	h := must[password.Hasher](t)(password.Upgrade(
		password.CheapArgon2id(pool, 64, 1, 1, record),
		password.CheapBcrypt(pool, 4, record),
		password.CheapScrypt(pool, 4, 1, 1, record)))
	argon := func(params string) string { return "$argon2id$v=19$" + params + "$" + goodSalt + "$" + goodKey }
	scrypt := func(params string) string { return "$scrypt$" + params + "$" + goodSalt + "$" + goodKey }
	const bcryptTail = "abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz0123."

	for _, encoded := range []string{
		argon("m=64,t=1,p=1"), argon("m=16,t=1,p=2"), argon("m=262144,t=16,p=1"), scrypt("ln=4,r=8,p=1"), scrypt("ln=17,r=8,p=8"),
		"$2b$04$" + bcryptTail, "$2b$16$" + bcryptTail,
		"$argon2id$v=19$m=64,t=1,p=1$" + base64("8 bytes.") + "$" + base64("sixteen bytes ok"),
		"$argon2id$v=19$m=64,t=1,p=1$" + base64(strings.Repeat("s", 64)) + "$" + base64(strings.Repeat("k", 64)),
	} {
		t.Run("the other side of the bounds: "+encoded[:20], func(t *testing.T) {
			// Whoever gets as far as the Pool has read the string.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, _, err := h.Verify(ctx, encoded, alice); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", encoded, err)
			}
		})
	}
	for name, encoded := range map[string]string{
		"m of 4294967295":               argon("m=4294967295,t=1,p=1"),
		"m of 4 GiB":                    argon("m=4194304,t=1,p=1"),
		"m beyond the Pool":             argon("m=262145,t=1,p=1"),
		"m times t beyond bounds":       argon("m=262144,t=17,p=1"),
		"m beyond 32 bits":              argon("m=4294967296,t=1,p=1"),
		"m too little for p":            argon("m=15,t=1,p=2"),
		"m of 0":                        argon("m=0,t=1,p=1"),
		"t of 0":                        argon("m=64,t=0,p=1"),
		"t of 4294967295":               argon("m=64,t=4294967295,p=1"),
		"p of 0":                        argon("m=64,t=1,p=0"),
		"p of 256":                      argon("m=65536,t=1,p=256"),
		"a negative parameter":          argon("m=-64,t=1,p=1"),
		"a leading zero":                argon("m=064,t=1,p=1"),
		"a plus sign":                   argon("m=+64,t=1,p=1"),
		"a hexadecimal parameter":       argon("m=0x40,t=1,p=1"),
		"an empty parameter":            argon("m=,t=1,p=1"),
		"no parameters":                 argon(""),
		"a parameter twice":             argon("m=64,t=1,p=1,p=1"),
		"a parameter twice at first":    argon("m=64,m=64,t=1,p=1"),
		"a parameter too many":          argon("m=64,t=1,p=1,keyid=AAAA"),
		"a comma at the end":            argon("m=64,t=1,p=1,"),
		"parameters in another order":   argon("t=1,m=64,p=1"),
		"a parameter missing":           argon("m=64,t=1"),
		"version 1.0":                   "$argon2id$v=16$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
		"no version":                    "$argon2id$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
		"a huge salt":                   "$argon2id$v=19$m=64,t=1,p=1$" + strings.Repeat("A", 1<<20) + "$" + goodKey,
		"a salt of 65 bytes":            "$argon2id$v=19$m=64,t=1,p=1$" + base64(strings.Repeat("s", 65)) + "$" + goodKey,
		"a salt of 7 bytes":             "$argon2id$v=19$m=64,t=1,p=1$" + base64("7 bytes") + "$" + goodKey,
		"no salt":                       "$argon2id$v=19$m=64,t=1,p=1$$" + goodKey,
		"a key of 15 bytes":             "$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + base64("fifteen bytes!!"),
		"a key of 65 bytes":             "$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + base64(strings.Repeat("k", 65)),
		"no key":                        "$argon2id$v=19$m=64,t=1,p=1$" + goodSalt,
		"padding":                       argon("m=64,t=1,p=1") + "=",
		"bits after the last byte":      "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdB$" + goodKey,
		"the alphabet of URLs":          "$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + strings.Repeat("-_", 16),
		"a line break in the base64":    "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNh\nbHRzYWx0c2FsdA$" + goodKey,
		"a line break at the end":       argon("m=64,t=1,p=1") + "\n",
		"another part at the end":       argon("m=64,t=1,p=1") + "$AAAA",
		"the name and nothing else":     "$argon2id$v=19$",
		"$2b$12$short":                  "$2b$12$short",
		"bcrypt with cost 31":           "$2b$31$" + bcryptTail,
		"bcrypt with cost 17":           "$2b$17$" + bcryptTail,
		"bcrypt with cost 03":           "$2b$03$" + bcryptTail,
		"bcrypt with cost +4":           "$2b$+4$" + bcryptTail,
		"bcrypt with a stray character": "$2b$04$" + bcryptTail[:51] + "=.",
		"bcrypt, salt not canonical":    "$2b$04$" + strings.Replace(bcryptTail, "uu", "uv", 1),
		"bcrypt, hash not canonical":    "$2b$04$" + bcryptTail[:52] + "/",
		"bcrypt without the last $":     "$2b$04." + bcryptTail,
		"bcrypt, one byte too many":     "$2b$04$" + bcryptTail + ".",
		"scrypt with ln=0":              scrypt("ln=0,r=8,p=1"),
		"scrypt with ln=63":             scrypt("ln=63,r=8,p=1"),
		"scrypt with r=4294967295":      scrypt("ln=4,r=4294967295,p=1"),
		"scrypt with p=0":               scrypt("ln=4,r=8,p=0"),
		"scrypt beyond the Pool":        scrypt("ln=19,r=8,p=1"),
		"scrypt with too much work":     scrypt("ln=17,r=8,p=9"),
		"scrypt with a version":         "$scrypt$v=1$ln=4,r=8,p=1$" + goodSalt + "$" + goodKey,
	} {
		t.Run("PWD-11 P04 "+name, func(t *testing.T) { refusedAtOnce(t, h, encoded, password.ErrBadHash) })
	}
	for name, encoded := range map[string]string{
		"the empty string":     "",
		"hex SHA-256":          "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
		"hex MD5":              "5f4dcc3b5aa765d61d8327deb882cf99",
		"md5crypt":             "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
		"SHA-512 crypt":        "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
		"LDAP {SSHA}":          "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr",
		"the password":         alice,
		"argon2i":              "$argon2i$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
		"argon2d":              "$argon2d$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
		"argon2id in capitals": "$ARGON2ID$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
		"faulty bcrypt $2x$":   "$2x$04$" + bcryptTail,
		"bcrypt $2$":           "$2$04$" + bcryptTail,
		"yescrypt":             "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
	} {
		t.Run("PWD-03 "+name, func(t *testing.T) { refusedAtOnce(t, h, encoded, password.ErrUnknownScheme) })
	}
	if len(work) > 0 {
		t.Errorf("work was done: %v", work)
	}
}

// refusedAtOnce wants an error, no match, no trace of encoded in the error, and
// all that in less than a millisecond (the best of ten, as the machine is shared).
func refusedAtOnce(t *testing.T, h password.Hasher, encoded string, want error) {
	best := time.Hour
	for range 10 {
		start := time.Now()
		ok, outdated, err := h.Verify(t.Context(), encoded, alice)
		best = min(best, time.Since(start))
		if ok || outdated || !errors.Is(err, want) {
			t.Fatalf("ok %t, outdated %t, error %v, want %v", ok, outdated, err, want)
		}
		if len(encoded) > 20 && strings.Contains(err.Error(), encoded) || strings.Contains(err.Error(), goodKey) {
			t.Errorf("PWD-15 the error holds the stored string: %v", err)
		}
	}
	if best > time.Millisecond {
		t.Errorf("took %s", best)
	}
}

func TestBcryptLimits(t *testing.T) {
	b := password.CheapBcrypt(newPool(t, password.PoolConfig{}), 4, nil)
	p72 := strings.Repeat("0123456789ab", 6)
	stored := hash(t, b, p72)
	refused := func(t *testing.T, err error, reason password.Reason) {
		t.Helper()
		var pe *password.PolicyError
		if !errors.As(err, &pe) || !slices.Equal(pe.Reasons, []password.Reason{reason}) {
			t.Errorf("error %v, want a PolicyError with %s", err, reason)
		}
		if problem.From(err).Status != 422 {
			t.Errorf("public face %d, want 422", problem.From(err).Status)
		}
	}
	t.Run("PWD-04 72 bytes are fine", func(t *testing.T) {
		if ok, _ := verify(t, b, stored, p72); !ok {
			t.Error("no match")
		}
	})
	t.Run("PWD-04 bcrypt refuses to hash more than 72 bytes", func(t *testing.T) {
		_, err := b.Hash(t.Context(), p72+"x")
		refused(t, err, password.ReasonTooLong)
	})
	t.Run("PWD-04 P01 72 bytes and another tail do not verify", func(t *testing.T) {
		ok, outdated, err := b.Verify(t.Context(), stored, p72+"anything")
		if ok || outdated {
			t.Error("match: the tail was cut off")
		}
		refused(t, err, password.ReasonTooLong)
	})
	t.Run("PWD-04 P02 a NUL is not another way to write a password", func(t *testing.T) {
		for _, h := range []password.Hasher{b, cheap(t), password.CheapScrypt(newPool(t, password.PoolConfig{}), 4, 1, 1, nil)} {
			for _, pw := range []string{"a\x00a", "a\x00", "\x00a"} {
				ok, _, err := h.Verify(t.Context(), hash(t, h, "a"), pw)
				if ok {
					t.Errorf("%T: %q matches the hash of \"a\"", h, pw)
				}
				refused(t, err, password.ReasonNotText)
				_, err = h.Hash(t.Context(), pw)
				refused(t, err, password.ReasonNotText)
			}
		}
	})
	t.Run("the problem names the limit", func(t *testing.T) {
		_, err := b.Hash(t.Context(), p72+"x")
		w := httptest.NewRecorder()
		problem.WriteError(w, httptest.NewRequest("POST", "/register", nil), err)
		if body := w.Body.String(); !strings.Contains(body, `"max_bytes":72,"reasons":["TOO_LONG"]`) {
			t.Errorf("body %s", body)
		}
	})
}

func TestExactBytes(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	exact := []password.Hasher{cheap(t), password.CheapScrypt(pool, 4, 1, 1, nil)}
	for _, h := range exact {
		for _, pw := range []string{
			"", " ", "            ", "not UTF-8 \xff\xfe", strings.Repeat("é", 511),
		} {
			t.Run(fmt.Sprintf("P02 %T %.20q", h, pw), func(t *testing.T) {
				stored := hash(t, h, pw)
				if ok, _ := verify(t, h, stored, pw); !ok {
					t.Error("the same bytes do not match")
				}
				for _, other := range []string{pw + " ", " " + pw, pw + "É", "\xff" + pw} {
					if ok, _ := verify(t, h, stored, other); ok {
						t.Errorf("%.30q matches", other)
					}
				}
			})
		}
		t.Run(fmt.Sprintf("PWD-05 %T hashes 64 characters of any script, and at most 1,024 bytes", h), func(t *testing.T) {
			long := strings.Repeat("🔑", 64)
			if ok, _ := verify(t, h, hash(t, h, long), long); !ok {
				t.Error("64 characters do not match")
			}
			_, err := h.Hash(t.Context(), strings.Repeat("x", 1025))
			if !errors.Is(err, password.ErrRejected) {
				t.Errorf("Hash of 1,025 bytes: %v", err)
			}
			_, _, err = h.Verify(t.Context(), hash(t, h, "x"), strings.Repeat("x", 1<<20))
			if !errors.Is(err, password.ErrRejected) {
				t.Errorf("Verify of 1 MiB: %v", err)
			}
		})
	}
}

func TestNFKC(t *testing.T) {
	const composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
	pool := newPool(t, password.PoolConfig{})
	constructors := map[string]func(nfkc bool) (password.Hasher, error){
		"argon2id": func(nfkc bool) (password.Hasher, error) {
			return password.NewArgon2id(password.Argon2idConfig{NFKC: nfkc, Pool: pool})
		},
		"bcrypt": func(nfkc bool) (password.Hasher, error) {
			return password.NewBcrypt(password.BcryptConfig{NFKC: nfkc, Pool: pool, Cost: 10})
		},
		"scrypt": func(nfkc bool) (password.Hasher, error) {
			return password.NewScrypt(password.ScryptConfig{NFKC: nfkc, Pool: pool})
		},
	}
	for name, construct := range constructors {
		t.Run("PWD-09 P03 "+name, func(t *testing.T) {
			for _, nfkc := range []bool{false, true} {
				h := password.Quick(must[password.Hasher](t)(construct(nfkc)))
				if ok, _ := verify(t, h, hash(t, h, decomposed), composed); ok != nfkc {
					t.Errorf("NFKC %t: decomposed at set, composed at verify: match %t", nfkc, ok)
				}
			}
		})
	}
	h := password.Quick(must[password.Hasher](t)(constructors["argon2id"](true)))
	stored := hash(t, h, composed)
	for _, other := range []string{composed + " ", " " + composed, "Caf\u00e9 au lait", "cafe au lait"} {
		if ok, _ := verify(t, h, stored, other); ok {
			t.Errorf("PWD-09 case and spaces are kept, but %q matches", other)
		}
	}
}

// legacyHasher stands for the verifier of an old table that a service brings.
type legacyHasher struct{ prefix string }

func (l legacyHasher) Hash(context.Context, string) (string, error) {
	return "", password.ErrUnknownScheme
}
func (l legacyHasher) Verify(_ context.Context, encoded, pw string) (ok, outdated bool, err error) {
	rest, ok := strings.CutPrefix(encoded, l.prefix)
	if !ok {
		return false, false, password.ErrUnknownScheme
	}
	return rest == pw, false, nil
}

func TestUpgrade(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	argon := password.CheapArgon2id(pool, 64, 1, 1, nil)
	older := password.CheapArgon2id(pool, 32, 1, 1, nil)
	bcrypt := password.CheapBcrypt(pool, 4, nil)
	h := must[password.Hasher](t)(password.Upgrade(argon, older, bcrypt, legacyHasher{"legacy:"}))

	for name, tt := range map[string]struct {
		encoded  string
		outdated bool
	}{
		"the current scheme":                               {hash(t, argon, alice), false},
		"old parameters that are named":                    {hash(t, older, alice), true},
		"parameters that are not named":                    {hash(t, password.CheapArgon2id(pool, 48, 1, 1, nil), alice), true},
		"an old scheme":                                    {hash(t, bcrypt, alice), true},
		"an old scheme, other cost":                        {hash(t, password.CheapBcrypt(pool, 5, nil), alice), true},
		"PWD-03 a registered verifier":                     {"legacy:" + alice, true},
		"a longer salt than Hash makes":                    {"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + key(t, alice, "somesalt", 64, 32), true},
		"a shorter key than Hash makes":                    {"$argon2id$v=19$m=64,t=1,p=1$" + base64("sixteen bytes ok") + "$" + key(t, alice, "sixteen bytes ok", 64, 16), true},
		"the very lengths that Hash makes, for comparison": {"$argon2id$v=19$m=64,t=1,p=1$" + base64("sixteen bytes ok") + "$" + key(t, alice, "sixteen bytes ok", 64, 32), false},
	} {
		t.Run(name, func(t *testing.T) {
			if ok, outdated := verify(t, h, tt.encoded, alice); !ok || outdated != tt.outdated {
				t.Errorf("ok %t, outdated %t, want true, %t", ok, outdated, tt.outdated)
			}
			if ok, outdated := verify(t, h, tt.encoded, "not that"); ok || outdated {
				t.Errorf("another password: ok %t, outdated %t", ok, outdated)
			}
		})
	}
	t.Run("hashes with the current scheme", func(t *testing.T) {
		if s := hash(t, h, alice); !strings.HasPrefix(s, "$argon2id$v=19$m=64,") {
			t.Error(s)
		}
	})
	t.Run("an Upgrade of an Upgrade knows all", func(t *testing.T) {
		h := must[password.Hasher](t)(password.Upgrade(password.CheapScrypt(pool, 4, 1, 1, nil), h))
		for _, encoded := range []string{hash(t, argon, alice), hash(t, bcrypt, alice), "legacy:" + alice} {
			if ok, outdated := verify(t, h, encoded, alice); !ok || !outdated {
				t.Errorf("%.20s: ok %t, outdated %t", encoded, ok, outdated)
			}
		}
	})
	t.Run("PWD-03 without the registration there is no match", func(t *testing.T) {
		h := must[password.Hasher](t)(password.Upgrade(argon, bcrypt))
		if ok, _, err := h.Verify(t.Context(), "legacy:"+alice, alice); ok || !errors.Is(err, password.ErrUnknownScheme) {
			t.Errorf("ok %t, %v", ok, err)
		}
	})
}
