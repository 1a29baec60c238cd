package oauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/problem"
)

var problemWriter = problem.WriteError

func TestSignIn(t *testing.T) {
	r := newRig(t, setup{})
	resp := r.b.Get(r.answered(r.b, "/auth/test?return_to=%2Forders%3Fpage%3D2").String())
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/orders?page=2" {
		t.Fatalf("%d to %q, want the page that was asked for", resp.StatusCode, resp.Header.Get("Location"))
	}
	if who := r.me(r.b); who != "user-1" {
		t.Fatalf("%q is signed in, want user-1", who)
	}
	t.Run("a second sign-in finds the same user", func(t *testing.T) {
		other := r.b.Another(t)
		r.want(r.signIn(other), http.StatusSeeOther, "")
		if who := r.me(other); who != "user-1" || r.users.count() != 1 {
			t.Fatalf("%q of %d users", who, r.users.count())
		}
	})
	t.Run("events tell of each step", func(t *testing.T) {
		for kind, n := range map[auth.EventKind]int{oauth.EventStarted: 2, oauth.EventIdentity: 2, oauth.EventLinked: 1, auth.EventSignInFail: 0} {
			if got := r.seen(kind); got != n {
				t.Errorf("%s: %d events, want %d", kind, got, n)
			}
		}
	})
	t.Run("a refusal is an event", func(t *testing.T) {
		r.b.Get("/auth/test/callback?code=x")
		if r.seen(auth.EventSignInFail) != 1 {
			t.Error("no event")
		}
	})
}

