package mfa

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
)

// BenchmarkMatch is the matching step alone, beside that of the library which most
// services use, which stops at the first code that fits.
func BenchmarkMatch(b *testing.B) {
	t := newTOTP(SHA1, 6)
	text := base32.StdEncoding.EncodeToString(t.secret)
	now := time.Now()
	right, err := totp.GenerateCode(text, now)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, code string }{{"wrong", wrongCode(&t, now)}, {"right", right}} {
		b.Run(c.name+"/sallyport", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = t.match(c.code, now)
			}
		})
		b.Run(c.name+"/pquerna", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				// What totp.Validate does, at a time that stands still.
				_, _ = totp.ValidateCustom(c.code, text, now, totp.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix})
			}
		})
	}
}

// BenchmarkVerify is a whole Verify in memory: two limits, the store, the secret
// unsealed, the match and, of a right code, the store again.
func BenchmarkVerify(b *testing.B) {
	clock := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	m, err := New(nil, Config{Issuer: "Example", Key: key, Now: func() time.Time { return clock }})
	if err != nil {
		b.Fatal(err)
	}
	p := &auth.Principal{Subject: "17", Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: clock}
	e, err := m.Enrol(b.Context(), p)
	if err != nil {
		b.Fatal(err)
	}
	code := func() string {
		s, err := totp.GenerateCode(e.Secret, clock)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	if _, err := m.Confirm(b.Context(), p, code()); err != nil {
		b.Fatal(err)
	}
	b.Run("right", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			clock = clock.Add(30 * time.Second)
			typed := code()
			b.StartTimer()
			if err := m.Verify(b.Context(), "17", typed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("wrong", func(b *testing.B) {
		st, err := m.find(b.Context(), "17")
		if err != nil {
			b.Fatal(err)
		}
		f, _, err := m.openSecret("17", st.TOTP.ID, st.TOTP.Sealed)
		if err != nil {
			b.Fatal(err)
		}
		typed := wrongCode(&f, clock)
		b.ReportAllocs()
		for b.Loop() {
			// Without the limits, which would soon refuse.
			if err := m.checkCode(b.Context(), "17", typed); !errors.Is(err, ErrCode) {
				b.Fatal(err)
			}
		}
	})
}
