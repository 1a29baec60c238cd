package oidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth/oidc"
)

const logoutReturn = origin + "/logged-out"

// withLogout adds the handlers of a Logout to a rig.
func withLogout(r *rig, change func(*oidc.LogoutConfig)) {
	r.t.Helper()
	cfg := oidc.LogoutConfig{
		SignOut:   func(_ http.ResponseWriter, req *http.Request) error { return r.sessions.SignOut(req.Context()) },
		ReturnURL: logoutReturn, Page: "/bye",
	}
	if change != nil {
		change(&cfg)
	}
	l, err := r.provider.Logout(cfg)
	must(r.t, err)
	r.mux.Handle("/logout", l.Start())
	r.mux.Handle("/logged-out", l.Return())
}

func TestLogout(t *testing.T) {
	const idToken = "e30.e30.AA"
	r := newRig(t, nil, nil)
	withLogout(r, func(c *oidc.LogoutConfig) { c.IDToken = func(*http.Request) (string, error) { return idToken, nil } })
	r.good()
	start := r.b.Post("/logout", nil)
	to, err := start.Location()
	must(t, err)
	if start.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), r.idp.URL+"/logout?") {
		t.Fatalf("%d %s", start.StatusCode, to)
	}
	if r.me(r.b) != "" {
		t.Fatal("the session lives on")
	}
	q := to.Query()
	if q.Get("client_id") != clientID || q.Get("id_token_hint") != idToken || q.Get("post_logout_redirect_uri") != logoutReturn || len(q.Get("state")) < 22 {
		t.Errorf("asked for %v", q)
	}
	back := r.b.Get(to.String())
	if back.StatusCode != http.StatusSeeOther {
		t.Fatalf("the provider: %d %s", back.StatusCode, back.Body)
	}
	done := r.b.Get(back.Header.Get("Location"))
	if done.StatusCode != http.StatusSeeOther || done.Header.Get("Location") != "/bye" {
		t.Fatalf("%d %s", done.StatusCode, done.Body)
	}
	t.Run("the state is good once, in that browser, and must be there", func(t *testing.T) {
		for name, b := range map[string]*authtest.Browser{"again": r.b, "another browser": r.b.Another(t)} {
			if resp := b.Get(back.Header.Get("Location")); resp.StatusCode != http.StatusBadRequest || resp.Problem().Code != "BAD_REQUEST" {
				t.Errorf("%s: %d %s", name, resp.StatusCode, resp.Body)
			}
		}
		for name, query := range map[string]string{"none": "", "empty": "?state=", "another": "?state=x", "twice": "?state=x&state=" + q.Get("state")} {
			b := r.b.Another(t)
			b.Post("/logout", nil)
			if resp := b.Get("/logged-out" + query); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	})
}

func TestLogoutRefusals(t *testing.T) {
	t.Run("a page of another site signs nobody out", func(t *testing.T) {
		r := newRig(t, nil, nil)
		ended := 0 // without the checks of a session.Manager
		withLogout(r, func(c *oidc.LogoutConfig) {
			c.SignOut = func(http.ResponseWriter, *http.Request) error { ended++; return nil }
		})
		resp := r.b.Post("/logout", nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if resp.StatusCode != http.StatusForbidden || ended != 0 {
			t.Errorf("%d", resp.StatusCode)
		}
		if resp := r.b.Get("/logout"); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" || ended != 0 {
			t.Errorf("GET: %d", resp.StatusCode)
		}
	})
	t.Run("a sign-out that fails is not called one", func(t *testing.T) {
		r := newRig(t, nil, nil)
		withLogout(r, func(c *oidc.LogoutConfig) {
			c.SignOut = func(http.ResponseWriter, *http.Request) error { return errors.New("the store is down") }
		})
		if resp := r.b.Post("/logout", nil); resp.StatusCode != http.StatusInternalServerError || r.idp.Count(hostileidp.Logout) != 0 {
			t.Errorf("%d", resp.StatusCode)
		}
	})
	for name, script := range map[string]hostileidp.Script{
		"has no sign-out": hostileidp.Change(func(o map[string]any) { o["end_session_endpoint"] = nil }),
		"is down":         hostileidp.Answer(500, "text/plain", "down"),
	} {
		t.Run("F19 a provider that "+name+": the user is signed out here", func(t *testing.T) {
			r := newRig(t, nil, nil)
			withLogout(r, func(c *oidc.LogoutConfig) {
				c.IDToken = func(*http.Request) (string, error) { return "x", errors.New("lost") }
			})
			r.good()
			r.idp.Script(hostileidp.Discovery, script)
			r.clock.Advance(2 * oidc.MaxStale)
			r.mux.Handle("POST /in", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				must(t, r.sessions.SignIn(w, req, &auth.Principal{Subject: "u"}))
			}))
			r.b.Post("/in", nil)
			if r.me(r.b) != "u" {
				t.Fatal("not signed in")
			}
			resp := r.b.Post("/logout", nil)
			if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/bye" || r.me(r.b) != "" {
				t.Errorf("%d %s", resp.StatusCode, resp.Body)
			}
		})
	}
}

