package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/session"
)

const invalid = "SIGN_IN_ATTEMPT_INVALID"

func TestState(t *testing.T) {
	r := newRig(t, setup{})
	other, err := oauth.New(r.generic("other", nil), func() oauth.Config {
		c := r.config()
		c.RedirectURL = origin + "/auth/other/callback"
		return c
	}())
	if err != nil {
		t.Fatal(err)
	}
	r.mount("other", other)
	for _, c := range []struct {
		name    string
		address func(b *authtest.Browser) string
	}{
		{"O01 OAU-01 no state and no cookie", func(*authtest.Browser) string { return callbackURL + "?code=abc&iss=" + url.QueryEscape(r.idp.URL) }},
		{"O01 an empty state and no cookie", func(*authtest.Browser) string {
			return callbackURL + "?code=abc&state=&iss=" + url.QueryEscape(r.idp.URL)
		}},
		{"O01 no state, with a cookie", func(b *authtest.Browser) string {
			return with(r.answered(b, "/auth/test"), func(q url.Values) { q.Del("state") })
		}},
		{"O01 an empty state, with a cookie", func(b *authtest.Browser) string {
			return with(r.answered(b, "/auth/test"), func(q url.Values) { q.Set("state", "") })
		}},
		{"O01 another state", func(b *authtest.Browser) string {
			return with(r.answered(b, "/auth/test"), func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) })
		}},
		{"O01 OAU-15 the state of another browser", func(b *authtest.Browser) string {
			r.begin(b, "/auth/test")
			return r.answered(b.Another(t), "/auth/test").String()
		}},
		{"O12 the whole callback of an attacker", func(b *authtest.Browser) string { return r.answered(b.Another(t), "/auth/test").String() }},
		{"O01 OAU-01 the state of another provider", func(b *authtest.Browser) string {
			to := r.answered(b, "/auth/other")
			to.Path = "/auth/test/callback"
			return to.String()
		}},
		{"O01 a state that was used", func(b *authtest.Browser) string {
			to := r.answered(b, "/auth/test")
			r.want(b.Get(to.String()), http.StatusSeeOther, "")
			b.SetCookie(&http.Cookie{Name: "__Host-session", MaxAge: -1})
			return to.String()
		}},
		{"O01 OAU-01 a state that has expired", func(b *authtest.Browser) string {
			to := r.answered(b, "/auth/test")
			r.clock.Advance(10 * time.Minute)
			t.Cleanup(func() { r.clock.Advance(-10 * time.Minute) })
			return to.String()
		}},
		{"OAU-01 a state from the future", func(b *authtest.Browser) string {
			to := r.answered(b, "/auth/test")
			r.clock.Advance(-2 * time.Minute)
			t.Cleanup(func() { r.clock.Advance(2 * time.Minute) })
			return to.String()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := r.b.Another(t)
			address := c.address(b)
			tokens := r.idp.Count(hostileidp.Token)
			r.refused(b, b.Get(address), http.StatusBadRequest, invalid)
			if n := r.idp.Count(hostileidp.Token); n != tokens {
				t.Errorf("%d token requests", n-tokens)
			}
		})
	}
}

func TestPlantedCookies(t *testing.T) {
	r := newRig(t, setup{})
	t.Run("OAU-01 the cookie is there twice", func(t *testing.T) {
		resp := r.b.Get("/auth/test")
		c := resp.Cookies()[0]
		to, _ := resp.Location()
		r.refused(r.b, r.b.Get(r.answer(r.b, to).String(), "Cookie", c.Name+"="+c.Value+"; "+c.Name+"="+c.Value), http.StatusBadRequest, invalid)
	})
	t.Run("O01 a cookie under the name of another state", func(t *testing.T) {
		first, second := r.b.Get("/auth/test"), r.b.Get("/auth/test")
		to, _ := first.Location()
		r.refused(r.b, r.b.Get(r.answer(r.b, to).String(), "Cookie", first.Cookies()[0].Name+"="+second.Cookies()[0].Value), http.StatusBadRequest, invalid)
		if n := r.idp.Count(hostileidp.Token); n != 0 {
			t.Errorf("%d token requests", n)
		}
	})
	t.Run("O01 a cookie that was changed", func(t *testing.T) {
		resp := r.b.Get("/auth/test")
		c := resp.Cookies()[0]
		to, _ := resp.Location()
		at := r.answer(r.b, to).String()
		for i := 0; i < len(c.Value); i += 17 {
			bad := []byte(c.Value)
			if bad[i] == '.' || strings.IndexByte(c.Value, '.') > i {
				continue
			}
			bad[i] ^= 2
			r.refused(r.b, r.b.Get(at, "Cookie", c.Name+"="+string(bad)), http.StatusBadRequest, invalid)
		}
		r.want(r.b.Get(at), http.StatusSeeOther, "") // and that it was the change
	})
}

