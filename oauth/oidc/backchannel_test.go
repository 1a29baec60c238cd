package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/oauth/oidc"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// A channel is the back-channel endpoint of a rig.
type channel struct {
	*rig
	h   http.Handler
	jti atomic.Int32
}

func newChannel(t *testing.T, change func(*oidc.BackchannelConfig)) *channel {
	t.Helper()
	c := &channel{rig: newRig(t, nil, nil)}
	cfg := oidc.BackchannelConfig{Links: c.store, Revoker: c.sessions}
	if change != nil {
		change(&cfg)
	}
	var err error
	c.h, err = c.provider.Backchannel(cfg)
	must(t, err)
	return c
}

// token is a logout token for alice; a claim or header member of nil is taken out.
func (c *channel) token(header, more map[string]any) string {
	now := c.clock.Now()
	head := map[string]any{"typ": "logout+jwt", "alg": "ES256", "kid": "1"}
	claims := map[string]any{
		"iss": c.idp.URL, "aud": clientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": fmt.Sprint("j-", c.jti.Add(1)),
		"events": map[string]any{logoutEvent: map[string]any{}}, "sub": "alice-7", "sid": oauthtest.SessionID("alice-7"),
	}
	maps.Copy(head, header)
	maps.Copy(claims, more)
	for _, m := range []map[string]any{head, claims} {
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	}
	return c.idp.SignES256(head, claims)
}

func (c *channel) post(token string) *httptest.ResponseRecorder {
	return c.postForm(url.Values{"logout_token": {token}})
}

func (c *channel) postForm(form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/backchannel", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w
}

