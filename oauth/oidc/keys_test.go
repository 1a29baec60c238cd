package oidc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
)

// TestKeys sends every JWKS of the corpus through a whole sign-in.
func TestKeys(t *testing.T) {
	for _, c := range newRig(t, nil, nil).idp.KeyCases() {
		t.Run(c.Name, func(t *testing.T) {
			change := quick
			if !c.Slow {
				change = nil
			}
			r := newRig(t, change, nil)
			for _, other := range r.idp.KeyCases() { // with the key of this server
				if other.Name == c.Name {
					r.idp.Script(hostileidp.JWKS, other.Script)
				}
			}
			if c.OK {
				r.good()
				return
			}
			code := "PROVIDER_FAILED"
			if c.Name == "O04 another kid only" {
				code = "IDENTITY_INVALID"
			}
			r.refused(code)
			r.idp.Script(hostileidp.JWKS, nil)
			r.clock.Advance(oidc.UnknownKeyEvery)
			r.good()
		})
	}
}

// with returns a key with another member; nil takes it out.
func with(key map[string]any, name string, v any) map[string]any {
	c := make(map[string]any, len(key)+1)
	for k, v := range key {
		c[k] = v
	}
	if c[name] = v; v == nil {
		delete(c, name)
	}
	return c
}

// TestWhichKey is OID-08 and O04: which key a token is verified with.
func TestWhichKey(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	a, b, bare := es256(t, "a"), es256(t, "b"), es256(t, "")
	r := signer{jwt.SigningMethodRS256, rsaKey(), "r"}
	sameID := es256(t, "a")
	for _, tt := range []struct {
		name string
		sign signer
		head map[string]any
		keys []map[string]any
		ok   bool
	}{
		{"O04 no kid and one key", a, map[string]any{"kid": nil}, keys(a.public()), true},
		{"O04 no kid and one key without kid", bare, nil, keys(bare.public()), true},
		{"O04 no kid and two keys that fit", a, map[string]any{"kid": nil}, keys(a.public(), b.public()), false},
		{"O04 no kid, and the other key is for another algorithm", a, map[string]any{"kid": nil}, keys(a.public(), r.public()), true},
		{"O04 no kid, and the other key is for encryption", a, map[string]any{"kid": nil}, keys(a.public(), with(b.public(), "use", "enc")), true},
		{"O04 a kid, and a key without one", a, nil, keys(with(a.public(), "kid", nil)), false},
		{"O04 an empty kid, and a key without one", bare, map[string]any{"kid": ""}, keys(bare.public()), false},
		{"OID-08 two keys, by kid", b, nil, keys(a.public(), b.public()), true},
		{"OID-08 the kid of another key", a, map[string]any{"kid": "b"}, keys(a.public(), b.public()), false},
		{"OID-08 a kid that only differs in case", a, map[string]any{"kid": "A"}, keys(a.public()), false},
		{"OID-08 two keys of that kid", a, nil, keys(a.public(), sameID.public(), b.public()), false},
		{"OID-08 two keys of another kid", b, nil, keys(a.public(), sameID.public(), b.public()), true},
		{"OID-08 use enc", a, nil, keys(with(a.public(), "use", "enc"), b.public()), false},
		{"OID-08 no use and no alg", a, nil, keys(with(with(a.public(), "use", nil), "alg", nil)), true},
		{"OID-08 key_ops with verify", a, nil, keys(with(with(a.public(), "use", nil), "key_ops", []string{"verify"})), true},
		{"OID-08 key_ops without verify", a, nil, keys(with(a.public(), "key_ops", []string{"sign"}), b.public()), false},
		{"OID-08 alg of another hash", r, nil, keys(with(r.public(), "alg", "RS512"), b.public()), false},
		{"OID-08 an RSA key without alg", r, nil, keys(with(r.public(), "alg", nil)), true},
		{"OID-08 kty of another family", a, nil, keys(with(a.public(), "kty", "RSA"), b.public()), false},
		{"O06 a private member", a, nil, keys(with(a.public(), "d", "AA"), b.public()), false},
		{"O06 another key is broken", a, nil, keys(with(b.public(), "x", "!"), map[string]any{}, a.public()), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub(t, "")
			s.keys(tt.keys...)
			raw := tt.sign.sign(t, nil, idToken(s.URL, clock.Now()))
			if tt.head != nil {
				raw = tt.sign.rename(t, tt.head["kid"], idToken(s.URL, clock.Now()))
			}
			_, err := at(t, s, "", clock, nil).Identify(t.Context(), grantOf(raw, clock.Now()))
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, oauth.ErrIdentity) {
				t.Fatal(err)
			}
		})
	}
	t.Run("O06 a JWKS with a member twice", func(t *testing.T) {
		s := newStub(t, "")
		one, _ := json.Marshal(a.public())
		s.set("/keys", raw(`{"keys":[],"keys":[`+string(one)+`]}`))
		_, err := at(t, s, "", clock, nil).Identify(t.Context(), grantOf(a.sign(t, nil, idToken(s.URL, clock.Now())), clock.Now()))
		if !errors.Is(err, oauth.ErrProvider) {
			t.Fatal(err)
		}
	})
}

