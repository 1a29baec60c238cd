package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
)

// quick gives up on a provider early.
func quick(c *oidc.Config) { c.HTTP.Timeout = 300 * time.Millisecond }

// TestDiscovery sends all metadata of the corpus through a whole sign-in.
func TestDiscovery(t *testing.T) {
	for _, c := range newRig(t, nil, nil).idp.DiscoveryCases() {
		t.Run(c.Name, func(t *testing.T) {
			change := quick
			if !c.Slow {
				change = nil
			}
			r := newRig(t, change, nil)
			for _, other := range r.idp.DiscoveryCases() { // it names its own address
				if other.Name == c.Name {
					r.idp.Script(hostileidp.Discovery, other.Script)
				}
			}
			if c.OK {
				r.good()
				return
			}
			begin := time.Now()
			r.refused("PROVIDER_FAILED")
			if d := time.Since(begin); d > 15*time.Second {
				t.Errorf("it took %s", d)
			}
			if n := r.idp.Count(hostileidp.Token); n != 0 {
				t.Errorf("%d token requests", n)
			}
			if got := r.events.of(oidc.EventMetadataFailed); len(got) != 1 || got[0].Resource != "oidc" || got[0].Err == nil {
				t.Errorf("events: %v", got)
			}
			// The flow works again as soon as the provider does.
			r.idp.Script(hostileidp.Discovery, nil)
			r.clock.Advance(oidc.RetryEvery)
			r.good()
		})
	}
}

// TestMetadata is for what the corpus of a server on loopback cannot show.
func TestMetadata(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	for _, tt := range []struct {
		name   string
		change func(m map[string]any)
		ok     bool
	}{
		{"OID-07 a good one", func(map[string]any) {}, true},
		{"OID-07 the issuer in another case", func(m map[string]any) { m["issuer"] = strings.ToUpper(m["issuer"].(string)) }, false},
		{"OID-07 the issuer is a list", func(m map[string]any) { m["issuer"] = []any{m["issuer"]} }, false},
		{"O08 keys on another host over https", func(m map[string]any) { m["jwks_uri"] = "https://keys.example.com/jwks" }, true},
		{"O08 userinfo over plain HTTP", func(m map[string]any) { m["userinfo_endpoint"] = "http://example.com/u" }, false},
		{"O08 end_session over plain HTTP", func(m map[string]any) { m["end_session_endpoint"] = "http://example.com/u" }, false},
		{"O08 a fragment", func(m map[string]any) { m["token_endpoint"] = m["token_endpoint"].(string) + "#x" }, false},
		{"O08 a user in an address", func(m map[string]any) { m["token_endpoint"] = "https://user@example.com/token" }, false},
		{"no code flow", func(m map[string]any) { m["response_types_supported"] = []string{"id_token"} }, false},
		{"response types are not said", func(m map[string]any) { delete(m, "response_types_supported") }, true},
		{"OID-01 algorithms are not said: RS256", func(m map[string]any) { delete(m, "id_token_signing_alg_values_supported") }, true},
		{"OID-01 algorithms are text", func(m map[string]any) { m["id_token_signing_alg_values_supported"] = "RS256" }, false},
		{"null where nothing has to be", func(m map[string]any) {
			for _, name := range []string{"userinfo_endpoint", "end_session_endpoint", "response_types_supported", "authorization_response_iss_parameter_supported"} {
				m[name] = nil
			}
		}, true},
		{"OID-07 the issuer is null", func(m map[string]any) { m["issuer"] = nil }, false},
		{"O08 the keys are null", func(m map[string]any) { m["jwks_uri"] = nil }, false},
		{"OAU-04 the promise of iss is text", func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = "true" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub(t, "")
			m := s.metadata(s.URL)
			tt.change(m)
			s.set(discoveryPath, m)
			got, err := at(t, s, "", clock, nil).Metadata(t.Context())
			if tt.ok && (err != nil || got.Issuer != s.URL || len(got.Algorithms) == 0) || !tt.ok && !errors.Is(err, oauth.ErrProvider) {
				t.Fatalf("%+v, %v", got, err)
			}
			if err == nil {
				for _, alg := range got.Algorithms {
					if alg == "HS256" || alg == "none" {
						t.Errorf("OID-01 %s is taken", alg)
					}
				}
			}
		})
	}
	t.Run("F19 a certificate that nobody knows, and a port where nobody listens", func(t *testing.T) {
		server := httptest.NewTLSServer(http.NotFoundHandler())
		defer server.Close()
		for _, issuer := range []string{server.URL, "http://127.0.0.1:1"} {
			p, err := oidc.New(oidc.Config{Issuer: issuer, ClientID: "c"})
			must(t, err)
			if _, err := p.Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) {
				t.Errorf("%s: %v", issuer, err)
			}
		}
	})
	t.Run("O08 plain HTTP below an issuer with https", func(t *testing.T) {
		doc := `{"issuer":"https://login.example.com","authorization_endpoint":"https://login.example.com/a",` +
			`"token_endpoint":"http://127.0.0.1/t","jwks_uri":"https://login.example.com/k"}`
		p, err := oidc.New(oidc.Config{Issuer: "https://login.example.com", ClientID: "c", HTTP: oauth.HTTPConfig{Transport: answers(doc)}})
		must(t, err)
		if _, err := p.Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) || !strings.Contains(err.Error(), "token_endpoint") {
			t.Fatal(err)
		}
	})
}

