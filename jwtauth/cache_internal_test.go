package jwtauth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/secret"
)

func TestGenerations(t *testing.T) {
	g := newGenerations[int, int](10)
	for i := range 1000 {
		g.put(i, i)
		if v, ok := g.get(0); i < 4 && (!ok || v != 0) {
			t.Fatalf("0 is gone after %d", i)
		}
		if n := len(g.young) + len(g.old); n > 10 {
			t.Fatalf("%d entries", n)
		}
		if v, ok := g.get(i); !ok || v != i {
			t.Fatalf("%d is not there", i)
		}
	}
	if _, ok := g.get(0); !ok {
		t.Error("what is used at every step is dropped")
	}
	if _, ok := g.get(5); ok {
		t.Error("what is not used is kept")
	}
	g.remove(999)
	if _, ok := g.get(999); ok {
		t.Error("removed and there")
	}
}

// A countingMethod counts verifications.
type countingMethod struct {
	jwt.SigningMethod
	n    *atomic.Int64
	wait chan struct{}
}

func (m countingMethod) Verify(input string, signature []byte, key any) error {
	m.n.Add(1)
	if m.wait != nil {
		<-m.wait
	}
	return m.SigningMethod.Verify(input, signature, key)
}

// counted returns a key whose verifications are counted.
func counted(k *Key, n *atomic.Int64, wait chan struct{}) *Key {
	c, alg := *k, *k.alg
	alg.method = countingMethod{alg.method, n, wait}
	c.alg = &alg
	return &c
}