func TestLogoutConfig(t *testing.T) {
	p, err := oidc.New(oidc.Config{Issuer: "https://login.example.com", ClientID: "c"})
	must(t, err)
	signOut := func(http.ResponseWriter, *http.Request) error { return nil }
	for name, tt := range map[string]struct {
		cfg oidc.LogoutConfig
		ok  bool
	}{
		"all":                        {oidc.LogoutConfig{SignOut: signOut, ReturnURL: logoutReturn}, true},
		"no way back":                {oidc.LogoutConfig{SignOut: signOut}, true},
		"loopback":                   {oidc.LogoutConfig{SignOut: signOut, ReturnURL: "http://127.0.0.1:8080/x", InsecureCookie: true}, true},
		"no SignOut":                 {oidc.LogoutConfig{ReturnURL: logoutReturn}, false},
		"plain HTTP":                 {oidc.LogoutConfig{SignOut: signOut, ReturnURL: "http://app.example.com/x"}, false},
		"loopback without a word":    {oidc.LogoutConfig{SignOut: signOut, ReturnURL: "http://127.0.0.1/x"}, false},
		"insecure cookies over TLS":  {oidc.LogoutConfig{SignOut: signOut, ReturnURL: logoutReturn, InsecureCookie: true}, false},
		"insecure cookies for no":    {oidc.LogoutConfig{SignOut: signOut, InsecureCookie: true}, false},
		"a page elsewhere":           {oidc.LogoutConfig{SignOut: signOut, Page: "//evil.example"}, false},
		"a return that is a path":    {oidc.LogoutConfig{SignOut: signOut, ReturnURL: "/x"}, false},
		"a return with a bad escape": {oidc.LogoutConfig{SignOut: signOut, ReturnURL: "https://app.example.com/%zz"}, false},
	} {
		if _, err := p.Logout(tt.cfg); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLogoutURL(t *testing.T) {
	r := newRig(t, nil, nil)
	r.idp.Script(hostileidp.Discovery, hostileidp.Change(func(o map[string]any) {
		o["end_session_endpoint"] = r.idp.URL + "/logout?x=1&state=planted"
	}))
	text, err := r.provider.LogoutURL(t.Context(), oidc.LogoutRequest{IDToken: strings.Repeat("x", 5000), Hint: "alice@example.com"})
	must(t, err)
	u, err := url.Parse(text)
	must(t, err)
	if got := u.Query().Encode(); got != "client_id=client&logout_hint=alice%40example.com&x=1" {
		t.Error(got)
	}
	r = newRig(t, nil, nil)
	r.idp.Script(hostileidp.Discovery, hostileidp.Change(func(o map[string]any) { o["end_session_endpoint"] = nil }))
	if _, err := r.provider.LogoutURL(t.Context(), oidc.LogoutRequest{}); !errors.Is(err, oidc.ErrNoLogout) {
		t.Error(err)
	}
}
