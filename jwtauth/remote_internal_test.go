package jwtauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/problem"
)

// An idp publishes keys, and counts how often it is asked for them.
type idp struct {
	*httptest.Server
	jwks  atomic.Int64
	meta  atomic.Int64
	mu    sync.Mutex
	serve http.HandlerFunc // the JWKS
	alter func(m map[string]any)
}

func newIDP(t *testing.T, keys ...*Key) *idp {
	t.Helper()
	p := new(idp)
	p.publish(keys...)
	mux := http.NewServeMux()
	mux.HandleFunc("/jwks.json", func(w http.ResponseWriter, r *http.Request) {
		p.jwks.Add(1)
		p.mu.Lock()
		serve := p.serve
		p.mu.Unlock()
		serve(w, r)
	})
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.meta.Add(1)
		m := map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks.json", "scopes_supported": []string{"openid"}}
		if p.alter != nil {
			p.alter(m)
		}
		_ = json.NewEncoder(w).Encode(m)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) answer(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = h
}

func (p *idp) text(s string) {
	p.answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) })
}

func (p *idp) publish(keys ...*Key) {
	r := &ring{keys: keys}
	p.text(string(r.jwks(testNow)))
}

// remote makes a verifier of the keys of p.
func remote(t *testing.T, p *idp, changes ...func(*RemoteConfig)) (*authtest.Clock, *RemoteKeySet, *Verifier) {
	t.Helper()
	clock := authtest.NewClock(testNow)
	cfg := RemoteConfig{Now: clock.Now}
	for _, change := range changes {
		change(&cfg)
	}
	s, err := NewRemoteKeySet(p.URL+"/jwks.json", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return clock, s, testVerifier(t, s, clock.Now, func(c *VerifierConfig) { c.MaxLifetime = 24 * time.Hour })
}

// settle waits for a fetch that nobody waits for.
func settle(s *RemoteKeySet) {
	s.mu.Lock()
	run := s.running
	s.mu.Unlock()
	if run != nil {
		<-run.done
	}
}

func expect(t *testing.T, v *Verifier, token string, want error) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// longToken is good for a day.
func longToken(t *testing.T, s *KeySet, now time.Time, id string) string {
	t.Helper()
	c := testClaims(now, id)
	c.ExpiresAt = now.Add(24 * time.Hour)
	payload, err := c.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.sign(DefaultType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRemoteKeySet(t *testing.T) {
	a, b := testKey(t, "a", ES256), testKey(t, "b", EdDSA)
	setA, setB := testSet(t, a), testSet(t, b)

	t.Run("tokens of another issuer", func(t *testing.T) {
		p := newIDP(t, a, testKey(t, "rs", RS256))
		clock, s, v := remote(t, p)
		if p.jwks.Load() != 0 || s.Keys() != nil {
			t.Error("fetched before it was needed")
		}
		for i := range 10 {
			expect(t, v, issue(t, setA, clock.Now(), fmt.Sprint(i)), nil)
		}
		if p.jwks.Load() != 1 || len(s.Keys()) != 2 {
			t.Errorf("%d fetches, keys %v", p.jwks.Load(), s.Keys())
		}
	})
	t.Run("OID-08 J06 1,000 tokens with random kids cause no more than two fetches", func(t *testing.T) {
		p := newIDP(t, a)
		clock, _, v := remote(t, p)
		expect(t, v, issue(t, setA, clock.Now(), "t"), nil)
		clock.Advance(2 * time.Minute)
		var group sync.WaitGroup
		for i := range 1000 {
			k, err := PublicKey("", ES256, a.public)
			if err != nil {
				t.Fatal(err)
			}
			k.id, k.signer = fmt.Sprint("random", i), a.signer
			token := issue(t, testSet(t, k), clock.Now(), "t")
			group.Go(func() { expect(t, v, token, ErrInvalid) })
		}
		group.Wait()
		if n := p.jwks.Load(); n > 2 {
			t.Errorf("%d fetches", n)
		}
		expect(t, v, issue(t, setA, clock.Now(), "t2"), nil)
	})
	t.Run("F20 concurrent first tokens share one fetch", func(t *testing.T) {
		p := newIDP(t, a)
		clock, _, v := remote(t, p)
		token := issue(t, setA, clock.Now(), "t")
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { expect(t, v, token, nil) })
		}
		group.Wait()
		if n := p.jwks.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
	t.Run("F21 a new key before it is used, then used: one refetch", func(t *testing.T) {
		p := newIDP(t, a)
		clock, _, v := remote(t, p)
		expect(t, v, issue(t, setA, clock.Now(), "1"), nil)
		p.publish(a, b)
		clock.Advance(MinFetchInterval)
		expect(t, v, issue(t, setB, clock.Now(), "2"), nil)
		expect(t, v, issue(t, setA, clock.Now(), "3"), nil)
		if n := p.jwks.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
	t.Run("F21 an abrupt swap: the next token of the new key fetches, tokens of the old one are gone", func(t *testing.T) {
		p := newIDP(t, a)
		clock, _, v := remote(t, p)
		old := longToken(t, setA, clock.Now(), "1")
		expect(t, v, old, nil)
		p.publish(b)
		clock.Advance(MinFetchInterval)
		expect(t, v, issue(t, setB, clock.Now(), "2"), nil)
		expect(t, v, old, ErrInvalid)
	})
	t.Run("F21 a key that is taken out counts until the next refresh", func(t *testing.T) {
		p := newIDP(t, a, b)
		clock, s, v := remote(t, p)
		old := longToken(t, setA, clock.Now(), "1")
		expect(t, v, old, nil)
		p.publish(b)
		clock.Advance(DefaultRefreshEvery)
		_, _ = v.Verify(t.Context(), old) // begins the refresh
		settle(s)
		expect(t, v, old, ErrInvalid)
		if n := p.jwks.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
	t.Run("F21 an id that is used again: the new key wins, what the old one verified is gone", func(t *testing.T) {
		again := testKey(t, "a", ES256)
		p := newIDP(t, a)
		clock, _, v := remote(t, p)
		old := longToken(t, setA, clock.Now(), "1")
		expect(t, v, old, nil)
		expect(t, v, old, nil)
		p.publish(again)
		expect(t, v, issue(t, testSet(t, again), clock.Now(), "2"), ErrInvalid) // within the minute
		clock.Advance(MinFetchInterval)
		expect(t, v, issue(t, testSet(t, again), clock.Now(), "3"), nil)
		expect(t, v, old, ErrInvalid)
	})
	t.Run("F21 a refresh that changes nothing keeps what was verified", func(t *testing.T) {
		p := newIDP(t, a)
		clock, s, v := remote(t, p)
		expect(t, v, longToken(t, setA, clock.Now(), "1"), nil)
		before := s.Keys()[0]
		clock.Advance(DefaultRefreshEvery)
		expect(t, v, longToken(t, setA, clock.Now(), "2"), nil)
		settle(s)
		if p.jwks.Load() != 2 || s.Keys()[0] != before {
			t.Errorf("%d fetches, another key", p.jwks.Load())
		}
	})
	t.Run("F20 an outage with warm keys: good until MaxAge, then 503, one fetch per interval", func(t *testing.T) {
		p := newIDP(t, a)
		var failures atomic.Int64
		clock, s, v := remote(t, p, func(c *RemoteConfig) {
			c.MaxAge = time.Hour
			c.OnEvent = func(_ context.Context, e auth.Event) {
				if e.Kind == EventKeysFailed && e.Err != nil {
					failures.Add(1)
				}
			}
		})
		token := longToken(t, setA, clock.Now(), "1")
		expect(t, v, token, nil)
		p.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		start := p.jwks.Load()
		for range 59 {
			clock.Advance(time.Minute)
			for range 20 {
				expect(t, v, token, nil)
				settle(s)
			}
		}
		if n := p.jwks.Load() - start; n > 59 || n < 40 || failures.Load() < 40 {
			t.Errorf("%d fetches in an hour, %d events", n, failures.Load())
		}
		clock.Advance(time.Minute)
		for range 10 {
			_, err := v.Verify(t.Context(), token)
			if d := problem.From(err); !errors.Is(err, ErrUnavailable) || d.Status != 503 || refuses(err) {
				t.Fatalf("after MaxAge: %v", err)
			}
		}
		p.publish(a)
		clock.Advance(RetryInterval)
		expect(t, v, token, nil)
	})
	t.Run("F20 F19 cold keys: 503, one fetch per interval", func(t *testing.T) {
		p, away := newIDP(t, a), newIDP(t, a)
		clock, _, v := remote(t, p, func(c *RemoteConfig) { c.Timeout = 50 * time.Millisecond })
		token := issue(t, setA, clock.Now(), "1")
		for name, h := range map[string]http.HandlerFunc{
			"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
			"HTML":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
			"no keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
			"slow":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			"a gigabyte": func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write((&ring{keys: []*Key{a}}).jwks(testNow)) // good, and then no end
				for range 1 << 10 {
					if _, err := w.Write([]byte(strings.Repeat(" ", 1<<20))); err != nil {
						return
					}
				}
			},
			"redirect loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks.json", http.StatusFound) },
			"redirect away": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, away.URL+"/jwks.json", http.StatusFound)
			},
			"cut": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write([]byte(`{"keys":[`))
			},
			"panic": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		} {
			p.answer(h)
			before := p.jwks.Load()
			for range 20 {
				_, err := v.Verify(t.Context(), token)
				if d := problem.From(err); !errors.Is(err, ErrUnavailable) || d.Status != 503 {
					t.Errorf("%s: %v", name, err)
				}
			}
			if n := p.jwks.Load() - before; n > 1 && name != "redirect loop" || n > 1+maxRedirects {
				t.Errorf("%s: %d fetches", name, n)
			}
			clock.Advance(RetryInterval)
		}
		if n := away.jwks.Load(); n != 0 {
			t.Errorf("O06 a redirect to another origin was followed %d times", n)
		}
		p.publish(a)
		expect(t, v, token, nil)
	})
	t.Run("F15 who waits goes with his request, and the fetch goes on for the others", func(t *testing.T) {
		release := make(chan struct{})
		p := newIDP(t, a)
		p.answer(func(w http.ResponseWriter, _ *http.Request) {
			<-release
			_, _ = w.Write((&ring{keys: []*Key{a}}).jwks(testNow))
		})
		clock, _, v := remote(t, p)
		token := issue(t, setA, clock.Now(), "1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := v.Verify(ctx, token); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(release)
		expect(t, v, token, nil)
		if n := p.jwks.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
	t.Run("F17 a clock that is set back keeps nothing as it is", func(t *testing.T) {
		p := newIDP(t, a)
		clock, s, v := remote(t, p)
		expect(t, v, issue(t, setA, clock.Now(), "1"), nil)
		clock.Advance(-5 * time.Hour)
		p.publish(b)
		expect(t, v, issue(t, setB, clock.Now(), "2"), nil)
		settle(s)
		expect(t, v, issue(t, setA, clock.Now(), "3"), ErrInvalid)
	})
	t.Run("XCT-06 F26 Close ends a fetch, and leaves no goroutine", func(t *testing.T) {
		before := runtime.NumGoroutine()
		p := newIDP(t, a)
		p.answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		clock, s, v := remote(t, p, func(c *RemoteConfig) { c.Timeout = time.Hour })
		token := issue(t, setA, clock.Now(), "1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = v.Verify(ctx, token)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		expect(t, v, token, ErrUnavailable)
		p.Close()
		for range 1000 { // the server's own goroutines end a little later
			if runtime.NumGoroutine() <= before+2 {
				return
			}
			runtime.Gosched()
		}
		if n := runtime.NumGoroutine(); n > before+4 {
			t.Errorf("%d goroutines, %d before", n, before)
		}
	})
}

// A recorder notes what is asked for.
type recorder struct{ asked *[]string }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	*r.asked = append(*r.asked, req.URL.String())
	return http.DefaultTransport.RoundTrip(req)
}

func TestDiscover(t *testing.T) {
	a := testKey(t, "a", ES256)
	token := issue(t, testSet(t, a), testNow, "t")
	var asked []string
	verifier := func(t *testing.T, issuer string) *Verifier {
		t.Helper()
		asked = nil
		s, err := DiscoverKeySet(issuer, RemoteConfig{Now: fixed(testNow), Transport: recorder{&asked}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return testVerifier(t, s, fixed(testNow))
	}
	t.Run("OpenID Connect Discovery", func(t *testing.T) {
		p := newIDP(t, a)
		v := verifier(t, p.URL)
		expect(t, v, token, nil)
		if p.meta.Load() != 1 || p.jwks.Load() != 1 {
			t.Errorf("asked %d and %d times", p.meta.Load(), p.jwks.Load())
		}
	})
	t.Run("metadata with as many members as there are names for", func(t *testing.T) {
		for n, want := range map[int]error{maxMetadata: nil, maxMetadata + 1: ErrUnavailable} {
			p := newIDP(t, a)
			p.alter = func(m map[string]any) {
				for i := len(m); i < n; i++ {
					m[fmt.Sprintf("member_%d", i)] = true
				}
			}
			expect(t, verifier(t, p.URL), token, want)
		}
	})
	t.Run("RFC 8414 with a path", func(t *testing.T) {
		p := newIDP(t, a)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/oauth-authorization-server/tenant" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = fmt.Fprintf(w, `{"issuer":"http://%s/tenant","jwks_uri":"%s/jwks.json"}`, r.Host, p.URL)
		}))
		defer srv.Close()
		expect(t, verifier(t, srv.URL+"/tenant"), token, nil)
		if len(asked) != 3 || asked[0] != srv.URL+"/tenant/.well-known/openid-configuration" {
			t.Errorf("asked for %q", asked)
		}
	})
	for name, alter := range map[string]func(m map[string]any){
		"another issuer":          func(m map[string]any) { m["issuer"] = "https://evil.example.com" },
		"a slash more":            func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" },
		"no issuer":               func(m map[string]any) { delete(m, "issuer") },
		"no jwks_uri":             func(m map[string]any) { delete(m, "jwks_uri") },
		"a jwks_uri without TLS":  func(m map[string]any) { m["jwks_uri"] = "http://keys.example.com/jwks.json" },
		"a jwks_uri of a file":    func(m map[string]any) { m["jwks_uri"] = "file:///etc/passwd" },
		"a jwks_uri with a login": func(m map[string]any) { m["jwks_uri"] = "https://a:b@keys.example.com/" },
		"a wrong type":            func(m map[string]any) { m["issuer"] = 7 },
	} {
		t.Run("OID-08 metadata with "+name, func(t *testing.T) {
			p := newIDP(t, a)
			p.alter = alter
			expect(t, verifier(t, p.URL), token, ErrUnavailable)
			if len(asked) != 1 || asked[0] != p.URL+"/.well-known/openid-configuration" {
				t.Errorf("asked for %q", asked)
			}
		})
	}
	t.Run("addresses", func(t *testing.T) {
		for _, bad := range []string{"", "keys", "http://keys.example.com/", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/", "https://", "https://a:b@example.com", "https://example.com/#x", "http://[::2]/", "://"} {
			if _, err := NewRemoteKeySet(bad, RemoteConfig{}); err == nil {
				t.Errorf("%q is accepted", bad)
			}
			if _, err := DiscoverKeySet(bad, RemoteConfig{}); err == nil {
				t.Errorf("issuer %q is accepted", bad)
			}
		}
		for _, good := range []string{"https://keys.example.com/jwks.json?v=1", "http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:9/"} {
			if s, err := NewRemoteKeySet(good, RemoteConfig{}); err != nil {
				t.Errorf("%q: %v", good, err)
			} else if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("XCT-05 settings", func(t *testing.T) {
		for _, c := range []RemoteConfig{
			{Algorithms: []Algorithm{HS256}}, {Algorithms: []Algorithm{"none"}}, {RefreshEvery: time.Second}, {MaxAge: time.Second}, {Timeout: -1}, {RefreshEvery: time.Hour, MaxAge: time.Minute},
		} {
			if _, err := NewRemoteKeySet("https://keys.example.com/", c); err == nil {
				t.Errorf("%+v is accepted", c)
			}
		}
	})
}

func TestParseJWKS(t *testing.T) {
	good := testKey(t, "good", ES256)
	member := func(k *Key, changes ...string) string {
		text := string(k.jwk())
		for i := 0; i < len(changes); i += 2 {
			if !strings.Contains(text, changes[i]) {
				t.Fatalf("%s has no %s", text, changes[i])
			}
			text = strings.Replace(text, changes[i], changes[i+1], 1)
		}
		return text
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short := func(n string) string {
		return `{"kty":"RSA","kid":"x","alg":"RS256","e":"AQAB","n":"` + n + `"}`
	}
	other := testKey(t, "other", ES256)
	rs := testKey(t, "rs", RS256)
	for name, text := range map[string]string{
		"oct":                        `{"kty":"oct","kid":"h","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
		"a private member":           rfc7515A3,
		"a private member of RSA":    rfc7515A2,
		"RSA of 512 bits":            short("AKjD9k3ZV1qUvSxYVGhIo0E3n2hC8aYj7s1m9G1bJ7uE8cX0n8V5vVt1d0h2sZ1nY0m5s3xq5o6p7r8s9t0u1v"),
		"RSA of 1024 bits":           short(encodeInt(weak.N)),
		"a point off the curve":      member(other, `"y":"`, `"y":"A`, `","kid"`, `","kid"`),
		"use enc":                    member(other, `"use":"sig"`, `"use":"enc"`),
		"key_ops without verify":     member(other, `"use":"sig"`, `"key_ops":["encrypt"]`),
		"alg of another kty":         member(other, `"alg":"ES256"`, `"alg":"RS256"`),
		"alg of HMAC":                member(rs, `"alg":"RS256"`, `"alg":"HS256"`),
		"an encryption alg":          member(rs, `"alg":"RS256"`, `"alg":"RSA-OAEP"`),
		"an alg that is not allowed": member(testKey(t, "x", PS512)),
		"a number for kty":           `{"kty":7}`,
		"an empty object":            `{}`,
		"a kid with a quote":         member(other, `"kid":"other"`, `"kid":"a\"b"`),
		"no kty":                     member(other, `"kty":"EC",`, ``),
	} {
		t.Run("O06 OID-08 JWT-04 not used: "+name, func(t *testing.T) {
			keys, ignored, err := parseJWKS(`{"keys":[`+text+`,`+string(good.jwk())+`]}`, []Algorithm{RS256, ES256, EdDSA})
			if err != nil || len(keys) != 1 || keys[0].ID() != "good" || ignored == nil {
				t.Errorf("%s: %v, %v, %v", text, keys, ignored, err)
			}
			if keys, _, err := parseJWKS(`{"keys":[`+text+`]}`, []Algorithm{RS256, ES256, EdDSA}); err == nil {
				t.Errorf("%s alone: %v", text, keys)
			}
		})
	}
	t.Run("O06 OID-08 keys of one id: none of them", func(t *testing.T) {
		twin := member(other, `"kid":"other"`, `"kid":"good"`)
		keys, ignored, err := parseJWKS(`{"keys":[`+string(good.jwk())+`,`+twin+`,`+string(rs.jwk())+`]}`, []Algorithm{RS256, ES256})
		if err != nil || len(keys) != 1 || keys[0].ID() != "rs" || ignored == nil {
			t.Errorf("got %v, %v, %v", keys, ignored, err)
		}
	})
	t.Run("O06 10,000 keys", func(t *testing.T) {
		list := strings.Repeat(`{},`, 9_999) + `{}`
		if _, _, err := parseJWKS(`{"keys":[`+list+`]}`, []Algorithm{ES256}); !errors.Is(err, errManyKeys) {
			t.Errorf("got %v", err)
		}
	})
	for _, text := range []string{``, `{}`, `[]`, `null`, `{"keys":{}}`, `{"keys":null}`, `{"keys":[]}`, `{"keys":[` + string(good.jwk()) + `]}x`, `{"keys":[` + string(good.jwk()) + `],"keys":[]}`, `{"keys":[` + string(good.jwk()) + `],"Keys":[]}`, `{"keys":[{"kty":"EC","kty":"RSA"},` + string(good.jwk()) + `]}`} {
		t.Run(fmt.Sprintf("O06 a document that is none: %.20s", text), func(t *testing.T) {
			if keys, _, err := parseJWKS(text, []Algorithm{ES256}); err == nil {
				t.Errorf("got %v", keys)
			}
		})
	}
	t.Run("OID-08 a key without kid serves tokens without kid, if it is the only one of its alg", func(t *testing.T) {
		nameless := member(good, `"kid":"good",`, ``)
		tokenOf := func(k *Key, head string) string {
			payload, err := testClaims(testNow, "t").encode(nil)
			if err != nil {
				t.Fatal(err)
			}
			input := encoding.EncodeToString([]byte(head)) + "." + encoding.EncodeToString(payload)
			signature, err := k.signature(input)
			if err != nil {
				t.Fatal(err)
			}
			return input + "." + encoding.EncodeToString(signature)
		}
		for _, tc := range []struct {
			list string
			want error
		}{
			{nameless, nil}, {nameless + "," + string(rs.jwk()), nil}, {nameless + "," + string(other.jwk()), ErrInvalid}, {string(other.jwk()) + "," + nameless, ErrInvalid}, {string(good.jwk()), nil},
		} {
			p := newIDP(t)
			p.text(`{"keys":[` + tc.list + `]}`)
			_, _, v := remote(t, p)
			expect(t, v, tokenOf(good, `{"alg":"ES256","typ":"at+jwt"}`), tc.want)
		}
	})
	t.Run("an RSA key without alg is for the first RSA algorithm", func(t *testing.T) {
		text := `{"keys":[` + member(rs, `"alg":"RS256",`, ``) + `]}`
		for _, tc := range []struct {
			allowed []Algorithm
			want    Algorithm
		}{{[]Algorithm{ES256, RS256, PS256}, RS256}, {[]Algorithm{PS512, RS256}, PS512}, {[]Algorithm{ES256}, ""}} {
			keys, _, err := parseJWKS(text, tc.allowed)
			if (err == nil) != (tc.want != "") || err == nil && keys[0].Algorithm() != tc.want {
				t.Errorf("%v: %v, %v", tc.allowed, keys, err)
			}
		}
	})
}

func FuzzParseJWKS(f *testing.F) {
	f.Add(`{"keys":[` + rfc7515A3 + `,` + rfc8037A1 + `]}`)
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	f.Add(`{"keys":[{}],"x":[1,2,{"a":null}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, _, err := parseJWKS(text, []Algorithm{RS256, ES256, EdDSA})
		if err != nil {
			return
		}
		if _, err := newRing(nil, keys); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, k := range keys {
			if k.CanSign() || k.mac != nil {
				t.Fatalf("%q: %s signs", text, k)
			}
		}
	})
}
