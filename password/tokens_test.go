package password_test

import (
	"context"
	"crypto/sha256"
	b64 "encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password"
)

func newTokens(t testing.TB, store password.TokenStore, cfg password.TokensConfig) *password.Tokens {
	t.Helper()
	return must[*password.Tokens](t)(password.NewTokens(store, cfg))
}

func issue(t testing.TB, tokens *password.Tokens, subject string, purpose password.Purpose) string {
	t.Helper()
	return must[string](t)(tokens.Issue(t.Context(), subject, purpose, "alice@example.com"))
}

// A spyTokens is a store that counts, and lies or fails if told to.
type spyTokens struct {
	password.TokenStore
	calls  atomic.Int64
	puts   []password.Token
	answer func(password.Token) password.Token
	err    error
	ctx    context.Context
}

func newSpyTokens(t testing.TB) *spyTokens {
	t.Helper()
	return &spyTokens{TokenStore: must[*password.MemoryTokenStore](t)(password.NewMemoryTokenStore(0))}
}

func (s *spyTokens) Put(ctx context.Context, t password.Token) error {
	s.calls.Add(1)
	s.puts = append(s.puts, t)
	if s.err != nil {
		return s.err
	}
	return s.TokenStore.Put(ctx, t)
}

func (s *spyTokens) Find(ctx context.Context, hash [32]byte, p password.Purpose, now time.Time) (password.Token, error) {
	return s.look(ctx, func() (password.Token, error) { return s.TokenStore.Find(ctx, hash, p, now) })
}

func (s *spyTokens) Consume(ctx context.Context, hash [32]byte, p password.Purpose, now time.Time) (password.Token, error) {
	return s.look(ctx, func() (password.Token, error) { return s.TokenStore.Consume(ctx, hash, p, now) })
}

func (s *spyTokens) look(ctx context.Context, f func() (password.Token, error)) (password.Token, error) {
	s.calls.Add(1)
	s.ctx = ctx
	if s.err != nil {
		return password.Token{Subject: "17"}, s.err
	}
	t, err := f()
	if err == nil && s.answer != nil {
		t = s.answer(t)
	}
	return t, err
}

func (s *spyTokens) Void(ctx context.Context, subject string, purposes ...password.Purpose) error {
	s.calls.Add(1)
	s.ctx = ctx
	if s.err != nil {
		return s.err
	}
	return s.TokenStore.Void(ctx, subject, purposes...)
}

func TestTokensConfig(t *testing.T) {
	for name, ttl := range map[string]map[password.Purpose]time.Duration{
		"a reset that is good for more than a day": {password.PurposeReset: 24*time.Hour + 1},
		"a change of address good for two days":    {password.PurposeChangeEmail: 48 * time.Hour},
		"an own purpose good for two days":         {"invite": 48 * time.Hour},
		"a verification good for more than a week": {password.PurposeVerifyEmail: 7*24*time.Hour + 1},
		"zero":                       {password.PurposeReset: 0},
		"less than a minute":         {password.PurposeReset: time.Minute - 1},
		"a negative time":            {password.PurposeReset: -time.Hour},
		"no purpose":                 {"": time.Hour},
		"a purpose that is too long": {password.Purpose(strings.Repeat("p", 65)): time.Hour},
		"a purpose that not every database could hold": {"a\x00": time.Hour},
	} {
		t.Run("RST-04 XCT-05 refused: "+name, func(t *testing.T) {
			if _, err := password.NewTokens(nil, password.TokensConfig{TTL: ttl}); err == nil {
				t.Error("no error")
			}
		})
	}
	t.Run("New copies", func(t *testing.T) {
		clock := authtest.NewClock(time.Time{})
		ttl := map[password.Purpose]time.Duration{password.PurposeReset: time.Minute}
		tokens := newTokens(t, nil, password.TokensConfig{TTL: ttl, Now: clock.Now})
		ttl[password.PurposeReset] = time.Hour
		token := issue(t, tokens, "17", password.PurposeReset)
		clock.Advance(time.Minute)
		if _, err := tokens.Consume(t.Context(), password.PurposeReset, token); !errors.Is(err, password.ErrToken) {
			t.Error(err)
		}
	})
	t.Run("a store of fewer than no tokens is refused", func(t *testing.T) {
		if _, err := password.NewMemoryTokenStore(-1); err == nil {
			t.Error("no error")
		}
	})
}

