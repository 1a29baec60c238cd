package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password"
)

// A tokenCase is one demand on a password.TokenStore.
type tokenCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s password.TokenStore)
}

// RunTokens holds the stores that newStore returns to the contract of
// password.TokenStore. Every case gets a store of its own, which may share its
// database with others: hashes and subjects are random. Nothing waits, as a store
// is told the time; it must have room for some 1,000 tokens.
func RunTokens(t *testing.T, newStore func(t *testing.T) password.TokenStore) {
	for _, group := range [][]tokenCase{tokenLife, tokenExpiry, tokenVoid, tokenRaces, tokenRepeats, tokenContexts} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("why it matters: " + c.why)
					}
				})
				c.run(t, newStore(t))
			})
		}
	}
}

var tokenLife = []tokenCase{
	{"a token that was put is found and consumed as it was", "a token acts for somebody else, or on another address", func(t *testing.T, s password.TokenStore) {
		for _, change := range []func(*password.Token){
			func(*password.Token) {},
			func(t *password.Token) { t.Binding = "" },
			func(t *password.Token) { t.Binding = "ünïcödé 🔑 'quoted' \\ \r\n\t%_ " },
			func(t *password.Token) { t.Binding = strings.Repeat("b", password.MaxBindingBytes) },
			func(t *password.Token) { t.Subject = fill(t.Subject, password.MaxSubjectBytes) },
			func(t *password.Token) { t.Purpose = password.Purpose(strings.Repeat("p", password.MaxPurposeBytes)) },
			func(t *password.Token) { t.Hash[0], t.Hash[31] = 0, 0 },
			func(t *password.Token) { t.ExpiresAt = t.CreatedAt.Add(7 * 24 * time.Hour) },
		} {
			tok := newToken("")
			change(&tok)
			put(t, s, tok)
			wantFound(t, s, tok)
			wantConsumed(t, s, tok)
		}
	}},
	{"RST-02 an unknown hash is no token", "anything that looks like a token is one", func(t *testing.T, s password.TokenStore) {
		wantGone(t, s, newToken(""))
		zero := newToken("")
		zero.Hash = [32]byte{}
		wantGone(t, s, zero)
	}},
	{"RST-03 P12 a token is consumed once", "whoever reads an old mail resets the password again", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		wantConsumed(t, s, tok)
		wantGone(t, s, tok)
	}},
	{"looking at a token does not consume it", "a mail scanner that opens the link uses it up", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		for range 10 {
			wantFound(t, s, tok)
		}
		wantConsumed(t, s, tok)
	}},
	{"RST-02 P14 a token of another purpose is none, and stays", "a link that verifies an address resets a password", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		for _, other := range []password.Purpose{password.PurposeVerifyEmail, password.PurposeChangeEmail, "RESET", "reset ", "rese", ""} {
			wrong := tok
			wrong.Purpose = other
			wantGone(t, s, wrong)
		}
		wantConsumed(t, s, tok)
	}},
	{"P14 tokens of one subject and of another do not mix", "a link acts for somebody else", func(t *testing.T, s password.TokenStore) {
		mine, theirs := newToken(""), newToken("")
		put(t, s, mine)
		put(t, s, theirs)
		wantConsumed(t, s, theirs)
		wantConsumed(t, s, mine)
	}},
}