// A browser says where each step comes from, and the last one comes from another site.
func TestSignInAcrossSites(t *testing.T) {
	r := newRig(t, setup{})
	resp := r.b.Follow(r.b.Get("/auth/test?return_to=/orders"))
	if resp.Body != "page /orders" || r.me(r.b) != "user-1" {
		t.Errorf("%d %s", resp.StatusCode, resp.Body)
	}
	b := r.b.Another(t)
	r.want(b.Get(r.answered(b, "/auth/test").String(), "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), http.StatusSeeOther, "")
}

// Many people at once, in a few browsers each.
func TestManySignIns(t *testing.T) {
	t.Run("I6 of 200 sign-ins at once each is its own", func(t *testing.T) {
		r := newRig(t, setup{})
		step := func(b *authtest.Browser, at string) *authtest.Response {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, at, http.NoBody)
			if err != nil {
				t.Error(err)
				return nil
			}
			req.Header.Set("Accept", "text/html")
			resp, err := b.Try(req)
			if err != nil {
				t.Error(err)
				return nil
			}
			return resp
		}
		var wg sync.WaitGroup
		for range 50 {
			b := r.b.Another(t)
			wg.Go(func() {
				for i := range 4 {
					at := fmt.Sprintf("%s/auth/test?return_to=/page%d", origin, i)
					for range 3 {
						resp := step(b, at)
						if resp == nil {
							return
						}
						to, err := resp.Location()
						if err != nil {
							t.Errorf("%d %s", resp.StatusCode, resp.Body)
							return
						}
						at = to.String()
					}
					if want := fmt.Sprintf("%s/page%d", origin, i); at != want {
						t.Errorf("a sign-in ends at %s, want %s", at, want)
					}
				}
			})
		}
		wg.Wait()
		if n := r.users.count(); n != 1 {
			t.Errorf("%d users", n)
		}
	})
}

func TestAuthorizationRequest(t *testing.T) {
	r := newRig(t, setup{generic: func(c *oauth.GenericConfig) {
		c.AuthURL += "?tenant=1&state=planted&response_type=token"
		c.Params = map[string]string{"prompt": "select_account"}
	}})
	first := r.begin(r.b, "/auth/test").Query()
	t.Run("OAU-02 PKCE is S256 and fresh", func(t *testing.T) {
		second := r.begin(r.b, "/auth/test").Query()
		if first.Get("code_challenge_method") != "S256" || len(first.Get("code_challenge")) != 43 || first.Get("code_challenge") == second.Get("code_challenge") {
			t.Errorf("challenges %q and %q", first.Get("code_challenge"), second.Get("code_challenge"))
		}
		r.signIn(r.b)
		token := r.idp.Requests(hostileidp.Token)[0]
		verifier := token.Form.Get("code_verifier")
		if len(verifier) < 43 {
			t.Errorf("the verifier has %d characters", len(verifier))
		}
		sum := sha256.Sum256([]byte(verifier))
		if last := r.idp.Requests(hostileidp.Authorize); last[len(last)-1].Query.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Error("the verifier is not that of the challenge")
		}
	})
	t.Run("OAU-01 state has 256 bits and is fresh", func(t *testing.T) {
		state := first.Get("state")
		if raw, err := base64.RawURLEncoding.DecodeString(state); err != nil || len(raw) != 32 || state == r.begin(r.b, "/auth/test").Query().Get("state") {
			t.Errorf("state %q", state)
		}
	})
	t.Run("OAU-13 what is configured is asked for, and no more", func(t *testing.T) {
		for name, want := range map[string]string{
			"scope": "profile email", "client_id": "client", "response_type": "code", "tenant": "1", "prompt": "select_account",
			"nonce": "", "max_age": "", "response_mode": "",
		} {
			if got := first[name]; want == "" && got != nil || want != "" && !slices.Equal(got, []string{want}) {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	t.Run("OAU-07 the redirect URI is that of the configuration, whatever the Host", func(t *testing.T) {
		resp := r.b.Get("https://evil.example.com/auth/test", "X-Forwarded-Host", "evil.example")
		to, err := resp.Location()
		if err != nil || to.Query().Get("redirect_uri") != callbackURL {
			t.Errorf("redirect_uri of %v, %v", to, err)
		}
	})
}

func TestOptions(t *testing.T) {
	r := newRig(t, setup{})
	r.mux.HandleFunc("GET /begin", func(w http.ResponseWriter, req *http.Request) {
		to, err := r.flow.Begin(w, req, oauth.Options{Params: url.Values{"login_hint": {"alice"}}, MaxAge: 90 * time.Second})
		if err != nil {
			t.Error(err)
		}
		http.Redirect(w, req, to, http.StatusSeeOther)
	})
	q := r.begin(r.b, "/begin").Query()
	if q.Get("login_hint") != "alice" || q.Get("max_age") != "90" {
		t.Errorf("the options are not in %v", q)
	}
	r.mux.HandleFunc("GET /wrong", func(w http.ResponseWriter, req *http.Request) {
		for _, o := range []oauth.Options{
			{Params: url.Values{"redirect_uri": {"https://evil.example"}}}, {Params: url.Values{"state": {"x"}}}, {Params: url.Values{"code_challenge_method": {"plain"}}},
			{MaxAge: -time.Second}, {MaxAge: time.Millisecond}, {Link: &auth.Principal{Subject: "a"}}, {Link: &auth.Principal{CredentialID: "c"}},
		} {
			if to, err := r.flow.Begin(w, req, o); err == nil {
				t.Errorf("%+v: %s, want an error", o, to)
			}
		}
	})
	if resp := r.b.Get("/wrong"); len(resp.Cookies()) != 0 {
		t.Error("a refused Begin sets a cookie")
	}
}

func TestMethods(t *testing.T) {
	r := newRig(t, setup{})
	for _, c := range []struct{ method, path, allow string }{
		{"HEAD", "/auth/test", "GET, POST"}, {"DELETE", "/auth/test", "GET, POST"}, {"GET", "/link/test", "POST"},
		{"PUT", "/auth/test/callback", "GET, POST"}, {"HEAD", "/auth/test/callback", "GET, POST"}, {"POST", "/auth/test/callback", "GET"},
	} {
		resp := r.b.Fetch(c.method, c.path, nil)
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != c.allow || len(resp.Cookies()) != 0 {
			t.Errorf("%s %s: %d, Allow %q, %d cookies", c.method, c.path, resp.StatusCode, resp.Header.Get("Allow"), len(resp.Cookies()))
		}
	}
}

func TestAttemptCookie(t *testing.T) {
	r := newRig(t, setup{})
	resp := r.b.Get("/auth/test")
	c := resp.Cookies()[0]
	if !strings.HasPrefix(c.Name, "__Host-oauth-test-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
		t.Errorf("OAU-01 the cookie is %s", c.Raw)
	}
	state := r.begin(r.b, "/auth/test").Query().Get("state")
	if strings.Contains(c.Value, state) || strings.Contains(c.Name, state[:8]) {
		t.Error("the cookie shows the state")
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The corpus of O13; each leads to the page of the configuration.
func TestReturnPath(t *testing.T) {
	r := newRig(t, setup{flow: func(c *oauth.Config) { c.ReturnTo = "/home" }})
	for _, path := range []string{
		"//evil.com", "/\\evil.com", "/\t/evil.com", "\\\\evil", "https:evil.com", "https:/evil", "///evil", "/..//evil", "//evil.com/%2f..",
		"javascript:alert(1)", "data:text/html,x", "/foo\r\nX: y", "https://app@evil", "https://app.evil", " //evil", "%2f%2fevil", "/%09/evil",
		".evil", "\x00/a", "/" + strings.Repeat("a", 8<<10), "", "/" + strings.Repeat("a", 1100), "https://app.example.com/orders",
	} {
		t.Run("O13 OAU-08 "+strings.ToValidUTF8(path[:min(len(path), 24)], "?"), func(t *testing.T) {
			b := r.b.Another(t)
			resp := b.Get(r.answered(b, "/auth/test?return_to="+url.QueryEscape(path)).String())
			if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != "/home" {
				t.Errorf("%d to %q, want /home", resp.StatusCode, got)
			}
		})
	}
	t.Run("OAU-08 the callback takes no path", func(t *testing.T) {
		to := r.answered(r.b, "/auth/test?return_to=/orders")
		resp := r.b.Get(with(to, func(q url.Values) { q.Set("return_to", "/elsewhere") }))
		if got := resp.Header.Get("Location"); got != "/orders" {
			t.Errorf("to %q, want /orders", got)
		}
	})
}

func TestSignInSeesNothingOfTheAnswer(t *testing.T) {
	r := newRig(t, setup{})
	var got *http.Request
	r.mux.Handle("GET /auth/seen/callback", r.flow.Callback(r.links, auth.SignInFunc(func(w http.ResponseWriter, req *http.Request, p *auth.Principal) error {
		got = req
		if p.Method != oauth.Method || p.Attributes[oauth.AttributeLink] == "" || !p.AuthenticatedAt.Equal(r.clock.Now()) || !p.FactorAt(auth.FactorFederated).Equal(r.clock.Now()) {
			t.Errorf("the principal is %+v", p)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})))
	to := r.answered(r.b, "/auth/test?return_to=/orders")
	to.Path = "/auth/seen/callback"
	r.want(r.b.Get(to.String()), http.StatusNoContent, "")
	if q := got.URL.Query(); len(q) != 1 || q.Get(auth.ReturnParam) != "/orders" || strings.Contains(got.RequestURI, "code=") || got.Form != nil {
		t.Errorf("the SignIn sees %s", got.RequestURI)
	}
	t.Run("an error of the SignIn is answered", func(t *testing.T) {
		r.mux.Handle("GET /auth/fail/callback", r.flow.Callback(r.links, auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error {
			return errors.New("the store is down")
		})))
		b := r.b.Another(t)
		to := r.answered(b, "/auth/test")
		to.Path = "/auth/fail/callback"
		r.refused(b, b.Get(to.String()), http.StatusInternalServerError, "INTERNAL_ERROR")
	})
}

func TestConfig(t *testing.T) {
	r := newRig(t, setup{})
	p := r.generic("test", nil)
	good := r.config()
	for name, change := range map[string]func(*oauth.Config){
		"no RedirectURL":                   func(c *oauth.Config) { c.RedirectURL = "" },
		"a RedirectURL that is a path":     func(c *oauth.Config) { c.RedirectURL = "/callback" },
		"a RedirectURL over plain HTTP":    func(c *oauth.Config) { c.RedirectURL = "http://app.example.com/callback" },
		"the same, with InsecureCookie":    func(c *oauth.Config) { c.RedirectURL, c.InsecureCookie = "http://app.example.com/cb", true },
		"plain loopback, silently":         func(c *oauth.Config) { c.RedirectURL = "http://127.0.0.1:8080/callback" },
		"InsecureCookie over HTTPS":        func(c *oauth.Config) { c.InsecureCookie = true },
		"a RedirectURL with a fragment":    func(c *oauth.Config) { c.RedirectURL += "#x" },
		"a RedirectURL with a query":       func(c *oauth.Config) { c.RedirectURL += "?x=1" },
		"a RedirectURL with a user":        func(c *oauth.Config) { c.RedirectURL = "https://a:b@app.example.com/callback" },
		"no Key":                           func(c *oauth.Config) { c.Key = nil },
		"a short Key":                      func(c *oauth.Config) { c.Key = key[:16] },
		"OAU-01 a Timeout over 10 minutes": func(c *oauth.Config) { c.Timeout = 11 * time.Minute },
		"a negative Timeout":               func(c *oauth.Config) { c.Timeout = -1 },
		"a ReturnTo elsewhere":             func(c *oauth.Config) { c.ReturnTo = "//evil.example" },
		"a Linked elsewhere":               func(c *oauth.Config) { c.Linked = "https://evil.example" },
		"a negative FreshFor":              func(c *oauth.Config) { c.FreshFor = -1 },
		"an HTTP timeout of an hour":       func(c *oauth.Config) { c.HTTP.Timeout = time.Hour },
	} {
		c := good
		change(&c)
		if _, err := oauth.New(p, c); err == nil || !strings.Contains(err.Error(), "oauth: ") {
			t.Errorf("%s: %v, want an error in words", name, err)
		}
	}
	if _, err := oauth.New(nil, good); err == nil {
		t.Error("no Provider is no error")
	}
	for _, name := range []string{"", "Test", "a b", "a;b", strings.Repeat("a", 33), "ä"} {
		if _, err := oauth.New(r.generic(name, nil), good); err == nil {
			t.Errorf("the name %q is no error", name)
		}
	}
	c := good
	c.RedirectURL, c.InsecureCookie = "http://localhost:8080/callback", true
	if _, err := oauth.New(p, c); err != nil {
		t.Errorf("development on loopback: %v", err)
	}
	for name, f := range map[string]func(){
		"Linker": func() { r.flow.Callback(nil, r.sessions) },
		"SignIn": func() { r.flow.Callback(r.links, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a nil %s does not panic", name)
				}
			}()
			f()
		}()
	}
}