func TestTokensIssue(t *testing.T) {
	t.Run("RST-02 PWD-17 a token has 256 random bits and the store only their SHA-256", func(t *testing.T) {
		s := newSpyTokens(t)
		tokens := newTokens(t, s, password.TokensConfig{})
		seen := make(map[string]bool)
		for i := range 1000 {
			token := issue(t, tokens, fmt.Sprint("subject ", i), password.PurposeReset)
			raw, err := b64.RawURLEncoding.Strict().DecodeString(token)
			if err != nil || len(raw) != 32 || len(token) != 43 || seen[token] {
				t.Fatalf("%q: %d bytes, %v, seen %t", token, len(raw), err, seen[token])
			}
			seen[token] = true
			row := s.puts[i]
			if row.Hash != sha256.Sum256([]byte(token)) {
				t.Fatal("the store has another hash")
			}
			if dump := fmt.Sprintf("%+v %s %x", row, row.Hash, raw[:0]); strings.Contains(dump, token) || strings.Contains(dump, string(raw)) {
				t.Fatal("the store has the token")
			}
		}
	})
	t.Run("RST-04 a token is good for one hour, one that verifies an address for a day", func(t *testing.T) {
		for purpose, ttl := range map[password.Purpose]time.Duration{
			password.PurposeReset: time.Hour, password.PurposeChangeEmail: time.Hour, "invite": time.Hour,
			password.PurposeVerifyEmail: 24 * time.Hour,
		} {
			clock := authtest.NewClock(time.Time{})
			tokens := newTokens(t, nil, password.TokensConfig{Now: clock.Now})
			token := issue(t, tokens, "17", purpose)
			clock.Advance(ttl - 1)
			if _, err := tokens.Check(t.Context(), purpose, token); err != nil {
				t.Errorf("%s: a nanosecond before its expiry: %v", purpose, err)
			}
			clock.Advance(1)
			for _, look := range []func(context.Context, password.Purpose, string) (password.Token, error){tokens.Check, tokens.Consume} {
				if _, err := look(t.Context(), purpose, token); !errors.Is(err, password.ErrToken) {
					t.Errorf("%s: after %s: %v", purpose, ttl, err)
				}
			}
		}
	})
	t.Run("what not every store could keep is refused before it", func(t *testing.T) {
		s := newSpyTokens(t)
		tokens := newTokens(t, s, password.TokensConfig{})
		for _, bad := range []struct{ subject, purpose, binding string }{
			{"", "reset", ""}, {strings.Repeat("s", 256), "reset", ""}, {"a\x00", "reset", ""}, {"\xff", "reset", ""},
			{"17", "", ""}, {"17", strings.Repeat("p", 65), ""}, {"17", "\xff", ""},
			{"17", "reset", strings.Repeat("b", 1025)}, {"17", "reset", "\x00"}, {"17", "reset", "\xc3"},
		} {
			if token, err := tokens.Issue(t.Context(), bad.subject, password.Purpose(bad.purpose), bad.binding); err == nil || token != "" {
				t.Errorf("%.20q: no error", bad)
			}
		}
		if err := tokens.Void(t.Context(), ""); err == nil {
			t.Error("Void of nobody: no error")
		}
		if n := s.calls.Load(); n != 0 {
			t.Errorf("%d calls of the store", n)
		}
	})
	t.Run("times are whole microseconds in UTC", func(t *testing.T) {
		s := newSpyTokens(t)
		now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
		issue(t, newTokens(t, s, password.TokensConfig{Now: func() time.Time { return now }}), "17", password.PurposeReset)
		want := time.Date(2026, 3, 1, 11, 0, 0, 123456000, time.UTC)
		if row := s.puts[0]; row.CreatedAt != want || row.ExpiresAt != want.Add(time.Hour) {
			t.Errorf("%s to %s", row.CreatedAt, row.ExpiresAt)
		}
	})
}