func TestIssuer(t *testing.T) {
	for _, promised := range []bool{true, false} {
		r := newRig(t, setup{generic: func(c *oauth.GenericConfig) { c.PromisesIssuer = promised }})
		for _, c := range []struct {
			name   string
			change func(q url.Values)
			ok     bool
		}{
			{"as it is", func(url.Values) {}, true},
			{"missing", func(q url.Values) { q.Del("iss") }, !promised},
			{"empty", func(q url.Values) { q.Set("iss", "") }, false},
			{"of another", func(q url.Values) { q.Set("iss", "https://attacker.example") }, false},
			{"with a slash", func(q url.Values) { q.Set("iss", r.idp.URL+"/") }, false},
			{"in capitals", func(q url.Values) { q.Set("iss", strings.ToUpper(r.idp.URL)) }, false},
			{"twice", func(q url.Values) { q.Add("iss", r.idp.URL) }, false},
		} {
			t.Run(fmt.Sprintf("O02 OAU-04 iss %s, promised %v", c.name, promised), func(t *testing.T) {
				b := r.b.Another(t)
				before := r.idp.Count(hostileidp.Token)
				resp := b.Get(with(r.answered(b, "/auth/test"), c.change))
				if c.ok {
					r.want(resp, http.StatusSeeOther, "")
					return
				}
				r.refused(b, resp, http.StatusBadRequest, invalid)
				if n := r.idp.Count(hostileidp.Token); n != before {
					t.Errorf("%d token requests", n-before)
				}
			})
		}
	}
	t.Run("O02 the code of one provider at the callback of another", func(t *testing.T) {
		r := newRig(t, setup{})
		other := hostileidp.New(t)
		p := r.generic("other", func(c *oauth.GenericConfig) {
			c.Issuer, c.AuthURL, c.TokenURL, c.UserInfoURL = other.URL, other.URL+"/authorize", other.URL+"/token", other.URL+"/userinfo"
		})
		cfg := r.config()
		cfg.RedirectURL = origin + "/auth/other/callback"
		f, err := oauth.New(p, cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.mount("other", f)
		honest, evil := r.answered(r.b, "/auth/test").Query(), r.answered(r.b, "/auth/other")
		resp := r.b.Get(with(evil, func(q url.Values) { q.Set("code", honest.Get("code")); q.Set("iss", honest.Get("iss")) }))
		r.refused(r.b, resp, http.StatusBadRequest, invalid)
		if n := other.Count(hostileidp.Token); n != 0 {
			t.Errorf("the other provider got %d codes", n)
		}
	})
}

func TestMalformedAnswers(t *testing.T) {
	r := newRig(t, setup{})
	for name, change := range map[string]func(q url.Values){
		"OAU-09 code twice":              func(q url.Values) { q.Add("code", "other") },
		"OAU-09 state twice":             func(q url.Values) { q.Add("state", q.Get("state")) },
		"OAU-09 an unknown one twice":    func(q url.Values) { q["x"] = []string{"1", "1"} },
		"no code":                        func(q url.Values) { q.Del("code") },
		"an empty code":                  func(q url.Values) { q.Set("code", "") },
		"a code with a line break":       func(q url.Values) { q.Set("code", "a\r\nb") },
		"a code that is too long":        func(q url.Values) { q.Set("code", strings.Repeat("a", 5000)) },
		"an answer that is too long":     func(q url.Values) { q.Set("x", strings.Repeat("a", 9000)) },
		"too many parameters":            func(q url.Values) { fill(q, 40) },
		"OAU-06 a code and an error":     func(q url.Values) { q.Set("error", "access_denied") },
		"a posted answer that is absent": func(q url.Values) { clear(q); q.Set("posted", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			b := r.b.Another(t)
			before := r.idp.Count(hostileidp.Token)
			r.refused(b, b.Get(with(r.answered(b, "/auth/test"), change)), http.StatusBadRequest, invalid)
			if n := r.idp.Count(hostileidp.Token); n != before {
				t.Errorf("%d token requests", n-before)
			}
		})
	}
	for _, raw := range []string{"code=a;state=b", "code=%zz", "code=a&state=%"} {
		r.want(r.b.Get(callbackURL+"?"+raw), http.StatusBadRequest, invalid)
	}
}

func fill(q url.Values, n int) {
	for i := range n {
		q.Set(fmt.Sprint("p", i), "x")
	}
}

func TestErrorAnswers(t *testing.T) {
	r := newRig(t, setup{})
	const script = "<script>alert(1)</script>"
	r.idp.Script(hostileidp.Authorize, hostileidp.Redirect(func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
		q.Set("error_description", script)
		q.Set("error_uri", "javascript:alert(1)")
	}))
	t.Run("O19 OAU-06 with state: refused, escaped, and the attempt is used up", func(t *testing.T) {
		to := r.answered(r.b, "/auth/test")
		resp := r.b.Get(to.String())
		r.refused(r.b, resp, http.StatusForbidden, "PROVIDER_DENIED")
		if strings.Contains(resp.Body, "script") || resp.Problem().Extensions["error"] != "access_denied" {
			t.Errorf("the body is %s", resp.Body)
		}
		good := with(to, func(q url.Values) { q.Del("error"); q.Set("code", "abc") })
		r.refused(r.b, r.b.Get(good), http.StatusBadRequest, invalid)
		var denied *oauth.DeniedError
		if !errors.As(r.errs[0], &denied) || denied.Code != "access_denied" || !errors.Is(r.errs[0], oauth.ErrDenied) {
			t.Errorf("the error is %v", r.errs[0])
		}
	})
	t.Run("O19 without state nothing is said of it", func(t *testing.T) {
		resp := r.b.Get(with(r.answered(r.b, "/auth/test"), func(q url.Values) { q.Del("state") }))
		r.refused(r.b, resp, http.StatusBadRequest, invalid)
		if strings.Contains(resp.Body, "script") || strings.Contains(resp.Body, "access_denied") {
			t.Errorf("the body is %s", resp.Body)
		}
	})
	t.Run("OAU-06 a code that is not registered is not repeated", func(t *testing.T) {
		resp := r.b.Get(with(r.answered(r.b, "/auth/test"), func(q url.Values) { q.Set("error", script) }))
		r.refused(r.b, resp, http.StatusForbidden, "PROVIDER_DENIED")
		if strings.Contains(resp.Body, "script") || resp.Problem().Extensions["error"] != "unknown_error" {
			t.Errorf("the body is %s", resp.Body)
		}
	})
	t.Run("OAU-04 an error of another issuer is not believed", func(t *testing.T) {
		resp := r.b.Get(with(r.answered(r.b, "/auth/test"), func(q url.Values) { q.Set("iss", "https://attacker.example") }))
		r.refused(r.b, resp, http.StatusBadRequest, invalid)
	})
}

