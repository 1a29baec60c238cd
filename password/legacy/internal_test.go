package legacy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/password"
)

// A Recorder is told of each key that is derived and of its work: iterations, or
// KiB times passes.
type Recorder func(work int)

// Recorded makes h tell r of its work and, if quick, not do it.
func Recorded(h password.Hasher, quick bool, r Recorder) password.Hasher {
	switch h := h.(type) {
	case *PBKDF2:
		derive := h.derive
		h.derive = func(p string, salt []byte, n int) ([]byte, error) {
			r(n)
			if quick {
				n = 1
			}
			return derive(p, salt, n)
		}
	case *Argon2i:
		derive := h.derive
		h.derive = func(p, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
			r(int(time * memory))
			if quick {
				time, memory = 1, 8*uint32(threads)
			}
			return derive(p, salt, time, memory, threads, size)
		}
	}
	return h
}

func hostile(f *testing.F) {
	for _, s := range []string{
		"", "$", "pbkdf2_sha256$", "pbkdf2_sha256$1$a$", "pbkdf2_sha256$1000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=",
		"pbkdf2:sha256:1000$KbI3sQ1x9cBnGz7a$e2cc6bbf0e44cb6e093863b16dd66e768f91bac689612fdeddd1fc28481cc469",
		"$pbkdf2-sha256$1000$x9h7j/Ge8x6DMEao1VqrdQ$kra3R1wEnY8mPdDWOpTqOTINaAmZvRMcYd8u5OBQP9A",
		"scrypt:1024:8:1$KbI3sQ1x9cBnGz7a$" + strings.Repeat("a1", 64), "scrypt$1024$KbI3sQ1x9cBnGz7a$8$5$" + padded.encode(make([]byte, 64)),
		"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "$argon2i$m=8,t=1,p=1$$",
		"md5:c2FsdA$argon2id$v=19$m=64,t=1,p=1$$", "md5:$", "md5:=$$", "argon2$argon2i$",
	} {
		f.Add(s)
	}
}

// FuzzPBKDF2 (XCT-11): what parses is within bounds and is written in one way.
func FuzzPBKDF2(f *testing.F) {
	hostile(f)
	h, err := NewPBKDF2(PBKDF2Config{Iterations: 1000})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := h.parse(s)
		if err != nil {
			return
		}
		if v.iterations < 1 || v.iterations > 1000 || len(v.key) != 32 || len(v.salt) < 1 || len(v.salt) > maxSalt {
			t.Fatalf("%q: %+v", s, v)
		}
		for _, form := range h.forms {
			if form.prefix+fmt.Sprint(v.iterations)+"$"+form.salt.encode(v.salt)+"$"+form.key.encode(v.key) == s {
				return
			}
		}
		t.Errorf("%q parses and cannot be written", s)
	})
}

// FuzzArgon2i (XCT-11): as FuzzPBKDF2.
func FuzzArgon2i(f *testing.F) {
	hostile(f)
	h, err := NewArgon2i(Argon2iConfig{Memory: 1024, Time: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := h.parse(s)
		if err != nil {
			return
		}
		if v.memory > 1024 || v.work() > 2048 || v.memory < 8*v.threads || v.time < 1 || v.threads < 1 {
			t.Fatalf("%q: %+v", s, v)
		}
		if back := fmt.Sprintf("$argon2i$v=19$m=%d,t=%d,p=%d$%s$%s", v.memory, v.time, v.threads, unpadded.encode(v.salt), unpadded.encode(v.key)); back != s {
			t.Errorf("%q parses and is written as %q", s, back)
		}
	})
}

// FuzzScrypt (XCT-11): what parses has one PHC string, and no other string has it
// but that of the other program.
func FuzzScrypt(f *testing.F) {
	hostile(f)
	f.Fuzz(func(t *testing.T, s string) {
		phc, err := phcOfScrypt(s)
		if err != nil {
			return
		}
		var ln, r, p int
		head, rest, _ := strings.Cut(strings.TrimPrefix(phc, "$scrypt$"), "$")
		salt64, key64, _ := strings.Cut(rest, "$")
		_, err = fmt.Sscanf(head, "ln=%d,r=%d,p=%d", &ln, &r, &p)
		salt, okSalt := unpadded.bytes(salt64, 1, maxSalt)
		key, okKey := unpadded.bytes(key64, minKey, maxKey)
		if err != nil || !okSalt || !okKey || ln < 0 || ln > maxScryptLogN {
			t.Fatalf("%q becomes %q", s, phc)
		}
		django := fmt.Sprintf("scrypt$%d$%s$%d$%d$%s", 1<<ln, salt, r, p, padded.encode(key))
		werkzeug := fmt.Sprintf("scrypt:%d:%d:%d$%s$%s", 1<<ln, r, p, salt, hexed.encode(key))
		if s != django && s != werkzeug {
			t.Errorf("%q becomes %q, which is %q or %q", s, phc, django, werkzeug)
		}
	})
}

// FuzzWrapped (XCT-11): what parses is prefix, salt and inside again.
func FuzzWrapped(f *testing.F) {
	hostile(f)
	argon, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		f.Fatal(err)
	}
	salted, err := NewWrapped(argon, WrappedConfig{Prefix: "md5:", Inner: func(p, _ string) string { return p }})
	if err != nil {
		f.Fatal(err)
	}
	plain, err := NewWrapped(argon, WrappedConfig{Prefix: "argon2"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if salt, inside, err := salted.parse(s); err == nil && ("md5:"+urlSafe.encode([]byte(salt))+inside != s || inside[0] != '$' || len(salt) > maxSalt) {
			t.Errorf("%q: %q %q", s, salt, inside)
		}
		if salt, inside, err := plain.parse(s); err == nil && (salt != "" || "argon2"+inside != s || inside[0] != '$') {
			t.Errorf("%q: %q %q", s, salt, inside)
		}
	})
}
