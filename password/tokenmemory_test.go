package password_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password"
)

func TestMemoryTokenStore(t *testing.T) {
	row := func(i int, purpose password.Purpose, at time.Time) password.Token {
		return password.Token{Hash: sha256.Sum256(fmt.Append(nil, purpose, i)), Subject: fmt.Sprint(i), Purpose: purpose, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	t.Run("it is bounded, and the oldest go", func(t *testing.T) {
		s := must[*password.MemoryTokenStore](t)(password.NewMemoryTokenStore(100))
		for i := range 10_000 {
			if err := s.Put(t.Context(), row(i, password.PurposeReset, now)); err != nil {
				t.Fatal(err)
			}
			if n := s.Len(); n > 100 {
				t.Fatalf("%d tokens", n)
			}
		}
		for i := 9_900; i < 10_000; i++ {
			if _, err := s.Consume(t.Context(), row(i, password.PurposeReset, now).Hash, password.PurposeReset, now); err != nil {
				t.Fatalf("token %d: %v", i, err)
			}
		}
		if s.Len() != 0 {
			t.Errorf("%d tokens are left", s.Len())
		}
	})
	t.Run("a flood of registrations takes no reset from anybody", func(t *testing.T) {
		s := must[*password.MemoryTokenStore](t)(password.NewMemoryTokenStore(100))
		for i := range 10 {
			_ = s.Put(t.Context(), row(i, password.PurposeReset, now))
		}
		for i := range 10_000 {
			_ = s.Put(t.Context(), row(i, password.PurposeVerifyEmail, now))
		}
		for i := range 10 {
			if _, err := s.Consume(t.Context(), row(i, password.PurposeReset, now).Hash, password.PurposeReset, now); err != nil {
				t.Errorf("reset %d: %v", i, err)
			}
		}
	})
	t.Run("what has expired is dropped as new ones come", func(t *testing.T) {
		s := must[*password.MemoryTokenStore](t)(password.NewMemoryTokenStore(0))
		for i := range 1000 {
			_ = s.Put(t.Context(), row(i, password.Purpose(fmt.Sprint(i%3)), now))
		}
		_ = s.Put(t.Context(), row(0, password.PurposeReset, now.Add(time.Hour)))
		if s.Len() != 1 {
			t.Errorf("%d tokens are kept", s.Len())
		}
	})
	t.Run("a hash that comes twice is one token", func(t *testing.T) {
		s := must[*password.MemoryTokenStore](t)(password.NewMemoryTokenStore(0))
		first := row(1, password.PurposeReset, now)
		second := first
		second.Subject = "another"
		_ = s.Put(t.Context(), first)
		_ = s.Put(t.Context(), second)
		_ = s.Void(t.Context(), first.Subject)
		if got, err := s.Consume(t.Context(), first.Hash, first.Purpose, now); err != nil || got != second || s.Len() != 0 {
			t.Errorf("%+v, %v, %d left", got, err, s.Len())
		}
	})
	t.Run("one token of a subject and purpose, whatever comes", func(t *testing.T) {
		s := must[*password.MemoryTokenStore](t)(password.NewMemoryTokenStore(0))
		for i := range 1000 {
			r := row(i, password.PurposeReset, now)
			r.Subject = "17"
			_ = s.Put(t.Context(), r)
		}
		if s.Len() != 1 {
			t.Errorf("%d tokens", s.Len())
		}
	})
}

func BenchmarkTokens(b *testing.B) {
	tokens := newTokens(b, nil, password.TokensConfig{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Consume(b.Context(), password.PurposeReset, issue(b, tokens, "17", password.PurposeReset)); err != nil {
			b.Fatal(err)
		}
	}
}