var tokenExpiry = []tokenCase{
	{"RST-04 a token is good until its expiry and not at it", "an old mail is good for ever", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		for _, now := range []time.Time{tok.ExpiresAt, tok.ExpiresAt.Add(time.Microsecond), tok.ExpiresAt.Add(1000 * time.Hour)} {
			wantGoneAt(t, s, tok, now)
		}
		// A store may have removed it by now.
		put(t, s, tok)
		got, err := s.Consume(t.Context(), tok.Hash, tok.Purpose, tok.ExpiresAt.Add(-time.Microsecond))
		ok(t, "Consume before the expiry", err)
		wantToken(t, got, tok)
	}},
	{"the time that counts is the one that the store is told, in any zone", "tokens of a server in another zone are expired or immortal", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		now := tok.CreatedAt.In(time.FixedZone("east", 14*3600))
		got, err := s.Find(t.Context(), tok.Hash, tok.Purpose, now)
		ok(t, "Find", err)
		wantToken(t, got, tok)
		wantGoneAt(t, s, tok, tok.ExpiresAt.In(time.FixedZone("west", -12*3600)))
	}},
	{"an expired token makes room for a new one", "who let a link expire never gets another", func(t *testing.T, s password.TokenStore) {
		old := newToken("")
		put(t, s, old)
		next := newToken(old.Subject)
		next.CreatedAt = old.ExpiresAt.Add(time.Hour)
		next.ExpiresAt = next.CreatedAt.Add(time.Hour)
		put(t, s, next)
		wantGone(t, s, old)
		wantConsumed(t, s, next)
	}},
}

var tokenVoid = []tokenCase{
	{"RST-04 P13 a newer token of the same purpose ends the older", "every reset mail that was ever sent is good at once", func(t *testing.T, s password.TokenStore) {
		old := newToken("")
		put(t, s, old)
		verify := another(old, password.PurposeVerifyEmail)
		put(t, s, verify)
		next := another(old, old.Purpose)
		put(t, s, next)
		wantGone(t, s, old)
		wantConsumed(t, s, verify)
		wantConsumed(t, s, next)
	}},
	{"RST-04 P13 void ends the tokens of a subject", "a link from before the password was changed is good after it", func(t *testing.T, s password.TokenStore) {
		tokens, other := family(t, s)
		ok(t, "Void", s.Void(t.Context(), tokens[0].Subject))
		for _, tok := range tokens {
			wantGone(t, s, tok)
		}
		wantConsumed(t, s, other)
		next := another(tokens[0], tokens[0].Purpose)
		put(t, s, next)
		wantConsumed(t, s, next)
	}},
	{"void of some purposes leaves the others", "a password reset makes an address unverifiable", func(t *testing.T, s password.TokenStore) {
		tokens, _ := family(t, s)
		ok(t, "Void", s.Void(t.Context(), tokens[0].Subject, tokens[0].Purpose, tokens[2].Purpose, "unknown", tokens[0].Purpose))
		wantGone(t, s, tokens[0])
		wantGone(t, s, tokens[2])
		wantConsumed(t, s, tokens[1])
		wantConsumed(t, s, tokens[3])
	}},
	{"void of nothing is no error", "a user without a link cannot change the password", func(t *testing.T, s password.TokenStore) {
		ok(t, "Void", s.Void(t.Context(), newToken("").Subject))
		ok(t, "Void", s.Void(t.Context(), newToken("").Subject, password.PurposeReset))
	}},
	{"subjects are compared byte by byte", "one user's request ends the link of another, or voids nothing", func(t *testing.T, s password.TokenStore) {
		var tokens []password.Token
		base := newToken("").Subject
		for _, suffix := range []string{"a", "A", "a ", "\u00e1", "a\u0301", "\uff41", "%", "_", "\\", "'"} {
			tok := newToken(base + suffix)
			put(t, s, tok)
			tokens = append(tokens, tok)
		}
		for len(tokens) > 0 {
			ok(t, "Void", s.Void(t.Context(), tokens[0].Subject))
			wantGone(t, s, tokens[0])
			tokens = tokens[1:]
			for _, tok := range tokens {
				wantFound(t, s, tok)
			}
		}
	}},
}

var tokenRepeats = []tokenCase{
	{"put and void may be repeated, and a repeat of consume gets nothing", "a lost answer makes a second success, or an error of none", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		put(t, s, tok)
		wantConsumed(t, s, tok)
		wantGone(t, s, tok)
		put(t, s, another(tok, tok.Purpose))
		for range 2 {
			ok(t, "Void", s.Void(t.Context(), tok.Subject))
		}
	}},
}

