package doors_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
)

// The server keeps what it knows of a provider for minutes, so each of these cases has a
// server of its own.

func TestProviderKeys(t *testing.T) {
	t.Parallel()
	probe := hostileidp.New(t)
	for i, k := range probe.KeyCases() {
		if k.Slow {
			continue // see TestSlowProviders
		}
		id, recipe := cut(k.Name)
		expect := "400 or 502, no session"
		if k.OK {
			expect = "200"
		}
		corpus.Case(t, id, "the provider publishes: "+recipe, expect, func(t *testing.T) {
			s := open(t)
			s.idp.Script(hostileidp.JWKS, s.idp.KeyCases()[i].Script) // with the key of this provider
			c := s.Client()
			a := s.signIn(t, c, oidc)
			if k.OK {
				c.Want(t, a, 200)
				return
			}
			refused(t, c, a, 400, 502)
		})
	}
	corpus.Case(t, "O06", "a good key beside one with its private member, and alone with it; and a good one with key_ops for encryption, or of another kty",
		"the good key still counts, the others do not", func(t *testing.T) { spoiledKeys(t) })
	corpus.Case(t, "O04", "no kid: with one key, with two of the same kind, with two of which one fits",
		"200, 400, 200", func(t *testing.T) { withoutKid(t) })
	corpus.Case(t, "O04", "the provider rotates its key, then uses one that it does not publish",
		"200 after one more fetch, then 400 without any", func(t *testing.T) { rotation(t) })
	corpus.Case(t, "O05", "1,000 sign-ins whose ID tokens name random keys, 8 at a time",
		"400 each, at most 2 fetches of keys, and a good sign-in works afterwards", func(t *testing.T) { randomKids(t) })
	for i, d := range probe.DiscoveryCases() {
		if d.Slow {
			continue
		}
		id, recipe := cut(d.Name)
		expect := "502 at the start, nobody is sent anywhere; the pages and passwords work"
		if d.OK {
			expect = "200"
		}
		corpus.Case(t, id, "discovery says: "+recipe, expect, func(t *testing.T) {
			s := open(t)
			s.idp.Script(hostileidp.Discovery, s.idp.DiscoveryCases()[i].Script)
			c := s.Client()
			if d.OK {
				c.Want(t, s.signIn(t, c, oidc), 200)
				return
			}
			refused(t, c, c.Call(t, "GET", oidc, nil), 502)
			c.Want(t, c.Page(t, "/login"), 200)
			if n := s.idp.Count(hostileidp.Discovery); n != 1 {
				t.Errorf("asked %d times", n)
			}
			refused(t, c, c.Call(t, "GET", oidc, nil), 502) // at once again
			if n := s.idp.Count(hostileidp.Discovery); n != 1 {
				t.Errorf("asked %d times for two visitors", n)
			}
		})
	}
	corpus.Case(t, "O08", "keys and tokens on another host than the issuer's", "200 (documented: any https host, http on loopback)", func(t *testing.T) {
		s := open(t)
		other := hostileidp.New(t)
		other.Script(hostileidp.JWKS, hostileidp.Keys(s.idp.JWK("1")))
		s.idp.Script(hostileidp.Discovery, hostileidp.Change(func(o object) { o["jwks_uri"] = other.URL + "/jwks" }))
		c := s.Client()
		c.Want(t, s.signIn(t, c, oidc), 200)
	})
}

func spoiledKeys(t *testing.T) {
	s := open(t)
	private := s.idp.JWK("1")
	d, err := s.idp.Key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	private["d"] = base64.RawURLEncoding.EncodeToString(d)
	for _, bad := range []map[string]any{private, with(s.idp.JWK("1"), "key_ops", []string{"encrypt"}), with(s.idp.JWK("1"), "kty", "RSA"), with(s.idp.JWK("1"), "crv", "P-384")} {
		s := openAs(t, s) // the same key at another provider
		s.idp.Script(hostileidp.JWKS, hostileidp.Keys(bad))
		c := s.Client()
		refused(t, c, s.signIn(t, c, oidc), 400, 502)
	}
	next := openAs(t, s)
	next.idp.Script(hostileidp.JWKS, hostileidp.Keys(with(private, "kid", "9"), s.idp.JWK("1")))
	c := next.Client()
	c.Want(t, next.signIn(t, c, oidc), 200)
}