func TestTokenCache(t *testing.T) {
	setUp := func(t *testing.T, wait chan struct{}, changes ...func(*VerifierConfig)) (*authtest.Clock, *KeySet, *Verifier, *atomic.Int64) {
		t.Helper()
		clock := authtest.NewClock(time.Time{})
		n := new(atomic.Int64)
		s := testSet(t, counted(testKey(t, "k", EdDSA), n, wait))
		return clock, s, testVerifier(t, s, clock.Now, changes...), n
	}
	verify := func(t *testing.T, v *Verifier, token string, want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	t.Run("a token is verified once", func(t *testing.T) {
		clock, s, v, n := setUp(t, nil)
		token := issue(t, s, clock.Now(), "t")
		for range 10 {
			verify(t, v, token, nil)
		}
		if n.Load() != 1 {
			t.Errorf("%d verifications", n.Load())
		}
	})
	t.Run("JWT-11 times are checked on a hit", func(t *testing.T) {
		clock, s, v, _ := setUp(t, nil)
		token := issue(t, s, clock.Now(), "t")
		verify(t, v, token, nil)
		clock.Advance(5*time.Minute + 30*time.Second - 1)
		verify(t, v, token, nil)
		clock.Advance(1)
		verify(t, v, token, ErrExpired)
		clock.Advance(-time.Hour)
		verify(t, v, token, ErrInvalid)
	})
	t.Run("what is refused is not kept", func(t *testing.T) {
		clock, s, v, n := setUp(t, nil)
		token := issue(t, s, clock.Now().Add(-time.Hour), "t")
		for range 3 {
			verify(t, v, token, ErrExpired)
			verify(t, v, token[:len(token)-20]+strings.Repeat("A", 20), ErrInvalid)
		}
		if n.Load() != 6 {
			t.Errorf("%d verifications", n.Load())
		}
		for i := range v.cache {
			if len(v.cache[i].known.young)+len(v.cache[i].known.old)+len(v.cache[i].running) > 0 {
				t.Error("something is kept")
			}
		}
	})
	t.Run("none for HMAC, none if it is switched off", func(t *testing.T) {
		s := testSet(t, testKey(t, "k", HS256))
		v := testVerifier(t, s, fixed(testNow))
		verify(t, v, issue(t, s, testNow, "t"), nil)
		for i := range v.cache {
			if len(v.cache[i].known.young) > 0 {
				t.Error("an HMAC token is kept")
			}
		}
		clock, s, v, n := setUp(t, nil, func(c *VerifierConfig) { c.CacheSize = -1 })
		token := issue(t, s, clock.Now(), "t")
		verify(t, v, token, nil)
		verify(t, v, token, nil)
		if n.Load() != 2 {
			t.Errorf("%d verifications", n.Load())
		}
	})
	t.Run("bounded", func(t *testing.T) {
		clock, s, v, _ := setUp(t, nil, func(c *VerifierConfig) { c.CacheSize = 64 })
		for i := range 500 {
			verify(t, v, issue(t, s, clock.Now(), fmt.Sprint(i)), nil)
		}
		total := 0
		for i := range v.cache {
			total += len(v.cache[i].known.young) + len(v.cache[i].known.old)
		}
		if total > 64 {
			t.Errorf("%d tokens", total)
		}
	})
	t.Run("no token is in it", func(t *testing.T) {
		clock, s, v, _ := setUp(t, nil)
		token := issue(t, s, clock.Now(), "t")
		verify(t, v, token, nil)
		signature := token[strings.LastIndexByte(token, '.')+1:]
		for i := range v.cache {
			for _, known := range v.cache[i].known.young {
				if strings.Contains(fmt.Sprintf("%+v", *known.v), signature) {
					t.Error("the signature is kept")
				}
			}
		}
	})
	t.Run("concurrent first uses are verified once", func(t *testing.T) {
		wait := make(chan struct{})
		clock, s, v, n := setUp(t, wait)
		token := issue(t, s, clock.Now(), "t")
		var group sync.WaitGroup
		var good atomic.Int64
		for range 200 {
			group.Go(func() {
				if c, err := v.Verify(t.Context(), token); err == nil && c.ID == "t" {
					good.Add(1)
				}
			})
		}
		close(wait)
		group.Wait()
		if n.Load() != 1 || good.Load() != 200 {
			t.Errorf("%d verifications, %d good", n.Load(), good.Load())
		}
	})
	t.Run("one that waits goes when its request goes", func(t *testing.T) {
		wait := make(chan struct{})
		clock, s, v, _ := setUp(t, wait)
		token := issue(t, s, clock.Now(), "t")
		var group sync.WaitGroup
		group.Go(func() { _, _ = v.Verify(t.Context(), token) })
		shard := &v.cache[secret.HandleOf(token)[0]%shards]
		for running := 0; running == 0; {
			shard.mu.Lock()
			running = len(shard.running)
			shard.mu.Unlock()
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c, err := v.Verify(ctx, token); c != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v", c, err)
		}
		close(wait)
		group.Wait()
	})
	t.Run("F16 a panic of one does not keep the others", func(t *testing.T) {
		c := newTokenCache(16)
		r := testSet(t, testKey(t, "k", EdDSA)).ring.Load()
		h := secret.HandleOf("t")
		func() {
			defer func() { _ = recover() }()
			_, _ = c.verify(t.Context(), h, r, func() (*verified, error) { panic("x") })
		}()
		want := &verified{key: r.keys[0]}
		if got, err := c.verify(t.Context(), h, r, func() (*verified, error) { return want, nil }); got != want || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("headers are learned from verified tokens only, and boundedly", func(t *testing.T) {
		clock, s, v, _ := setUp(t, nil, func(c *VerifierConfig) { c.SkipType = true })
		k := s.Signing()
		token := func(head string, good bool) string {
			payload, err := testClaims(clock.Now(), "t").encode(nil)
			if err != nil {
				t.Fatal(err)
			}
			input := encoding.EncodeToString([]byte(head)) + "." + encoding.EncodeToString(payload)
			signature, err := k.signer.Sign(io.Reader(nil), []byte(input), crypto.Hash(0))
			if err != nil {
				t.Fatal(err)
			}
			if !good {
				signature[0] ^= 1
			}
			return input + "." + encoding.EncodeToString(signature)
		}
		for i := range 200 {
			verify(t, v, token(fmt.Sprintf(`{"alg":"EdDSA","kid":"k","n":%d}`, i), false), ErrInvalid)
		}
		if n := len(v.headers.Load().keys); n != 1 {
			t.Errorf("%d headers are known", n)
		}
		for i := range 200 {
			verify(t, v, token(fmt.Sprintf(`{"alg":"EdDSA","kid":"k","n":%d}`, i), true), nil)
		}
		if n := len(v.headers.Load().keys); n != 1+maxLearned {
			t.Errorf("%d headers are known", n)
		}
	})
}