var tokenContexts = []tokenCase{
	{"a context that is over is obeyed", "requests pile up behind a slow database", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		fresh := newToken("")
		_, find := s.Find(ctx, tok.Hash, tok.Purpose, tok.CreatedAt)
		_, consume := s.Consume(ctx, tok.Hash, tok.Purpose, tok.CreatedAt)
		for doing, err := range map[string]error{
			"Put": s.Put(ctx, fresh), "Find": find, "Consume": consume,
			"Void": s.Void(ctx, tok.Subject), "Void of one": s.Void(ctx, tok.Subject, tok.Purpose),
		} {
			if err == nil || errors.Is(err, password.ErrToken) {
				t.Errorf("%s with a cancelled context: %v, want the store's failure", doing, err)
			}
		}
		wantGone(t, s, fresh)
		wantConsumed(t, s, tok)
	}},
}

// newToken is a token to reset the password of subject. Empty: of one that no
// other token has.
func newToken(subject string) password.Token {
	if subject == "" {
		subject = "u-" + rand.Text()
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	tok := password.Token{Subject: subject, Purpose: password.PurposeReset, Binding: "alice@example.com 7", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	_, _ = rand.Read(tok.Hash[:]) // never fails
	return tok
}

// another is a new token of the subject of tok.
func another(tok password.Token, purpose password.Purpose) password.Token {
	next := newToken(tok.Subject)
	next.Purpose = purpose
	return next
}

// family puts a token of each of four purposes for one subject, and one for
// another subject.
func family(t *testing.T, s password.TokenStore) (tokens []password.Token, other password.Token) {
	t.Helper()
	first := newToken("")
	for _, purpose := range []password.Purpose{password.PurposeReset, password.PurposeVerifyEmail, password.PurposeChangeEmail, "invite"} {
		tok := another(first, purpose)
		put(t, s, tok)
		tokens = append(tokens, tok)
	}
	other = newToken("")
	put(t, s, other)
	return slices.Clip(tokens), other
}

func fill(s string, n int) string { return s + strings.Repeat("s", n-len(s)) }

func put(t *testing.T, s password.TokenStore, tok password.Token) {
	t.Helper()
	ok(t, "Put", s.Put(t.Context(), tok))
}

func wantFound(t *testing.T, s password.TokenStore, want password.Token) {
	t.Helper()
	got, err := s.Find(t.Context(), want.Hash, want.Purpose, want.CreatedAt)
	ok(t, "Find", err)
	wantToken(t, got, want)
}

func wantConsumed(t *testing.T, s password.TokenStore, want password.Token) {
	t.Helper()
	got, err := s.Consume(t.Context(), want.Hash, want.Purpose, want.CreatedAt)
	ok(t, "Consume", err)
	wantToken(t, got, want)
}

func wantToken(t *testing.T, got, want password.Token) {
	t.Helper()
	same := got.CreatedAt.Equal(want.CreatedAt) && got.ExpiresAt.Equal(want.ExpiresAt)
	got.CreatedAt, got.ExpiresAt = want.CreatedAt, want.ExpiresAt
	if !same || got != want {
		t.Fatalf("got\n%+v, want\n%+v", got, want)
	}
}

// wantGone holds a store to not having tok.
func wantGone(t *testing.T, s password.TokenStore, tok password.Token) {
	t.Helper()
	wantGoneAt(t, s, tok, tok.CreatedAt)
}

func wantGoneAt(t *testing.T, s password.TokenStore, tok password.Token, now time.Time) {
	t.Helper()
	if got, err := s.Find(t.Context(), tok.Hash, tok.Purpose, now); !errors.Is(err, password.ErrToken) || got != (password.Token{}) {
		t.Fatalf("Find: %+v, %v; want no token and ErrToken", got, err)
	}
	if got, err := s.Consume(t.Context(), tok.Hash, tok.Purpose, now); !errors.Is(err, password.ErrToken) || got != (password.Token{}) {
		t.Fatalf("Consume: %+v, %v; want no token and ErrToken", got, err)
	}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}