func TestTokensConsume(t *testing.T) {
	for _, n := range []int{100, 1000} {
		t.Run(fmt.Sprintf("RST-03 P12 of %d parallel submits one succeeds", n), func(t *testing.T) {
			tokens := newTokens(t, nil, password.TokensConfig{})
			token := issue(t, tokens, "17", password.PurposeReset)
			var won, refused atomic.Int64
			var wg sync.WaitGroup
			start := make(chan struct{})
			for range n {
				wg.Go(func() {
					<-start
					switch got, err := tokens.Consume(context.Background(), password.PurposeReset, token); {
					case err == nil && got.Subject == "17" && got.Binding == "alice@example.com":
						won.Add(1)
					case errors.Is(err, password.ErrToken):
						refused.Add(1)
					}
				})
			}
			close(start)
			wg.Wait()
			if won.Load() != 1 || refused.Load() != int64(n-1) {
				t.Errorf("%d succeeded, %d were refused", won.Load(), refused.Load())
			}
		})
	}
	t.Run("RST-02 P14 a token of another purpose is refused and stays good for its own", func(t *testing.T) {
		tokens := newTokens(t, nil, password.TokensConfig{})
		token := issue(t, tokens, "17", password.PurposeVerifyEmail)
		if got, err := tokens.Consume(t.Context(), password.PurposeReset, token); !errors.Is(err, password.ErrToken) || got != (password.Token{}) {
			t.Errorf("verify-email at reset: %+v, %v", got, err)
		}
		if got, err := tokens.Consume(t.Context(), password.PurposeVerifyEmail, token); err != nil || got.Subject != "17" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("P14 a token tells whose it is, whatever else the request says", func(t *testing.T) {
		tokens := newTokens(t, nil, password.TokensConfig{})
		a, b := issue(t, tokens, "a", password.PurposeReset), issue(t, tokens, "b", password.PurposeReset)
		for token, want := range map[string]string{a: "a", b: "b"} {
			if got, err := tokens.Consume(t.Context(), password.PurposeReset, token); err != nil || got.Subject != want {
				t.Errorf("%+v, %v, want subject %s", got, err, want)
			}
		}
	})
	t.Run("P13 RST-04 a second request ends the first link, for one user and one purpose", func(t *testing.T) {
		tokens := newTokens(t, nil, password.TokensConfig{})
		first, verify := issue(t, tokens, "17", password.PurposeReset), issue(t, tokens, "17", password.PurposeVerifyEmail)
		other, second := issue(t, tokens, "18", password.PurposeReset), issue(t, tokens, "17", password.PurposeReset)
		if _, err := tokens.Consume(t.Context(), password.PurposeReset, first); !errors.Is(err, password.ErrToken) {
			t.Errorf("the first link: %v", err)
		}
		for token, purpose := range map[string]password.Purpose{second: password.PurposeReset, other: password.PurposeReset, verify: password.PurposeVerifyEmail} {
			if _, err := tokens.Consume(t.Context(), purpose, token); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("P13 RST-04 void ends all links of a user", func(t *testing.T) {
		tokens := newTokens(t, nil, password.TokensConfig{})
		reset, verify := issue(t, tokens, "17", password.PurposeReset), issue(t, tokens, "17", password.PurposeVerifyEmail)
		if err := tokens.Void(t.Context(), "17", password.PurposeReset); err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Check(t.Context(), password.PurposeReset, reset); !errors.Is(err, password.ErrToken) {
			t.Error(err)
		}
		if _, err := tokens.Check(t.Context(), password.PurposeVerifyEmail, verify); err != nil {
			t.Error(err)
		}
		if err := tokens.Void(t.Context(), "17"); err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Check(t.Context(), password.PurposeVerifyEmail, verify); !errors.Is(err, password.ErrToken) {
			t.Error(err)
		}
	})
	t.Run("SES-14 junk does not reach the store", func(t *testing.T) {
		s := newSpyTokens(t)
		tokens := newTokens(t, s, password.TokensConfig{})
		token := issue(t, tokens, "17", password.PurposeReset)
		s.calls.Store(0)
		stray := token[:42] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[63])
		for _, junk := range []string{
			"", token[:42], token + "A", token + "=", token[:42] + "=", token[:42] + "\n", "\n" + token[:42], token[:42] + "!", " " + token[:42],
			strings.Repeat("+", 43), strings.Repeat("A", 42) + "\n", stray, strings.Repeat("A", 1<<20), "A\r\n" + token[:40],
		} {
			for _, look := range []func(context.Context, password.Purpose, string) (password.Token, error){tokens.Check, tokens.Consume} {
				if _, err := look(t.Context(), password.PurposeReset, junk); !errors.Is(err, password.ErrToken) {
					t.Errorf("%.50q: %v", junk, err)
				}
			}
		}
		if n := s.calls.Load(); n != 0 {
			t.Errorf("%d calls of the store", n)
		}
		if _, err := tokens.Consume(t.Context(), password.PurposeReset, token); err != nil {
			t.Error(err)
		}
	})
	t.Run("a store that answers another question is not believed", func(t *testing.T) {
		for name, lie := range map[string]func(password.Token) password.Token{
			"another purpose": func(t password.Token) password.Token { t.Purpose = password.PurposeVerifyEmail; return t },
			"another token":   func(t password.Token) password.Token { t.Hash[31] ^= 1; return t },
			"expired":         func(t password.Token) password.Token { t.ExpiresAt = time.Now().Add(-time.Second); return t },
			"no expiry":       func(t password.Token) password.Token { t.ExpiresAt = time.Time{}; return t },
			"no subject":      func(t password.Token) password.Token { t.Subject = ""; return t },
		} {
			s := newSpyTokens(t)
			tokens := newTokens(t, s, password.TokensConfig{})
			token := issue(t, tokens, "17", password.PurposeReset)
			s.answer = lie
			if got, err := tokens.Consume(t.Context(), password.PurposeReset, token); !errors.Is(err, password.ErrToken) || got != (password.Token{}) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		s := newSpyTokens(t)
		s.err = fmt.Errorf("row 7: %w", password.ErrToken)
		if got, err := newTokens(t, s, password.TokensConfig{}).Consume(t.Context(), password.PurposeReset, strings.Repeat("A", 43)); !errors.Is(err, password.ErrToken) || got != (password.Token{}) {
			t.Errorf("a token and ErrToken: %+v, %v", got, err)
		}
	})
}

// FuzzToken (XCT-11): what is not one of our own 43 characters is refused, and
// never panics; what is looks up nothing in an empty store.
func FuzzToken(f *testing.F) {
	tokens := newTokens(f, nil, password.TokensConfig{})
	f.Add("")
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("_", 42) + "\n")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := tokens.Consume(t.Context(), password.PurposeReset, token); !errors.Is(err, password.ErrToken) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