func TestBackchannel(t *testing.T) {
	c := newChannel(t, nil)
	c.good()
	second := c.b.Another(t)
	if resp := c.signIn(second); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(resp.Body)
	}
	stranger := c.b.Another(t)
	c.idp.Good.SetUsers(oauthtest.User{Subject: "bob-8", Email: "bob@example.com"})
	if resp := c.signIn(stranger); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(resp.Body)
	}
	token := c.token(nil, nil)
	w := c.postForm(url.Values{"logout_token": {token}, "something": {"else"}}) // §2.5: to be ignored
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if c.me(c.b) != "" || c.me(second) != "" {
		t.Error("OID-10 a session of the user lives on")
	}
	if c.me(stranger) == "" {
		t.Error("OID-10 somebody else is signed out")
	}
	if got := c.events.of(oidc.EventLogout); len(got) != 1 || !strings.Contains(got[0].Subject, "alice-7") {
		t.Errorf("events: %v", got)
	}
	t.Run("OID-10 a replay does nothing", func(t *testing.T) {
		c.idp.Good.SetUsers(oauthtest.User{Subject: "alice-7"})
		c.good()
		if w := c.post(token); w.Code != http.StatusBadRequest || c.me(c.b) == "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if got := c.events.of(auth.EventRefused); len(got) != 1 || !errors.Is(got[0].Err, oidc.ErrLogoutToken) {
			t.Errorf("events: %v", got)
		}
	})
	t.Run("OID-10 who has no account here is signed out already", func(t *testing.T) {
		if w := c.post(c.token(nil, map[string]any{"sub": "carol-9"})); w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("OID-10 without sid it is about all sessions", func(t *testing.T) {
		if w := c.post(c.token(nil, map[string]any{"sid": nil})); w.Code != http.StatusOK || c.me(c.b) != "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// TestLogoutTokens is §2.6 of Back-Channel Logout.
func TestLogoutTokens(t *testing.T) {
	type m = map[string]any
	unix := func(c *channel, d time.Duration) int64 { return c.clock.Now().Add(d).Unix() }
	for _, tt := range []struct {
		name   string
		header m
		claims func(c *channel) m
		skip   bool
		ok     bool
	}{
		{"a good one", nil, nil, false, true},
		{"typ in full", m{"typ": "application/logout+jwt"}, nil, false, true},
		{"typ JWT", m{"typ": "JWT"}, nil, false, false},
		{"no typ", m{"typ": nil}, nil, false, false},
		{"typ of an access token", m{"typ": "at+jwt"}, nil, false, false},
		{"typ JWT of an old provider", m{"typ": "JWT"}, nil, true, true},
		{"no typ of an old provider", m{"typ": nil}, nil, true, true},
		{"typ of an access token of an old provider", m{"typ": "at+jwt"}, nil, true, false},
		{"a nonce", nil, func(*channel) m { return m{"nonce": "n"} }, false, false},
		{"a nonce that is null", nil, func(*channel) m { return m{"nonce": jsonNull{}} }, false, false},
		{"no events", nil, func(*channel) m { return m{"events": nil} }, false, false},
		{"other events", nil, func(*channel) m { return m{"events": m{"http://schemas.openid.net/event/other": m{}}} }, false, false},
		{"an event that is true", nil, func(*channel) m { return m{"events": m{logoutEvent: true}} }, false, false},
		{"events as a list", nil, func(*channel) m { return m{"events": []string{logoutEvent}} }, false, false},
		{"an ID token of an old provider", m{"typ": "JWT"}, func(*channel) m { return m{"events": nil, "nonce": "n"} }, true, false},
		{"another issuer", nil, func(*channel) m { return m{"iss": "https://evil.example"} }, false, false},
		{"another audience", nil, func(*channel) m { return m{"aud": "another"} }, false, false},
		{"a stranger in the audience", nil, func(*channel) m { return m{"aud": []string{clientID, "stranger"}, "azp": clientID} }, false, false},
		{"no iat", nil, func(*channel) m { return m{"iat": nil} }, false, false},
		{"iat of long ago", nil, func(c *channel) m { return m{"iat": unix(c, -7*time.Minute)} }, false, false},
		{"iat in the future", nil, func(c *channel) m { return m{"iat": unix(c, 2*time.Minute)} }, false, false},
		{"no exp", nil, func(*channel) m { return m{"exp": nil} }, false, false},
		{"expired", nil, func(c *channel) m { return m{"exp": unix(c, -2*time.Minute)} }, false, false},
		{"no jti", nil, func(*channel) m { return m{"jti": nil} }, false, false},
		{"an empty jti", nil, func(*channel) m { return m{"jti": ""} }, false, false},
		{"a jti that is huge", nil, func(*channel) m { return m{"jti": strings.Repeat("j", 1000)} }, false, false},
		{"neither sub nor sid", nil, func(*channel) m { return m{"sub": nil, "sid": nil} }, false, false},
		{"only sid, and nobody knows sessions", nil, func(*channel) m { return m{"sub": nil} }, false, false},
		{"a sub that is a list", nil, func(*channel) m { return m{"sub": []string{"alice-7"}} }, false, false},
		{"a sub that is huge", nil, func(*channel) m { return m{"sub": strings.Repeat("s", 256)} }, false, false},
		{"an unknown kid", m{"kid": "x"}, nil, false, false},
		{"alg none", m{"alg": "none"}, nil, false, false},
	} {
		t.Run("OID-10 "+tt.name, func(t *testing.T) {
			c := newChannel(t, func(cfg *oidc.BackchannelConfig) { cfg.SkipTypeCheck = tt.skip })
			c.good()
			var claims m
			if tt.claims != nil {
				claims = tt.claims(c)
			}
			w := c.post(c.token(tt.header, claims))
			if ended := c.me(c.b) == ""; ended != tt.ok || (w.Code == http.StatusOK) != tt.ok || !tt.ok && w.Code != http.StatusBadRequest {
				t.Fatalf("%d %s, ended %v", w.Code, w.Body, ended)
			}
		})
	}
	t.Run("OID-10 for handlers of one's own", func(t *testing.T) {
		c := newChannel(t, nil)
		tok, err := c.provider.VerifyLogoutToken(t.Context(), c.token(nil, nil))
		if err != nil || tok.Subject != "alice-7" || tok.SessionID == "" || tok.ID == "" {
			t.Errorf("%+v, %v", tok, err)
		}
		if tok, err := c.provider.VerifyLogoutToken(t.Context(), c.token(map[string]any{"typ": "JWT"}, nil)); !errors.Is(err, oidc.ErrLogoutToken) {
			t.Errorf("%+v, %v", tok, err)
		}
	})
	t.Run("OID-09 an ID token is no logout token", func(t *testing.T) {
		c := newChannel(t, func(cfg *oidc.BackchannelConfig) { cfg.SkipTypeCheck = true })
		c.good()
		id := idToken(c.idp.URL, c.clock.Now())
		id["jti"] = "j"
		if w := c.post(c.idp.SignES256(map[string]any{"alg": "ES256", "kid": "1"}, id)); w.Code != http.StatusBadRequest || c.me(c.b) == "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("OID-09 a logout token is no ID token", func(t *testing.T) {
		c := newChannel(t, nil)
		c.idp.Script(hostileidp.Token, c.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
			tok.Claims["events"] = map[string]any{logoutEvent: map[string]any{}}
		}))
		c.refused("IDENTITY_INVALID")
	})
}

func TestBackchannelRequests(t *testing.T) {
	c := newChannel(t, nil)
	good := c.token(nil, nil)
	for name, tt := range map[string]struct {
		method, media, body string
		status              int
	}{
		"GET":                    {http.MethodGet, "", "", http.StatusMethodNotAllowed},
		"JSON":                   {http.MethodPost, "application/json", `{"logout_token":"x"}`, http.StatusUnsupportedMediaType},
		"no token":               {http.MethodPost, "application/x-www-form-urlencoded", "a=b", http.StatusBadRequest},
		"two tokens":             {http.MethodPost, "application/x-www-form-urlencoded", "logout_token=" + good + "&logout_token=" + good, http.StatusBadRequest},
		"a form that is none":    {http.MethodPost, "application/x-www-form-urlencoded", "%zz", http.StatusBadRequest},
		"a body that is too big": {http.MethodPost, "application/x-www-form-urlencoded", "logout_token=" + strings.Repeat("x", 1<<20), http.StatusRequestEntityTooLarge},
		"a token in the query":   {http.MethodPost, "application/x-www-form-urlencoded", "", http.StatusBadRequest},
		"something else":         {http.MethodPost, "application/x-www-form-urlencoded", "logout_token=x", http.StatusBadRequest},
	} {
		r := httptest.NewRequest(tt.method, "/backchannel?logout_token="+good, strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.media)
		w := httptest.NewRecorder()
		c.h.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := c.post(good); w.Code != http.StatusOK {
		t.Errorf("after all: %d %s", w.Code, w.Body)
	}
	t.Run("F19 keys that cannot be fetched are the fault of the provider", func(t *testing.T) {
		c := newChannel(t, nil)
		c.idp.Script(hostileidp.JWKS, hostileidp.Answer(500, "text/plain", "down"))
		if w := c.post(c.token(nil, nil)); w.Code != http.StatusBadGateway {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// failing is a Revoker that fails as often as it is told to.
type failing struct {
	next  auth.Revoker
	left  atomic.Int32
	panic bool
	calls atomic.Int32
}

func (f *failing) RevokeSubject(ctx context.Context, subject, except string) error {
	f.calls.Add(1)
	if f.left.Add(-1) >= 0 {
		if f.panic {
			panic("revoker")
		}
		return errors.New("the store is down")
	}
	return f.next.RevokeSubject(ctx, subject, except)
}

func TestBackchannelFailures(t *testing.T) {
	for name, boom := range map[string]bool{"I2 a revocation that fails is not called done, and may come again": false, "F16 so with one that panics": true} {
		t.Run(name, func(t *testing.T) {
			f := &failing{panic: boom}
			c := newChannel(t, func(cfg *oidc.BackchannelConfig) { f.next = cfg.Revoker; cfg.Revoker = f })
			f.left.Store(1)
			c.good()
			token := c.token(nil, nil)
			if w := c.post(token); w.Code < 500 || c.me(c.b) == "" {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if w := c.post(token); w.Code != http.StatusOK || c.me(c.b) != "" {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if w := c.post(token); w.Code != http.StatusBadRequest || f.calls.Load() != 2 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
	t.Run("OID-10 a link store that fails", func(t *testing.T) {
		c := newChannel(t, func(cfg *oidc.BackchannelConfig) { cfg.Links = broken{} })
		if w := c.post(c.token(nil, nil)); w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("F15 the provider hangs up: it is done all the same", func(t *testing.T) {
		c := newChannel(t, nil)
		c.good()
		ctx, cancel := context.WithCancel(t.Context())
		revoked := false
		c2, err := c.provider.Backchannel(oidc.BackchannelConfig{Links: c.store, Revoker: auth.RevokerFunc(func(inner context.Context, _, _ string) error {
			cancel()
			revoked = inner.Err() == nil
			return nil
		})})
		must(t, err)
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(url.Values{"logout_token": {c.token(nil, nil)}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c2.ServeHTTP(httptest.NewRecorder(), r)
		if !revoked {
			t.Error("it was broken off")
		}
	})
	t.Run("OID-10 of fifty copies at once one works", func(t *testing.T) {
		f := &failing{}
		c := newChannel(t, func(cfg *oidc.BackchannelConfig) { f.next = cfg.Revoker; cfg.Revoker = f })
		c.good()
		token := c.token(nil, nil)
		var done atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if c.post(token).Code == http.StatusOK {
					done.Add(1)
				}
			})
		}
		wg.Wait()
		if done.Load() != 1 || f.calls.Load() != 1 {
			t.Errorf("%d answers, %d revocations", done.Load(), f.calls.Load())
		}
	})
}

type broken struct{}

func (broken) Find(context.Context, string, string) (oauth.Link, error) {
	return oauth.Link{}, errors.New("down")
}

// TestEndSession is for services that know which of their sessions is of which at the
// provider.
func TestEndSession(t *testing.T) {
	var got []oidc.LogoutToken
	var fail error
	c := newChannel(t, func(cfg *oidc.BackchannelConfig) {
		cfg.EndSession = func(_ context.Context, tok *oidc.LogoutToken) error { got = append(got, *tok); return fail }
	})
	c.good()
	if c.last.SessionID != oauthtest.SessionID("alice-7") {
		t.Fatalf("%+v", c.last)
	}
	if w := c.post(c.token(nil, map[string]any{"sub": nil})); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(got) != 1 || got[0].SessionID != c.last.SessionID || got[0].Subject != "" || got[0].Issuer != c.idp.URL || got[0].ID == "" || got[0].IssuedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	if c.me(c.b) == "" {
		t.Error("all sessions were ended")
	}
	if w := c.post(c.token(nil, map[string]any{"sid": nil})); w.Code != http.StatusOK || c.me(c.b) != "" || len(got) != 1 {
		t.Errorf("without sid: %d %s", w.Code, w.Body)
	}
	fail = errors.New("down")
	if w := c.post(c.token(nil, nil)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := c.provider.Backchannel(oidc.BackchannelConfig{Links: c.store}); err == nil {
		t.Error("no Revoker")
	}
	if _, err := c.provider.Backchannel(oidc.BackchannelConfig{Revoker: c.sessions}); err == nil {
		t.Error("no Links")
	}
}