func keys(list ...map[string]any) []map[string]any { return list }

// raw is a document as it is.
func raw(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text))
	}
}

// rename signs with another kid in the header, or with none.
func (s signer) rename(t testing.TB, kid any, claims map[string]any) string {
	t.Helper()
	s.kid = ""
	if kid == nil {
		return s.sign(t, nil, claims)
	}
	return s.sign(t, map[string]any{"kid": kid}, claims)
}

// TestUnknownKeys is attack O05: whoever makes tokens must not make fetches.
func TestUnknownKeys(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	s, key := newStub(t, ""), es256(t, "a")
	s.keys(key.public())
	p := at(t, s, "", clock, nil)
	t.Run("O05 OID-08 1,000 tokens with unknown kid at once cause at most two fetches", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 1000 {
			text := key.rename(t, fmt.Sprint("unknown-", i), idToken(s.URL, clock.Now()))
			wg.Go(func() {
				if _, err := p.Identify(t.Context(), grantOf(text, clock.Now())); !errors.Is(err, oauth.ErrIdentity) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := s.asked("/keys"); n > 2 {
			t.Fatalf("%d fetches", n)
		}
	})
	t.Run("O05 1,000 tokens with a bad signature cause none within the minute", func(t *testing.T) {
		before := s.asked("/keys")
		other := es256(t, "a")
		for range 1000 {
			if _, err := p.Identify(t.Context(), grantOf(other.sign(t, nil, idToken(s.URL, clock.Now())), clock.Now())); !errors.Is(err, oauth.ErrIdentity) {
				t.Fatal(err)
			}
		}
		if n := s.asked("/keys"); n != before {
			t.Fatalf("%d more fetches", n-before)
		}
	})
	t.Run("O05 one more in the next minute", func(t *testing.T) {
		before := s.asked("/keys")
		clock.Advance(oidc.UnknownKeyEvery)
		for range 10 {
			_, _ = p.Identify(t.Context(), grantOf(key.rename(t, "z", idToken(s.URL, clock.Now())), clock.Now()))
		}
		if n := s.asked("/keys"); n != before+1 {
			t.Fatalf("%d more fetches", n-before)
		}
	})
	if _, err := p.Identify(t.Context(), grantOf(key.sign(t, nil, idToken(s.URL, clock.Now())), clock.Now())); err != nil {
		t.Fatal(err)
	}
}

// TestRotation is fault F21.
func TestRotation(t *testing.T) {
	a, b, c := es256(t, "a"), es256(t, "b"), es256(t, "c")
	reused := es256(t, "a")
	start := func(t *testing.T) (*stub, *authtest.Clock, func(signer) error) {
		s, clock := newStub(t, ""), authtest.NewClock(time.Now())
		s.keys(a.public())
		ev := new(events)
		p := at(t, s, "", clock, func(c *oidc.Config) { c.OnEvent = ev.on })
		try := func(k signer) error {
			_, err := p.Identify(t.Context(), grantOf(k.sign(t, nil, idToken(s.URL, clock.Now())), clock.Now()))
			return err
		}
		must(t, try(a))
		return s, clock, try
	}
	refused := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, oauth.ErrIdentity) {
			t.Fatalf("%v, want ErrIdentity", err)
		}
	}
	t.Run("F21 O04 an abrupt swap: one fetch, at once", func(t *testing.T) {
		s, _, try := start(t)
		s.keys(b.public())
		must(t, try(b))
		if n := s.asked("/keys"); n != 2 {
			t.Errorf("%d fetches", n)
		}
		refused(t, try(a))
	})
	t.Run("F21 a second swap within a minute waits for its end", func(t *testing.T) {
		s, clock, try := start(t)
		s.keys(b.public())
		must(t, try(b))
		s.keys(c.public())
		refused(t, try(c))
		clock.Advance(oidc.UnknownKeyEvery)
		must(t, try(c))
	})
	t.Run("F21 a new key that is published before its use costs nothing", func(t *testing.T) {
		s, clock, try := start(t)
		s.keys(a.public(), b.public())
		clock.Advance(oidc.RefreshEvery)
		must(t, try(a))
		must(t, try(b))
		if n := s.asked("/keys"); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
	t.Run("F21 a key that is taken out is gone after the next refresh", func(t *testing.T) {
		s, clock, try := start(t)
		s.keys(b.public())
		clock.Advance(oidc.RefreshEvery)
		refused(t, try(a))
	})
	t.Run("F21 a kid is used again: the new key wins, the old one is gone", func(t *testing.T) {
		s, _, try := start(t)
		s.keys(reused.public())
		must(t, try(reused))
		refused(t, try(a))
	})
	t.Run("the keys move to another address", func(t *testing.T) {
		s, clock, try := start(t)
		m := s.metadata(s.URL)
		m["jwks_uri"] = s.URL + "/keys2"
		s.set(discoveryPath, m)
		s.set("/keys", nil)
		s.set("/keys2", map[string]any{"keys": []any{b.public()}})
		clock.Advance(oidc.RefreshEvery)
		must(t, try(b))
	})
}

// TestKeysOutage is fault F20.
func TestKeysOutage(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	s, key, ev := newStub(t, ""), es256(t, "a"), new(events)
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	s.set("/keys", down)
	p := at(t, s, "", clock, func(c *oidc.Config) { c.OnEvent = ev.on })
	try := func(kid string) error {
		_, err := p.Identify(t.Context(), grantOf(key.rename(t, kid, idToken(s.URL, clock.Now())), clock.Now()))
		return err
	}
	t.Run("F20 with a cold cache nobody signs in, and there is one fetch per interval", func(t *testing.T) {
		for range 10 {
			if err := try("a"); !errors.Is(err, oauth.ErrProvider) {
				t.Fatal(err)
			}
		}
		if n := s.asked("/keys"); n != 1 {
			t.Fatalf("%d fetches", n)
		}
		if n := len(ev.of(oidc.EventKeysFailed)); n != 1 {
			t.Fatalf("%d events", n)
		}
	})
	s.keys(key.public())
	clock.Advance(oidc.RetryEvery)
	must(t, try("a"))
	if n := len(ev.of(oidc.EventKeysChanged)); n != 1 {
		t.Fatalf("%d events of new keys", n)
	}
	t.Run("F20 with a warm cache an hour of outage is not noticed", func(t *testing.T) {
		before := s.asked("/keys")
		s.set("/keys", down)
		for range 12 {
			clock.Advance(5 * time.Minute)
			must(t, try("a"))
		}
		if n := s.asked("/keys") - before; n < 2 || n > 12 {
			t.Fatalf("%d fetches in an hour", n)
		}
	})
	t.Run("F20 a JWKS without a good key is an outage", func(t *testing.T) {
		s.keys()
		clock.Advance(oidc.RefreshEvery)
		must(t, try("a"))
	})
	t.Run("F20 unknown kids during the outage do not fetch more than once a minute", func(t *testing.T) {
		s.set("/keys", down)
		clock.Advance(oidc.RefreshEvery)
		_ = try("x")
		clock.Advance(2 * oidc.RetryEvery)
		before := s.asked("/keys")
		for range 100 {
			if err := try("x"); !errors.Is(err, oauth.ErrIdentity) {
				t.Fatal(err)
			}
		}
		if n := s.asked("/keys") - before; n > 2 { // the refresh that is due, and one for the kid
			t.Fatalf("%d fetches", n)
		}
	})
	t.Run("F20 after a day the keys are too old", func(t *testing.T) {
		clock.Advance(oidc.MaxStale)
		if err := try("a"); !errors.Is(err, oauth.ErrProvider) {
			t.Fatal(err)
		}
	})
	t.Run("I8 it recovers by itself", func(t *testing.T) {
		s.keys(key.public())
		clock.Advance(oidc.RetryEvery)
		must(t, try("a"))
	})
}

// TestOutageInAFlow is what a user sees of F19 and F20.
func TestOutageInAFlow(t *testing.T) {
	r := newRig(t, nil, nil)
	r.good()
	r.idp.Script(hostileidp.JWKS, hostileidp.Answer(500, "text/plain", "down"))
	r.idp.Script(hostileidp.Discovery, hostileidp.Answer(500, "text/plain", "down"))
	for range 6 {
		r.clock.Advance(10 * time.Minute)
		if resp := r.signIn(r.b.Another(t)); resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("F20 %d %s", resp.StatusCode, resp.Body)
		}
	}
	r.clock.Advance(oidc.MaxStale)
	r.refused("PROVIDER_FAILED")
}