// openAs is open with a provider that signs with the key of that of another site.
func openAs(t *testing.T, like *site) *site {
	t.Helper()
	s := open(t)
	s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Sign = like.idp.SignES256 }))
	return s
}

func with(key map[string]any, name string, v any) map[string]any {
	key[name] = v
	return key
}

func withoutKid(t *testing.T) {
	strange := strangerKey(t)
	rsa := map[string]any{"kty": "RSA", "kid": "3", "use": "sig", "alg": "RS256", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(append([]byte{0xc1}, make([]byte, 255)...))}
	for _, k := range []struct {
		keys   []map[string]any
		status int
	}{
		{nil, 200}, {[]map[string]any{strange}, 400}, {[]map[string]any{rsa}, 200},
	} {
		s := open(t)
		s.idp.Script(hostileidp.JWKS, hostileidp.Keys(append(k.keys, s.idp.JWK("1"))...))
		s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { delete(tok.Header, "kid") }))
		c := s.Client()
		a := s.signIn(t, c, oidc)
		if a.StatusCode != k.status {
			t.Errorf("with %d other keys: %d %s, want %d", len(k.keys), a.StatusCode, a.Text, k.status)
		}
	}
}

func strangerKey(t *testing.T) map[string]any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return (&hostileidp.Server{Key: key}).JWK("2")
}

func rotation(t *testing.T) {
	s := open(t)
	c := s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
	fetches := s.idp.Count(hostileidp.JWKS)
	kid := func(name string) {
		s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Header["kid"] = name }))
	}
	s.idp.Script(hostileidp.JWKS, hostileidp.Keys(s.idp.JWK("next")))
	kid("next")
	c = s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
	if n := s.idp.Count(hostileidp.JWKS) - fetches; n != 1 {
		t.Errorf("%d more fetches", n)
	}
	for _, name := range []string{"1", "another"} { // the old one is gone as well
		kid(name)
		c = s.Client()
		refused(t, c, s.signIn(t, c, oidc), 400)
	}
	if n := s.idp.Count(hostileidp.JWKS) - fetches; n != 1 {
		t.Errorf("%d more fetches", n)
	}
}

func randomKids(t *testing.T) {
	s := open(t)
	c := s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
	s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Header["kid"] = rand.Text() }))
	var refusedAll, next atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := s.Client()
			for next.Add(1) <= 1000 {
				if a := walk(t, s, c); a != nil && a.StatusCode == 400 && a.Code() == "IDENTITY_INVALID" {
					refusedAll.Add(1)
				}
			}
		})
	}
	all.Wait()
	if refusedAll.Load() != 1000 {
		t.Errorf("%d of 1,000 were refused", refusedAll.Load())
	}
	if n := s.idp.Count(hostileidp.JWKS); n > 2 {
		t.Errorf("%d fetches of keys", n)
	}
	s.idp.Script(hostileidp.Token, nil)
	c = s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
}

// walk is signIn on any goroutine: nil if there is no answer.
func walk(t *testing.T, s *site, c *running.Client) *running.Answer {
	begun, err := c.Try(t, "GET", oidc, nil, nil)
	if err != nil || begun.StatusCode != 303 {
		return nil
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, begun.Header.Get("Location"), http.NoBody)
	if err != nil {
		return nil
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil
	}
	_ = res.Body.Close()
	back := res.Header.Get("Location")
	if len(back) < len(s.Base) {
		return nil
	}
	a, err := c.Try(t, "GET", back[len(s.Base):], http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		return nil
	}
	return a
}
