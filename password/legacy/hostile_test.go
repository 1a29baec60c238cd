package legacy_test

import (
	"crypto"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/legacy"
)

func TestHostileStrings(t *testing.T) {
	work := 0
	record := func(int) { work++ }
	pbkdf2 := legacy.Recorded(newPBKDF2(t, 1000, 0), true, record)
	argon2i := legacy.Recorded(newArgon2i(t, legacy.Argon2iConfig{Memory: 1024, Time: 4}), true, record)
	scrypt := newScrypt(t)
	md5 := wrapped(t, newArgon2id(t), legacy.WrappedConfig{Prefix: "md5:", Inner: md5hex})
	const (
		key   = "OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo="
		key64 = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U"
		hex32 = "e2cc6bbf0e44cb6e093863b16dd66e768f91bac689612fdeddd1fc28481cc469"
	)
	argon := func(params string) string { return "$argon2i$v=19$" + params + "$c29tZXNhbHQ$" + key64 }
	for name, tt := range map[string]struct {
		h       password.Hasher
		encoded string
	}{
		"PBKDF2, more iterations than configured": {pbkdf2, "pbkdf2_sha256$1001$seasalt2$" + key},
		"PBKDF2, 4294967296 iterations":           {pbkdf2, "pbkdf2_sha256$4294967296$seasalt2$" + key},
		"PBKDF2, 10^30 iterations":                {pbkdf2, "pbkdf2_sha256$1" + strings.Repeat("0", 30) + "$seasalt2$" + key},
		"PBKDF2, no iterations":                   {pbkdf2, "pbkdf2_sha256$0$seasalt2$" + key},
		"PBKDF2, negative iterations":             {pbkdf2, "pbkdf2_sha256$-1$seasalt2$" + key},
		"PBKDF2, +1 iterations":                   {pbkdf2, "pbkdf2_sha256$+1$seasalt2$" + key},
		"PBKDF2, a leading zero":                  {pbkdf2, "pbkdf2_sha256$01$seasalt2$" + key},
		"PBKDF2, iterations in hexadecimal":       {pbkdf2, "pbkdf2_sha256$0x10$seasalt2$" + key},
		"PBKDF2, Werkzeug without iterations":     {pbkdf2, "pbkdf2:sha256:$seasalt2$" + hex32},
		"PBKDF2, no salt":                         {pbkdf2, "pbkdf2_sha256$1000$$" + key},
		"PBKDF2, a salt with a space":             {pbkdf2, "pbkdf2_sha256$1000$sea salt$" + key},
		"PBKDF2, a salt of 65 bytes":              {pbkdf2, "pbkdf2_sha256$1000$" + strings.Repeat("s", 65) + "$" + key},
		"PBKDF2, 1 MiB of salt":                   {pbkdf2, "pbkdf2_sha256$1000$" + strings.Repeat("s", 1<<20) + "$" + key},
		"PBKDF2, no key":                          {pbkdf2, "pbkdf2_sha256$1000$seasalt2$"},
		"PBKDF2, half a string":                   {pbkdf2, "pbkdf2_sha256$1000"},
		"PBKDF2, a key of one byte":               {pbkdf2, "pbkdf2_sha256$1000$seasalt2$AA=="},
		"PBKDF2, a key of another digest":         {pbkdf2, "pbkdf2_sha256$1000$seasalt2$2CLsaL1MZhq6JOG6QOHtVbiopHE="},
		"PBKDF2, no padding":                      {pbkdf2, "pbkdf2_sha256$1000$seasalt2$" + key[:43]},
		"PBKDF2, stray bits":                      {pbkdf2, "pbkdf2_sha256$1000$seasalt2$" + key[:42] + "p="},
		"PBKDF2, a line break":                    {pbkdf2, "pbkdf2_sha256$1000$seasalt2$" + key[:10] + "\n" + key[10:]},
		"PBKDF2, one part more":                   {pbkdf2, "pbkdf2_sha256$1000$seasalt2$" + key + "$"},
		"PBKDF2, hex in capitals":                 {pbkdf2, "pbkdf2:sha256:1000$seasalt2$" + strings.ToUpper(hex32)},
		"PBKDF2, standard base64 in passlib":      {pbkdf2, "$pbkdf2-sha256$1000$x9h7j/Ge8x6DMEao1VqrdQ$" + strings.ReplaceAll(key[:43], "+", "+")},
		"argon2i, more memory than configured":    {argon2i, argon("m=1025,t=1,p=1")},
		"argon2i, 4 TiB":                          {argon2i, argon("m=4294967295,t=1,p=1")},
		"argon2i, more work than configured":      {argon2i, argon("m=1024,t=5,p=1")},
		"argon2i, t of 2^32":                      {argon2i, argon("m=1024,t=4294967296,p=1")},
		"argon2i, t of 65":                        {argon2i, argon("m=8,t=65,p=1")},
		"argon2i, t of 0":                         {argon2i, argon("m=1024,t=0,p=1")},
		"argon2i, p of 0":                         {argon2i, argon("m=1024,t=1,p=0")},
		"argon2i, p of 65":                        {argon2i, argon("m=1024,t=1,p=65")},
		"argon2i, too little for its lanes":       {argon2i, argon("m=15,t=1,p=2")},
		"argon2i, another order":                  {argon2i, argon("t=1,m=1024,p=1")},
		"argon2i, a parameter more":               {argon2i, argon("m=1024,t=1,p=1,x=1")},
		"argon2i, a leading zero":                 {argon2i, argon("m=0256,t=1,p=1")},
		"argon2i, no version":                     {argon2i, "$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$" + key64},
		"argon2i, version 1.0":                    {argon2i, "$argon2i$v=16$m=8,t=1,p=1$c29tZXNhbHQ$" + key64},
		"argon2i, a salt of 7 bytes":              {argon2i, "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbA$" + key64},
		"argon2i, a key of 15 bytes":              {argon2i, "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + key64[:20]},
		"argon2i, 1 MiB of key":                   {argon2i, argon("m=1024,t=1,p=1") + strings.Repeat("A", 1<<20)},
		"scrypt, N of 2^21":                       {scrypt, "scrypt:2097152:8:1$KbI3sQ1x$" + hex32},
		"scrypt, N of 2^40":                       {scrypt, "scrypt:1099511627776:8:1$KbI3sQ1x$" + hex32},
		"scrypt, more than the Pool has":          {scrypt, "scrypt:1048576:8:1$KbI3sQ1x$" + hex32},
		"scrypt, more work than is allowed":       {scrypt, "scrypt:131072:8:9$KbI3sQ1x$" + hex32},
		"scrypt, N no power of two":               {scrypt, "scrypt:1023:8:1$KbI3sQ1x$" + hex32},
		"scrypt, N of 3*512":                      {scrypt, "scrypt:1536:8:1$KbI3sQ1x$" + hex32},
		"scrypt, N of 1":                          {scrypt, "scrypt:1:8:1$KbI3sQ1x$" + hex32},
		"scrypt, r of 2^30":                       {scrypt, "scrypt:1024:1073741824:1$KbI3sQ1x$" + hex32},
		"scrypt, p of 2^30":                       {scrypt, "scrypt:1024:8:1073741824$KbI3sQ1x$" + hex32},
		"scrypt, p of 0":                          {scrypt, "scrypt:1024:8:0$KbI3sQ1x$" + hex32},
		"scrypt, no salt":                         {scrypt, "scrypt:1024:8:1$$" + hex32},
		"scrypt, odd hex":                         {scrypt, "scrypt:1024:8:1$KbI3sQ1x$" + hex32 + "a"},
		"scrypt, Werkzeug in the form of Django":  {scrypt, "scrypt$1024$8$1$KbI3sQ1x$" + hex32},
		"scrypt, 1 MiB":                           {scrypt, "scrypt:1024:8:1$KbI3sQ1x$" + strings.Repeat("a", 1<<20)},
		"wrapped, nothing inside":                 {md5, "md5:c2FsdA"},
		"wrapped, a salt that is no base64":       {md5, "md5:c2F!$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$" + key64},
		"wrapped, a salt with stray bits":         {md5, "md5:c2FsdB$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$" + key64},
		"wrapped, 1 MiB of salt":                  {md5, "md5:" + strings.Repeat("A", 1<<20) + "$argon2id$v=19$"},
		"wrapped, 4 TiB inside":                   {md5, "md5:c2FsdA$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$" + key64},
	} {
		t.Run("PWD-11 P04 "+name, func(t *testing.T) {
			work = 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ok, _, err := tt.h.Verify(t.Context(), tt.encoded, "a password")
			runtime.ReadMemStats(&after)
			if ok || !errors.Is(err, password.ErrBadHash) {
				t.Errorf("%t, %v; want ErrBadHash", ok, err)
			}
			if work != 0 {
				t.Errorf("%d keys were derived", work)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
				t.Errorf("%d bytes were allocated", n)
			}
			if err != nil && (strings.Contains(err.Error(), key64) || len(err.Error()) > 300) {
				t.Errorf("the error shows the string: %.300s", err)
			}
		})
	}
}

func TestConstructors(t *testing.T) {
	small := newPool(t, password.PoolConfig{Memory: 4})
	large := newPool(t, password.PoolConfig{Memory: 4 << 10})
	argon := newArgon2id(t)
	for name, construct := range map[string]func() (password.Hasher, error){
		"PBKDF2 without iterations":       func() (password.Hasher, error) { return legacy.NewPBKDF2(legacy.PBKDF2Config{}) },
		"PBKDF2 with negative iterations": func() (password.Hasher, error) { return legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: -1}) },
		"PBKDF2 with too many":            func() (password.Hasher, error) { return legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: 10_000_001}) },
		"PBKDF2 with MD5": func() (password.Hasher, error) {
			return legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: 1, Hash: crypto.MD5})
		},
		"argon2i without memory": func() (password.Hasher, error) { return legacy.NewArgon2i(legacy.Argon2iConfig{Time: 1}) },
		"argon2i without passes": func() (password.Hasher, error) { return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 1024}) },
		"argon2i with 65 passes": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 1024, Time: 65})
		},
		"argon2i with 65 lanes": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 1024, Time: 1, Threads: 65})
		},
		"argon2i with negative lanes": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 1024, Time: 1, Threads: -1})
		},
		"argon2i with too little a lane": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 31, Time: 1, Threads: 4})
		},
		"argon2i with 4 GiB": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 4 << 20, Time: 1})
		},
		"argon2i with too much work": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 1 << 20, Time: 5, Pool: large})
		},
		"argon2i with more than the Pool": func() (password.Hasher, error) {
			return legacy.NewArgon2i(legacy.Argon2iConfig{Memory: 5 << 10, Time: 1, Pool: small})
		},
		"scrypt of nothing":        func() (password.Hasher, error) { return legacy.NewScrypt(nil) },
		"wrapped of nothing":       func() (password.Hasher, error) { return legacy.NewWrapped(nil, legacy.WrappedConfig{Prefix: "md5:"}) },
		"wrapped without a prefix": func() (password.Hasher, error) { return legacy.NewWrapped(argon, legacy.WrappedConfig{}) },
		"wrapped with $ first":     func() (password.Hasher, error) { return legacy.NewWrapped(argon, legacy.WrappedConfig{Prefix: "$x$"}) },
		"wrapped with a space":     func() (password.Hasher, error) { return legacy.NewWrapped(argon, legacy.WrappedConfig{Prefix: "m d:"}) },
		"wrapped with a long prefix": func() (password.Hasher, error) {
			return legacy.NewWrapped(argon, legacy.WrappedConfig{Prefix: strings.Repeat("m", 33)})
		},
		"wrapped with a prefix in the salt": func() (password.Hasher, error) {
			return legacy.NewWrapped(argon, legacy.WrappedConfig{Prefix: "md5", Inner: md5hex})
		},
	} {
		t.Run("XCT-05 refused: "+name, func(t *testing.T) {
			if _, err := construct(); err == nil {
				t.Error("no error")
			}
		})
	}
	t.Run("a Pool that is busy does not stop a constructor", func(t *testing.T) {
		release, err := small.Acquire(t.Context(), 4)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		newArgon2i(t, legacy.Argon2iConfig{Memory: 4 << 10, Time: 1, Pool: small})
	})
}