// O11 over one process, and over two with a Consumer between them.
func TestParallelCallbacks(t *testing.T) {
	const n = 50
	open := func(r *rig, b *authtest.Browser, addresses ...string) (ok int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range n {
			wg.Go(func() {
				<-start
				req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, addresses[i%len(addresses)], http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := b.Try(req)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if resp.StatusCode == http.StatusSeeOther || resp.StatusCode == http.StatusNoContent {
					ok++
				} else if resp.StatusCode != http.StatusBadRequest {
					t.Errorf("%d %s", resp.StatusCode, resp.Body)
				}
			})
		}
		close(start)
		wg.Wait()
		return ok
	}
	t.Run("O11 OAU-05 of 50 callbacks one asks the provider", func(t *testing.T) {
		r := newRig(t, setup{})
		to := r.answered(r.b, "/auth/test").String()
		if ok := open(r, r.b, to); ok != 1 {
			t.Errorf("%d callbacks succeeded", ok)
		}
		if got := r.idp.Count(hostileidp.Token); got != 1 {
			t.Errorf("%d token requests, want 1", got)
		}
	})
	t.Run("O11 of 50 callbacks at two processes one asks the provider", func(t *testing.T) {
		shared := oauth.NewMemoryConsumer(nil) // stands for one in a database
		r := newRig(t, setup{flow: func(c *oauth.Config) { c.Consumer = shared }})
		cfg := r.config()
		cfg.Consumer = shared
		second, err := oauth.New(r.generic("test", nil), cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.mux.Handle("/auth/second/callback", second.Callback(r.links, r.sessions))
		to := r.answered(r.b, "/auth/test")
		at2 := *to
		at2.Path = "/auth/second/callback"
		if ok := open(r, r.b, to.String(), at2.String()); ok != 1 {
			t.Errorf("%d callbacks succeeded", ok)
		}
		if got := r.idp.Count(hostileidp.Token); got != 1 {
			t.Errorf("%d token requests, want 1", got)
		}
	})
	t.Run("OAU-05 a Consumer that is down refuses", func(t *testing.T) {
		r := newRig(t, setup{flow: func(c *oauth.Config) { c.Consumer = downConsumer{} }})
		r.refused(r.b, r.signIn(r.b), http.StatusServiceUnavailable, "UNAVAILABLE")
		if got := r.idp.Count(hostileidp.Token); got != 0 {
			t.Errorf("%d token requests, want 0", got)
		}
	})
	t.Run("OAU-05 the attempt is used up before the token request", func(t *testing.T) {
		r := newRig(t, setup{})
		r.idp.Script(hostileidp.Token, hostileidp.Answer(500, "text/plain", "down"))
		to := r.answered(r.b, "/auth/test").String()
		resp := r.b.Get(to)
		r.refused(r.b, resp, http.StatusBadGateway, "PROVIDER_FAILED")
		if c := resp.Cookies(); len(c) != 1 || c[0].MaxAge != -1 {
			t.Errorf("the cookie is not cleared: %v", c)
		}
		r.idp.Script(hostileidp.Token, nil)
		r.refused(r.b, r.b.Get(to), http.StatusBadRequest, invalid)
		r.want(r.signIn(r.b), http.StatusSeeOther, "") // F19: begun anew it works
	})
}

type downConsumer struct{}

func (downConsumer) Consume(context.Context, oauth.AttemptID, oauth.CallID, time.Time) error {
	return errors.New("connection refused")
}

func TestCodeInjection(t *testing.T) {
	r := newRig(t, setup{})
	t.Run("O10 the code of an attacker in the attempt of a victim", func(t *testing.T) {
		stolen := r.answered(r.b.Another(t), "/auth/test").Query().Get("code")
		to := with(r.answered(r.b, "/auth/test"), func(q url.Values) { q.Set("code", stolen) })
		r.refused(r.b, r.b.Get(to), http.StatusBadRequest, invalid)
	})
	t.Run("O10 the code of another redirect URI", func(t *testing.T) {
		at := r.begin(r.b, "/auth/test")
		to := r.answer(r.b, mustParse(t, with(at, func(q url.Values) { q.Set("redirect_uri", origin+"/elsewhere") })))
		to.Path = "/auth/test/callback"
		r.refused(r.b, r.b.Get(to.String()), http.StatusBadRequest, invalid)
	})
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFlood(t *testing.T) {
	t.Run("O20 F25 of 1,000 starts of one browser a few are open, and the newest works", func(t *testing.T) {
		r := newRig(t, setup{})
		long := url.QueryEscape("/" + strings.Repeat("p", 1000))
		var last *url.URL
		for i := range 1000 {
			path := "/auth/test"
			if i > 500 { // first the count is what bounds them, then the length
				path += "?return_to=" + long
			}
			if i == 500 {
				if n, _ := r.open(r.b); n != 5 {
					t.Errorf("%d attempts are open, want 5", n)
				}
			}
			r.clock.Advance(time.Millisecond)
			last = r.begin(r.b, path)
		}
		if n, size := r.open(r.b); n < 2 || n > 4 || size > 6<<10 {
			t.Errorf("%d attempts in %d bytes are open", n, size)
		}
		r.want(r.b.Get(r.answer(r.b, last).String()), http.StatusSeeOther, "")
	})
	t.Run("O13 the longest page to return to fits, whatever it is made of", func(t *testing.T) {
		r := newRig(t, setup{})
		path := "/?" + strings.Repeat("a&", 511)
		resp := r.b.Get(r.answered(r.b, "/auth/test?return_to="+url.QueryEscape(path)).String())
		if got := resp.Header.Get("Location"); got != path {
			t.Errorf("to %q", got)
		}
	})
	t.Run("parallel tabs work", func(t *testing.T) {
		r := newRig(t, setup{})
		var tabs []*url.URL
		for range 5 {
			r.clock.Advance(time.Second)
			tabs = append(tabs, r.begin(r.b, "/auth/test"))
		}
		for _, at := range tabs {
			r.want(r.b.Get(r.answer(r.b, at).String()), http.StatusSeeOther, "")
		}
		if n, _ := r.open(r.b); n != 0 {
			t.Errorf("%d attempts are still open", n)
		}
	})
	t.Run("F25 10,000 open attempts of many browsers cost no memory here", func(t *testing.T) {
		r := newRig(t, setup{})
		start := r.flow.Start()
		for range testkit.Volume(10_000) {
			w := httptest.NewRecorder()
			start.ServeHTTP(w, httptest.NewRequest(http.MethodGet, origin+"/auth/test", http.NoBody))
			if w.Code != http.StatusSeeOther {
				t.Fatal(w.Code)
			}
		}
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
	})
}

// open counts the attempts in the jar of b, by what it sends.
func (r *rig) open(b *authtest.Browser) (n, size int) {
	r.t.Helper()
	r.mu.Lock()
	if r.jarPath == "" {
		r.jarPath = "/jar"
		r.mux.HandleFunc("GET /jar", func(w http.ResponseWriter, req *http.Request) {
			n, size := 0, 0
			for _, c := range req.Cookies() {
				if strings.HasPrefix(c.Name, "__Host-oauth") {
					n++
					size += len(c.Name) + len(c.Value)
				}
			}
			_, _ = fmt.Fprint(w, n, " ", size)
		})
	}
	r.mu.Unlock()
	if _, err := fmt.Sscan(b.Get(r.jarPath).Body, &n, &size); err != nil {
		r.t.Fatal(err)
	}
	return n, size
}

func TestOtherUser(t *testing.T) {
	t.Run("OAU-14 another user is signed in: refused, and nothing changes", func(t *testing.T) {
		r := newRig(t, setup{})
		r.users.add("bob", user{password: true})
		b := r.b.Another(t)
		b.Post("/become/bob", nil)
		resp := r.signIn(b)
		r.want(resp, http.StatusConflict, "OTHER_USER_SIGNED_IN")
		if who := r.me(b); who != "bob" || r.users.count() != 1 || resp.Cookie("__Host-session") != nil {
			t.Errorf("%q of %d users", who, r.users.count())
		}
		r.want(r.signIn(r.b), http.StatusSeeOther, "") // makes the user of the identity
		r.want(r.signIn(b), http.StatusConflict, "OTHER_USER_SIGNED_IN")
		if who := r.me(b); who != "bob" {
			t.Errorf("%q is signed in", who)
		}
	})
	t.Run("OAU-14 with SwitchUser the credential is replaced", func(t *testing.T) {
		r := newRig(t, setup{flow: func(c *oauth.Config) { c.SwitchUser = true }})
		r.users.add("bob", user{password: true})
		old := r.b.Post("/become/bob", nil).Cookie("__Host-session").Value
		resp := r.signIn(r.b)
		r.want(resp, http.StatusSeeOther, "")
		if c := resp.Cookie("__Host-session"); c == nil || c.Value == old {
			t.Error("SES-04 the session has no new id")
		}
		if who := r.me(r.b); who != "user-1" {
			t.Errorf("%q is signed in", who)
		}
		if links, err := r.links.List(t.Context(), "bob"); err != nil || len(links) != 0 {
			t.Errorf("bob has got %d links, %v", len(links), err)
		}
	})
	t.Run("OAU-14 the same user gets a new session", func(t *testing.T) {
		r := newRig(t, setup{})
		first := r.signIn(r.b).Cookie("__Host-session").Value
		if second := r.signIn(r.b).Cookie("__Host-session").Value; second == first {
			t.Error("SES-04 the session has no new id")
		}
		b := r.b.Another(t)
		b.SetCookie(&http.Cookie{Name: "__Host-session", Value: first, Path: "/", Secure: true})
		if who := r.me(b); who != "" {
			t.Error("SES-04 the old session goes on")
		}
	})
	t.Run("OAU-14 a credential that has ended is nobody's", func(t *testing.T) {
		r := newRig(t, setup{})
		r.b.SetCookie(&http.Cookie{Name: "__Host-session", Value: strings.Repeat("A", 43), Path: "/", Secure: true})
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
	})
	t.Run("OAU-14 if it cannot be told who is signed in, nobody is", func(t *testing.T) {
		down := auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { return nil, errors.New("down") })
		r := newRig(t, setup{flow: func(c *oauth.Config) { c.SignedIn = down }})
		r.refused(r.b, r.signIn(r.b), http.StatusInternalServerError, "INTERNAL_ERROR")
	})
}

func TestDisabled(t *testing.T) {
	on, fail := true, error(nil)
	r := newRig(t, setup{flow: func(c *oauth.Config) { c.Enabled = func(context.Context) (bool, error) { return on, fail } }})
	t.Run("LNK-07 a disabled provider refuses new attempts and those under way", func(t *testing.T) {
		to := r.answered(r.b, "/auth/test").String()
		on = false
		r.refused(r.b, r.b.Get(to), http.StatusForbidden, "FORBIDDEN")
		r.want(r.b.Get("/auth/test"), http.StatusForbidden, "FORBIDDEN")
		if n := r.idp.Count(hostileidp.Token); n != 0 {
			t.Errorf("%d token requests", n)
		}
		on = true
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
	})
	t.Run("LNK-07 if that cannot be told it is disabled", func(t *testing.T) {
		fail = errors.New("down")
		r.want(r.b.Get("/auth/test"), http.StatusServiceUnavailable, "UNAVAILABLE")
	})
}

// A process that has another key, or another provider of the same name, opens nothing.
func TestKeys(t *testing.T) {
	r := newRig(t, setup{})
	mounted := func(name string, change func(*oauth.Config)) {
		cfg := r.config()
		change(&cfg)
		f, err := oauth.New(r.generic("test", nil), cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.mux.Handle("/auth/"+name+"/callback", f.Callback(r.links, r.sessions))
	}
	next := []byte(strings.Repeat("8", 32))
	mounted("stranger", func(c *oauth.Config) { c.Key = next })
	mounted("rotated", func(c *oauth.Config) { c.Key, c.OldKeys = next, [][]byte{key} })
	mounted("moved", func(c *oauth.Config) { c.RedirectURL = origin + "/auth/moved/callback" })
	for name, ok := range map[string]bool{"stranger": false, "rotated": true, "moved": false} {
		b := r.b.Another(t)
		to := r.answered(b, "/auth/test")
		to.Path = "/auth/" + name + "/callback"
		if resp := b.Get(to.String()); (resp.StatusCode == http.StatusSeeOther) != ok {
			t.Errorf("OAU-01 %s: %d", name, resp.StatusCode)
		}
	}
}

// In development there are no __Host- cookies.
func TestPlainLoopback(t *testing.T) {
	r := newRig(t, setup{})
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	sessions, err := session.New(nil, session.Config{InsecureCookie: true, Now: r.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	cfg := r.config()
	cfg.RedirectURL, cfg.InsecureCookie, cfg.SignedIn = server.URL+"/callback", true, sessions
	f, err := oauth.New(r.generic("test", nil), cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/start", f.Start())
	mux.Handle("/callback", f.Callback(r.links, sessions))
	b := authtest.NewBrowserAt(t, server.URL, nil)
	resp := b.Get("/start")
	if c := resp.Cookies()[0]; c.Secure || strings.HasPrefix(c.Name, "__") {
		t.Errorf("the cookie is %s", c.Raw)
	}
	to, _ := resp.Location()
	r.want(b.Get(r.answer(b, to).String()), http.StatusSeeOther, "")
}
