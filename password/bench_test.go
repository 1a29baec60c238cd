package password_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	xbcrypt "golang.org/x/crypto/bcrypt"
	xscrypt "golang.org/x/crypto/scrypt"

	"github.com/go-sallyport/auth/password"
)

// BenchmarkOverhead runs each scheme in turn with the bare function of x/crypto
// that it is made of, and reports the ratio of their times. The target is 1.00
// within 0.03.
func BenchmarkOverhead(b *testing.B) {
	salt := []byte("sixteen bytes ok")
	for _, bm := range []struct {
		name   string
		hasher func() (password.Hasher, error)
		bare   func()
	}{
		{"argon2id-19MiB-2", argon2id(password.Argon2idConfig{}), func() { argon2.IDKey([]byte(alice), salt, 2, 19<<10, 1, 32) }},
		{"argon2id-64MiB-1-4", argon2id(password.Argon2idConfig{Memory: 64, Time: 1, Threads: 4}), func() { argon2.IDKey([]byte(alice), salt, 1, 64<<10, 4, 32) }},
		{"bcrypt-10", bcrypt(password.BcryptConfig{Cost: 10}), func() { _, _ = xbcrypt.GenerateFromPassword([]byte(alice), 10) }},
		{"scrypt-17-8-1", scrypt(password.ScryptConfig{}), func() { _, _ = xscrypt.Key([]byte(alice), salt, 1<<17, 8, 1, 32) }},
	} {
		h := must[password.Hasher](b)(bm.hasher())
		stored := hash(b, h, alice)
		for name, ours := range map[string]func(){
			"hash":   func() { _, _ = h.Hash(b.Context(), alice) },
			"verify": func() { _, _, _ = h.Verify(b.Context(), stored, alice) },
		} {
			b.Run(bm.name+"/"+name, func(b *testing.B) {
				var bare, own time.Duration
				for b.Loop() {
					start := time.Now()
					bm.bare()
					middle := time.Now()
					ours()
					bare, own = bare+middle.Sub(start), own+time.Since(middle)
				}
				b.ReportMetric(float64(own)/float64(bare), "x-bare")
				b.ReportMetric(float64(own.Microseconds())/float64(b.N)/1000, "ms/own")
			})
		}
	}
}

func BenchmarkArgon2id(b *testing.B) {
	h := must[*password.Argon2id](b)(password.NewArgon2id(password.Argon2idConfig{}))
	stored := hash(b, h, alice)
	for name, run := range map[string]func(){
		"bare":   func() { argon2.IDKey([]byte(alice), []byte("sixteen bytes ok"), 2, 19<<10, 1, 32) },
		"hash":   func() { _, _ = h.Hash(b.Context(), alice) },
		"verify": func() { _, _, _ = h.Verify(b.Context(), stored, alice) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}

func BenchmarkPool(b *testing.B) {
	b.ReportAllocs()
	p := newPool(b, password.PoolConfig{})
	for b.Loop() {
		release, err := p.Acquire(b.Context(), 19)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

func BenchmarkPolicy(b *testing.B) {
	p := newPolicy(b, password.PolicyConfig{Words: []string{"Sallyport"}})
	for name, pw := range map[string]string{
		"fine": alice, "common": "qwertyuiop123", "1024-bytes": strings.Repeat("kx7vqzw3", 128), "1-MiB": strings.Repeat("x", 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Check(b.Context(), pw, "alice@example.com")
			}
		})
	}
	b.Run("list-alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = password.IsCommon("qwertyuiop123")
		}
	})
}