// answers is a transport that always says the same.
type answers string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: readCloser{strings.NewReader(string(a))},
	}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// TestWhereMetadataIs is OpenID Connect Discovery §4.1 and RFC 8414 §3.1.
func TestWhereMetadataIs(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	for path, where := range map[string]string{
		"":           discoveryPath,
		"/":          discoveryPath,
		"/tenant":    "/tenant" + discoveryPath,
		"/tenant/":   "/tenant" + discoveryPath,
		"/a%2Fb/c":   "/a/b/c" + discoveryPath, // as a server sees it
		"/realms/x/": "/realms/x" + discoveryPath,
	} {
		t.Run("OID-07 an issuer that ends with "+path, func(t *testing.T) {
			s := newStub(t, "")
			s.set(where, s.metadata(s.URL+path))
			m, err := at(t, s, path, clock, nil).Metadata(t.Context())
			if err != nil || m.Issuer != s.URL+path {
				t.Fatal(m, err)
			}
			other := "/"
			if strings.HasSuffix(path, "/") {
				other = ""
			}
			if _, err := at(t, s, strings.TrimSuffix(path, "/")+other, clock, nil).Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) {
				t.Errorf("with or without the slash it is another issuer: %v", err)
			}
		})
	}
	t.Run("RFC 8414 metadata of a server without OpenID Connect Discovery", func(t *testing.T) {
		s := newStub(t, "")
		s.set("/.well-known/oauth-authorization-server/tenant", s.metadata(s.URL+"/tenant"))
		if _, err := at(t, s, "/tenant", clock, nil).Metadata(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("OID-07 metadata of another issuer is not looked for elsewhere", func(t *testing.T) {
		s := newStub(t, "")
		s.set(discoveryPath, s.metadata("https://attacker.example"))
		s.set("/.well-known/oauth-authorization-server", s.metadata(s.URL))
		if _, err := at(t, s, "", clock, nil).Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) {
			t.Fatal(err)
		}
	})
}

// TestMetadataIsKept: lazy, cached, refreshed, bounded.
func TestMetadataIsKept(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	s := newStub(t, "")
	p := at(t, s, "", clock, nil)
	if n := s.asked(discoveryPath); n != 0 {
		t.Fatalf("New asks %d times", n)
	}
	get := func(fetches int) {
		t.Helper()
		if _, err := p.Registration(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.asked(discoveryPath); n != fetches {
			t.Fatalf("%d fetches, want %d", n, fetches)
		}
	}
	get(1)
	get(1)
	clock.Advance(oidc.RefreshEvery - time.Second)
	get(1)
	clock.Advance(time.Second)
	get(2)
	clock.Advance(-48 * time.Hour) // a clock that was set back must not keep it for ever
	get(3)

	t.Run("F20 while the provider is down, what is known serves on, and no longer than a day", func(t *testing.T) {
		bad := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		s.set(discoveryPath, bad)
		clock.Advance(oidc.RefreshEvery)
		get(4)
		get(4) // not again at once
		clock.Advance(oidc.RetryEvery)
		get(5)
		clock.Advance(oidc.MaxStale)
		if _, err := p.Registration(t.Context()); !errors.Is(err, oauth.ErrProvider) {
			t.Fatalf("after a day: %v", err)
		}
		s.set(discoveryPath, s.metadata(s.URL))
		if _, err := p.Registration(t.Context()); !errors.Is(err, oauth.ErrProvider) {
			t.Fatalf("right after a failure: %v", err)
		}
		clock.Advance(oidc.RetryEvery)
		if _, err := p.Registration(t.Context()); err != nil {
			t.Fatalf("I8 after the retry interval: %v", err)
		}
	})
	t.Run("a change is seen, also a turn to the worse", func(t *testing.T) {
		m := s.metadata(s.URL)
		m["token_endpoint"] = s.URL + "/other"
		s.set(discoveryPath, m)
		clock.Advance(oidc.RefreshEvery)
		reg, err := p.Registration(t.Context())
		if err != nil || reg.TokenURL != s.URL+"/other" {
			t.Fatal(reg, err)
		}
		s.set(discoveryPath, s.metadata("https://attacker.example"))
		clock.Advance(oidc.RefreshEvery)
		if reg, err := p.Registration(t.Context()); err != nil || reg.TokenURL != s.URL+"/other" {
			t.Fatal(reg, err)
		}
	})
}

// slow is a transport of one provider that answers after a time, or when it is told to.
type slow struct {
	doc   answers
	delay time.Duration
	calls atomic.Int32
	boom  bool
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls.Add(1)
	if s.boom {
		panic("transport")
	}
	select {
	case <-time.After(s.delay):
		return s.doc.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestOneFetchForAll(t *testing.T) {
	doc := answers(`{"issuer":"https://login.example.com","authorization_endpoint":"https://login.example.com/a",` +
		`"token_endpoint":"https://login.example.com/t","jwks_uri":"https://login.example.com/k"}`)
	build := func(s *slow) *oidc.Provider {
		p, err := oidc.New(oidc.Config{Issuer: "https://login.example.com", ClientID: "c", HTTP: oauth.HTTPConfig{Transport: s, Timeout: 5 * time.Second}})
		must(t, err)
		return p
	}
	t.Run("OID-08 a hundred who wait make one fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{doc: doc, delay: time.Second}
			p := build(s)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if _, err := p.Metadata(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := s.calls.Load(); n != 1 {
				t.Errorf("%d fetches", n)
			}
		})
	})
	t.Run("F15 who began the fetch goes, and it goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{doc: doc, delay: 3 * time.Second}
			p := build(s)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := p.Metadata(ctx); err != nil || s.calls.Load() != 1 {
				t.Errorf("%v, %d fetches", err, s.calls.Load())
			}
		})
	})
	t.Run("F19 who waits for another's fetch goes when they must", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := build(&slow{doc: doc, delay: 3 * time.Second})
			var first sync.WaitGroup
			first.Go(func() { _, _ = p.Metadata(t.Context()) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begin := time.Now()
			if _, err := p.Metadata(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, oauth.ErrProvider) || time.Since(begin) != time.Second {
				t.Errorf("%v after %s", err, time.Since(begin))
			}
			first.Wait()
		})
	})
	t.Run("F19 a provider that stalls costs one timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{doc: doc, delay: time.Hour}
			p := build(s)
			begin := time.Now()
			if _, err := p.Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) || time.Since(begin) > 6*time.Second {
				t.Errorf("%v after %s", err, time.Since(begin))
			}
			begin, before := time.Now(), s.calls.Load()
			if _, err := p.Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) || time.Since(begin) != 0 || s.calls.Load() != before {
				t.Errorf("who comes next: %v after %s", err, time.Since(begin))
			}
		})
	})
	t.Run("F16 a panic of the transport is a failure, and the next fetch works", func(t *testing.T) {
		s, clock := &slow{doc: doc, boom: true}, authtest.NewClock(time.Now())
		p, err := oidc.New(oidc.Config{Issuer: "https://login.example.com", ClientID: "c", HTTP: oauth.HTTPConfig{Transport: s}, Now: clock.Now})
		must(t, err)
		if _, err := p.Metadata(t.Context()); !errors.Is(err, oauth.ErrProvider) {
			t.Error(err)
		}
		s.boom = false
		clock.Advance(oidc.RetryEvery)
		if _, err := p.Metadata(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRegistration holds what a Flow asks for to the configuration.
func TestRegistration(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	s := newStub(t, "")
	m := s.metadata(s.URL)
	m["authorization_response_iss_parameter_supported"] = true
	s.set(discoveryPath, m)
	auth := oauth.ClientSecretPost("s")
	reg, err := at(t, s, "", clock, func(c *oidc.Config) {
		c.Auth, c.Scopes, c.FormPost, c.MaxAge, c.ACR = auth, []string{"groups"}, true, time.Hour, []string{"a", "b"}
		c.Params = map[string][]string{"prompt": {"login"}}
	}).Registration(t.Context())
	must(t, err)
	got := fmt.Sprint(reg.AuthURL == s.URL+"/authorize", reg.TokenURL == s.URL+"/token", reg.Issuer == s.URL, reg.PromisesIssuer,
		reg.ClientID, reg.Auth != nil, reg.Scopes, reg.Params, reg.FormPost, reg.Nonce, reg.MaxAge, reg.FormTokens)
	want := fmt.Sprint(true, true, true, true, clientID, true, []string{"openid", "groups"},
		map[string][]string{"prompt": {"login"}, "acr_values": {"a b"}}, true, true, time.Hour, false)
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	reg, err = at(t, s, "", clock, nil).Registration(t.Context())
	if err != nil || fmt.Sprint(reg.Scopes) != "[openid email profile]" || !reg.Nonce {
		t.Error(reg, err)
	}
}
