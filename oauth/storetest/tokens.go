package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/oauth"
)

// RunTokens holds the stores that newStore returns to the contract of
// oauth.TokenStore.
func RunTokens(t *testing.T, newStore func(t *testing.T) oauth.TokenStore) {
	runCases(t, newStore, tokenCases, tokenRaces)
}

func sealed() []byte { return []byte("\x00\x01\xff\xfe'\"\\%_" + rand.Text()) }

func wantToken(t *testing.T, s oauth.TokenStore, subject string, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), issuer, subject)
	ok(t, "Get", err)
	if !bytes.Equal(got, want) {
		t.Fatalf("Get: %q, want %q", got, want)
	}
}

func wantNoToken(t *testing.T, s oauth.TokenStore, subject string) {
	t.Helper()
	if got, err := s.Get(t.Context(), issuer, subject); !errors.Is(err, oauth.ErrNoToken) || got != nil {
		t.Fatalf("Get of what is not there: %q, %v; want ErrNoToken alone", got, err)
	}
}

func put(t *testing.T, s oauth.TokenStore, subject string) []byte {
	t.Helper()
	v := sealed()
	ok(t, "Put", s.Put(t.Context(), issuer, subject, v))
	return v
}

var tokenCases = []testCase[oauth.TokenStore]{
	{"what was put is there, byte for byte", "tokens do not open", func(t *testing.T, s oauth.TokenStore) {
		a, b := newSubject(), newSubject()
		va, vb := put(t, s, a), put(t, s, b)
		wantToken(t, s, a, va)
		wantToken(t, s, b, vb)
		va = bytes.Repeat([]byte{0, 255}, oauth.MaxKeptToken/2)
		ok(t, "Put of the most", s.Put(t.Context(), issuer, a, va))
		wantToken(t, s, a, va)
		wantToken(t, s, b, vb)
	}},
	{"nothing is ErrNoToken", "a fault passes for a user who never signed in", func(t *testing.T, s oauth.TokenStore) {
		wantNoToken(t, s, newSubject())
	}},
	{"O17 one subject at two issuers has two tokens, and keys are compared byte for byte", "a service acts for somebody else", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		v := put(t, s, subject)
		w := put(t, s, strings.ToLower(subject))
		ok(t, "Put", s.Put(t.Context(), "https://other.example.com", subject, sealed()))
		wantToken(t, s, subject, v)
		wantToken(t, s, strings.ToLower(subject), w)
	}},
	{"what is returned belongs to the caller", "a caller changes what is kept", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		v := put(t, s, subject)
		kept := bytes.Clone(v)
		v[0] ^= 1
		got, err := s.Get(t.Context(), issuer, subject)
		ok(t, "Get", err)
		got[0] ^= 2
		wantToken(t, s, subject, kept)
	}},
	{"Swap replaces what it knows, and a repeat is harmless", "a token that was refreshed is lost", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		a, b := put(t, s, subject), sealed()
		ok(t, "Swap", s.Swap(t.Context(), issuer, subject, a, b))
		ok(t, "Swap again", s.Swap(t.Context(), issuer, subject, a, b))
		wantToken(t, s, subject, b)
	}},
	{"Swap of something else changes nothing", "an old token replaces a new one", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		a := put(t, s, subject)
		if err := s.Swap(t.Context(), issuer, subject, sealed(), sealed()); !errors.Is(err, oauth.ErrTokenChanged) {
			t.Fatalf("Swap: %v, want ErrTokenChanged", err)
		}
		wantToken(t, s, subject, a)
	}},
	{"Swap of nothing is ErrNoToken", "a token comes back after its link was removed", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		a := put(t, s, subject)
		ok(t, "Delete", s.Delete(t.Context(), issuer, subject))
		if err := s.Swap(t.Context(), issuer, subject, a, sealed()); !errors.Is(err, oauth.ErrNoToken) {
			t.Fatalf("Swap: %v, want ErrNoToken", err)
		}
		wantNoToken(t, s, subject)
	}},
	{"what was deleted is gone", "a token outlives its link", func(t *testing.T, s oauth.TokenStore) {
		a, b := newSubject(), newSubject()
		put(t, s, a)
		v := put(t, s, b)
		ok(t, "Delete", s.Delete(t.Context(), issuer, a))
		ok(t, "Delete again", s.Delete(t.Context(), issuer, a))
		wantNoToken(t, s, a)
		wantToken(t, s, b, v)
	}},
	{"a cancelled context is an error and no answer", "a request that was given up writes", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		v := put(t, s, subject)
		ctx := cancelled(t)
		_, get := s.Get(ctx, issuer, subject)
		for name, err := range map[string]error{
			"Get":    get,
			"Put":    s.Put(ctx, issuer, subject, sealed()),
			"Swap":   s.Swap(ctx, issuer, subject, v, sealed()),
			"Delete": s.Delete(ctx, issuer, subject),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want context.Canceled", name, err)
			}
		}
		wantToken(t, s, subject, v)
	}},
}

var tokenRaces = []testCase[oauth.TokenStore]{
	{"of 50 swaps of one token, one is kept", "two refreshed tokens mix", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		old := put(t, s, subject)
		next := make([][]byte, 50)
		for i := range next {
			next[i] = sealed()
		}
		winner := -1
		for i, err := range race(len(next), func(i int) error { return s.Swap(t.Context(), issuer, subject, old, next[i]) }) {
			switch {
			case err == nil && winner >= 0:
				t.Fatal("two were kept")
			case err == nil:
				winner = i
			case !errors.Is(err, oauth.ErrTokenChanged):
				t.Fatalf("Swap: %v, want ErrTokenChanged", err)
			}
		}
		if winner < 0 {
			t.Fatal("none was kept")
		}
		wantToken(t, s, subject, next[winner])
	}},
	{"50 puts at once leave one of them", "a double click is an error", func(t *testing.T, s oauth.TokenStore) {
		subject := newSubject()
		for _, err := range race(50, func(int) error { return s.Put(t.Context(), issuer, subject, sealed()) }) {
			ok(t, "Put", err)
		}
		_, err := s.Get(t.Context(), issuer, subject)
		ok(t, "Get", err)
	}},
}
