package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/password"
)

// race runs f in n goroutines that start together, and counts how many got what
// they wanted and how many ErrToken.
func race(t *testing.T, n int, f func(i int) error) (won, none int64) {
	t.Helper()
	var a, b atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			switch err := f(i); {
			case err == nil:
				a.Add(1)
			case errors.Is(err, password.ErrToken):
				b.Add(1)
			default:
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	return a.Load(), b.Load()
}

func consume(t *testing.T, s password.TokenStore, tok password.Token) error {
	_, err := s.Consume(t.Context(), tok.Hash, tok.Purpose, tok.CreatedAt)
	return err
}

var tokenRaces = []tokenCase{
	{"RST-03 P12 of 100 consumers one succeeds", "one link sets two passwords", func(t *testing.T, s password.TokenStore) { consumeRace(t, s, 100) }},
	{"RST-03 P12 of 1000 consumers one succeeds", "one link sets two passwords", func(t *testing.T, s password.TokenStore) { consumeRace(t, s, 1000) }},
	{"P14 consumers for other purposes do not get in the way", "a stranger with the link uses it up", func(t *testing.T, s password.TokenStore) {
		tok := newToken("")
		put(t, s, tok)
		wrong := tok
		wrong.Purpose = password.PurposeVerifyEmail
		won, _ := race(t, 100, func(i int) error {
			if i == 50 {
				return consume(t, s, tok)
			}
			return consume(t, s, wrong)
		})
		if won != 1 {
			t.Fatalf("%d consumers got the token", won)
		}
	}},
	{"P13 of many tokens put at once for one subject one is good", "every click on \"send again\" makes one more good link", func(t *testing.T, s password.TokenStore) {
		first := newToken("")
		var tokens [100]password.Token
		won, _ := race(t, len(tokens), func(i int) error {
			tokens[i] = another(first, first.Purpose)
			return s.Put(t.Context(), tokens[i])
		})
		good := 0
		for _, tok := range tokens {
			if consume(t, s, tok) == nil {
				good++
			}
		}
		if won != 100 || good != 1 {
			t.Fatalf("%d of 100 were put, %d are good", won, good)
		}
	}},
	{"P13 a token that is replaced while it is consumed is spent once at most, and the new one is good", "the newest link does not work", func(t *testing.T, s password.TokenStore) {
		for range 20 {
			old := newToken("")
			put(t, s, old)
			next := another(old, old.Purpose)
			won, _ := race(t, 10, func(i int) error {
				if i == 5 {
					return s.Put(t.Context(), next)
				}
				return consume(t, s, old)
			})
			if won > 2 {
				t.Fatalf("%d consumers got the old token", won-1)
			}
			wantGone(t, s, old)
			wantConsumed(t, s, next)
		}
	}},
	{"RST-04 no token escapes a void", "a link from before the password was changed is good after it", func(t *testing.T, s password.TokenStore) {
		for range 20 {
			tokens, _ := family(t, s)
			race(t, 40, func(i int) error {
				if i == 20 {
					return s.Void(t.Context(), tokens[0].Subject)
				}
				return consume(t, s, tokens[i%len(tokens)])
			})
			for _, tok := range tokens {
				wantGone(t, s, tok)
			}
		}
	}},
	{"many subjects at once do not get in each other's way", "links are lost on a busy day", func(t *testing.T, s password.TokenStore) {
		var tokens [100]password.Token
		for i := range tokens {
			tokens[i] = newToken("")
		}
		won, none := race(t, len(tokens), func(i int) error {
			if err := s.Put(t.Context(), tokens[i]); err != nil {
				return err
			}
			if err := s.Void(t.Context(), tokens[i].Subject, password.PurposeVerifyEmail); err != nil {
				return err
			}
			return consume(t, s, tokens[i])
		})
		if won != int64(len(tokens)) {
			t.Fatalf("%d of %d tokens were good, %d lost", won, len(tokens), none)
		}
	}},
}

func consumeRace(t *testing.T, s password.TokenStore, n int) {
	tok := newToken("")
	put(t, s, tok)
	won, none := race(t, n, func(int) error { return consume(t, s, tok) })
	if won != 1 || none != int64(n-1) {
		t.Fatalf("%d of %d consumers got the token, %d were told that there is none", won, n, none)
	}
}
