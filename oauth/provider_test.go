package oauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/problem"
)

// Whatever the provider answers: nobody is signed in, in bounded time and memory.
func TestHostileAnswers(t *testing.T) {
	for endpoint, cases := range map[hostileidp.Endpoint][]hostileidp.Case{
		hostileidp.Token: hostileidp.TokenCases(), hostileidp.UserInfo: hostileidp.UserInfoCases(),
	} {
		for _, c := range cases {
			t.Run(c.Name+" from "+string(endpoint), func(t *testing.T) {
				timeout := 30 * time.Second // which nothing but a case that is Slow may need
				if c.Slow {
					timeout = 200 * time.Millisecond
				}
				r := newRig(t, setup{
					flow:    func(f *oauth.Config) { f.HTTP.Timeout = timeout },
					generic: func(g *oauth.GenericConfig) { g.HTTP.Timeout = timeout },
				})
				r.idp.Script(endpoint, c.Script)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				resp := r.signIn(r.b)
				took := time.Since(began)
				runtime.ReadMemStats(&after)
				if took > 20*time.Second {
					t.Errorf("it took %s", took)
				}
				// A gigabyte that was read would show; what the test server allocates is here too.
				if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
					t.Errorf("%d MiB were allocated", got>>20)
				}
				if c.OK {
					r.want(resp, http.StatusSeeOther, "")
					return
				}
				if who := r.me(r.b); who != "" || r.users.count() != 0 {
					t.Fatalf("%q is signed in, of %d users", who, r.users.count())
				}
				if d := resp.Problem(); d.Status != http.StatusBadGateway && d.Status != http.StatusBadRequest || strings.Contains(resp.Body, "script") {
					t.Errorf("%d %s", d.Status, resp.Body)
				}
				for e, n := range map[hostileidp.Endpoint]int{endpoint: 4, "/elsewhere": 0} {
					if got := r.idp.Count(e); got > n {
						t.Errorf("%d requests to %s", got, e)
					}
				}
				r.idp.Script(endpoint, nil)
				r.want(r.signIn(r.b), http.StatusSeeOther, "")
			})
		}
	}
}

func TestUnreachableProvider(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := refused.Addr().String()
	_ = refused.Close()
	strange := httptest.NewTLSServer(http.NotFoundHandler()) // of no authority that is known here
	t.Cleanup(strange.Close)
	strange.Config.ErrorLog = nil
	for name, at := range map[string]string{
		"F19 nobody listens": "http://" + address, "F19 a TLS error": strange.URL, "F19 a name that does not resolve": "https://provider.invalid",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, setup{generic: func(c *oauth.GenericConfig) { c.TokenURL = at + "/token" }})
			r.refused(r.b, r.signIn(r.b), http.StatusBadGateway, "PROVIDER_FAILED")
		})
	}
}

func TestMail(t *testing.T) {
	for _, c := range hostileidp.MailCases() {
		t.Run(c.Name+": no account is entered or taken over", func(t *testing.T) {
			r := newRig(t, setup{})
			r.users.add("victim", user{email: "alice@example.com", verified: true, password: true})
			r.users.add("waiting", user{email: "eve@evil.example@example.com", password: true})
			r.idp.Script(hostileidp.UserInfo, c.Script)
			r.signIn(r.b)
			if who := r.me(r.b); who == "victim" || who == "waiting" {
				t.Errorf("%s is signed in", who)
			}
			if len(r.users.wiped) != 0 {
				t.Error("an account was wiped")
			}
			for _, id := range []string{"victim", "waiting"} {
				if l, err := r.links.List(t.Context(), id); err != nil || len(l) != 0 {
					t.Errorf("LNK-02 %s has got a link, %v", id, err)
				}
			}
		})
	}
}

func newGitHub(r *rig) oauth.Provider {
	p, err := oauth.NewGitHub(oauth.GitHubConfig{ClientID: oauthtest.ClientID, Auth: oauth.ClientSecretPost(oauthtest.ClientSecret), URL: r.idp.URL})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func TestGitHub(t *testing.T) {
	as := func(t *testing.T, u oauthtest.User) *rig {
		return newRig(t, setup{provider: newGitHub, idp: oauthtest.Config{Users: []oauthtest.User{u}}})
	}
	alice := oauthtest.User{ID: 583231, Username: "alice", Email: "alice@example.com", EmailVerified: true, Name: "Alice"}
	identity := func(t *testing.T, r *rig) oauth.Link {
		t.Helper()
		l, err := r.links.Find(t.Context(), r.idp.URL, "583231")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	t.Run("LNK-01 the key is the numeric id", func(t *testing.T) {
		r := as(t, alice)
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		if l := identity(t, r); l.User != "user-1" || l.Label != "alice" {
			t.Errorf("%+v", l)
		}
		token := r.idp.Requests(hostileidp.GitHubToken)[0]
		if token.Form.Get("code_verifier") == "" || token.Form.Get("client_secret") == "" {
			t.Error("OAU-02 no verifier, or no secret")
		}
		if n := r.idp.Requests(hostileidp.GitHubEmails)[0].Query.Get("per_page"); n != "100" {
			t.Errorf("LNK-06 %q addresses a page: the primary one may be on the next", n)
		}
	})
	t.Run("O14 a user who was renamed is the same user", func(t *testing.T) {
		r := as(t, alice)
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		renamed := alice
		renamed.Username, renamed.Email = "alice-2", "alice-2@example.com"
		r.idp.Good.SetUsers(renamed)
		b := r.b.Another(t)
		r.want(r.signIn(b), http.StatusSeeOther, "")
		if who := r.me(b); who != "user-1" {
			t.Errorf("%q is signed in", who)
		}
	})
	t.Run("O14 a name that somebody else has now is somebody else", func(t *testing.T) {
		r := as(t, alice)
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		heir := alice
		heir.ID, heir.Email = 999, "heir@example.com"
		r.idp.Good.SetUsers(heir)
		b := r.b.Another(t)
		r.want(r.signIn(b), http.StatusSeeOther, "")
		if who := r.me(b); who != "user-2" {
			t.Errorf("%q is signed in", who)
		}
	})
	list := func(entries ...map[string]any) hostileidp.Script {
		data, _ := json.Marshal(append([]map[string]any{}, entries...))
		return hostileidp.Answer(200, "application/json; charset=utf-8", string(data))
	}
	mail := func(address string, primary, verified any) map[string]any {
		return map[string]any{"email": address, "primary": primary, "verified": verified}
	}
	for _, c := range []struct {
		name    string
		user    hostileidp.Script
		emails  hostileidp.Script
		address string
	}{
		{"O14 the public address is somebody else's", hostileidp.Change(func(o map[string]any) { o["email"] = "victim@example.com" }), list(mail("eve@example.com", true, true)), "eve@example.com"},
		{"O14 the primary address is not verified", nil, list(mail("victim@example.com", true, false), mail("eve@example.com", false, true)), ""},
		{"LNK-06 verified is text", nil, list(mail("victim@example.com", true, "true")), ""},
		{"LNK-06 primary is 1", nil, list(mail("victim@example.com", 1, true)), ""},
		{"LNK-06 two primary addresses", nil, list(mail("eve@example.com", true, true), mail("victim@example.com", true, true)), ""},
		{"LNK-06 an address with two @", nil, list(mail("eve@evil.example@example.com", true, true)), ""},
		{"LNK-06 an address without @", nil, list(mail("victim", true, true)), ""},
		{"LNK-06 an address that is not ASCII", nil, list(mail("vıctim@example.com", true, true)), ""},
		{"LNK-06 no addresses", nil, list(), ""},
		{"LNK-06 the second of the list is primary", nil, list(mail("old@example.com", false, true), mail("new@example.com", true, true)), "new@example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := as(t, alice)
			r.idp.Script(hostileidp.GitHubUser, c.user)
			r.idp.Script(hostileidp.GitHubEmails, c.emails)
			r.want(r.signIn(r.b), http.StatusSeeOther, "")
			u := r.users.byID["user-1"]
			if u.email != c.address || u.verified != (c.address != "") {
				t.Errorf("the address is %q, verified %v; want %q", u.email, u.verified, c.address)
			}
		})
	}
	for name, id := range map[string]any{
		"zero": 0, "negative": -5, "text": "583231", "absent": nil, "with a fraction": json.Number("583231.0"),
		"with an exponent": json.Number("583231e0"), "beyond 64 bits": json.Number("36893488147419103232"), "true": true,
	} {
		t.Run("LNK-01 an id that is "+name, func(t *testing.T) {
			r := as(t, alice)
			r.idp.Script(hostileidp.GitHubUser, hostileidp.Change(func(o map[string]any) { o["id"] = id }))
			r.refused(r.b, r.signIn(r.b), http.StatusBadRequest, "IDENTITY_INVALID")
		})
	}
	t.Run("F19 the addresses cannot be had", func(t *testing.T) {
		r := as(t, alice)
		r.idp.Script(hostileidp.GitHubEmails, hostileidp.Answer(500, "text/plain", "down"))
		r.refused(r.b, r.signIn(r.b), http.StatusBadGateway, "PROVIDER_FAILED")
		r.idp.Script(hostileidp.GitHubEmails, hostileidp.Answer(200, "application/json", `{}`))
		r.refused(r.b, r.signIn(r.b), http.StatusBadGateway, "PROVIDER_FAILED")
	})
	t.Run("O10 a code that GitHub does not know, which it says with 200", func(t *testing.T) {
		r := as(t, alice)
		to := r.answered(r.b, "/auth/test")
		q := to.Query()
		q.Set("code", "other")
		to.RawQuery = q.Encode()
		r.refused(r.b, r.b.Get(to.String()), http.StatusBadRequest, invalid)
	})
	t.Run("OAU-13 without the scope the addresses are not asked for", func(t *testing.T) {
		r := newRig(t, setup{idp: oauthtest.Config{Users: []oauthtest.User{alice}}, provider: func(r *rig) oauth.Provider {
			p, err := oauth.NewGitHub(oauth.GitHubConfig{ClientID: oauthtest.ClientID, Auth: oauth.ClientSecretPost(oauthtest.ClientSecret), URL: r.idp.URL, Scopes: []string{}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}})
		if q := r.begin(r.b, "/auth/test").Query(); q.Has("scope") {
			t.Errorf("scope %q", q.Get("scope"))
		}
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		if n := r.idp.Count(hostileidp.GitHubEmails); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestGitHubConfig(t *testing.T) {
	good := oauth.GitHubConfig{ClientID: "c", Auth: oauth.ClientSecretPost("s")}
	for name, change := range map[string]func(*oauth.GitHubConfig){
		"no ClientID":             func(c *oauth.GitHubConfig) { c.ClientID = "" },
		"no Auth":                 func(c *oauth.GitHubConfig) { c.Auth = nil },
		"OAU-10 plain HTTP":       func(c *oauth.GitHubConfig) { c.URL = "http://github.example.com" },
		"OAU-10 an API over HTTP": func(c *oauth.GitHubConfig) { c.APIURL = "http://api.example.com" },
		"a parameter of the flow": func(c *oauth.GitHubConfig) { c.Params = map[string]string{"state": "x"} },
		"a long timeout":          func(c *oauth.GitHubConfig) { c.HTTP.Timeout = time.Hour },
	} {
		c := good
		change(&c)
		if _, err := oauth.NewGitHub(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, c := range []struct{ url, auth string }{{"", "https://github.com/login/oauth/authorize"}, {"https://ghe.example.com/", "https://ghe.example.com/login/oauth/authorize"}} {
		cfg := good
		cfg.URL = c.url
		p, err := oauth.NewGitHub(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if reg, err := p.Registration(t.Context()); err != nil || reg.AuthURL != c.auth || p.Name() != "github" {
			t.Errorf("%q: %+v, %v", c.url, reg, err)
		}
	}
}

func TestGenericConfig(t *testing.T) {
	const at = "https://idp.example.com"
	good := oauth.GenericConfig{Name: "x", Issuer: at, AuthURL: at + "/a", TokenURL: at + "/t", UserInfoURL: at + "/u", ClientID: "c"}
	if _, err := oauth.NewGeneric(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*oauth.GenericConfig){
		"no Issuer":                    func(c *oauth.GenericConfig) { c.Issuer = "" },
		"OAU-10 AuthURL over HTTP":     func(c *oauth.GenericConfig) { c.AuthURL = "http://idp.example.com/a" },
		"OAU-10 TokenURL over HTTP":    func(c *oauth.GenericConfig) { c.TokenURL = "http://idp.example.com/t" },
		"OAU-10 UserInfoURL over HTTP": func(c *oauth.GenericConfig) { c.UserInfoURL = "http://idp.example.com/u" },
		"a URL with a user":            func(c *oauth.GenericConfig) { c.TokenURL = "https://a:b@idp.example.com/t" },
		"a URL of script":              func(c *oauth.GenericConfig) { c.AuthURL = "javascript:alert(1)" },
		"no ClientID":                  func(c *oauth.GenericConfig) { c.ClientID = "" },
		"a long Issuer":                func(c *oauth.GenericConfig) { c.Issuer = at + "/" + strings.Repeat("i", 255) },
		"a parameter of the flow":      func(c *oauth.GenericConfig) { c.Params = map[string]string{"redirect_uri": "x"} },
	} {
		c := good
		change(&c)
		if _, err := oauth.NewGeneric(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFields(t *testing.T) {
	r := newRig(t, setup{generic: func(c *oauth.GenericConfig) {
		c.Fields = oauth.Fields{Subject: "data.id", Email: "data.mail.address", EmailVerified: "data.mail.ok", Username: "data.nick"}
	}})
	r.idp.Script(hostileidp.UserInfo, hostileidp.Answer(200, "application/json", `{"data":{"id":42,"nick":"al","mail":{"address":"al@example.com","ok":true}},"sub":"no"}`))
	r.want(r.signIn(r.b), http.StatusSeeOther, "")
	l, err := r.links.Find(t.Context(), r.idp.URL, "42")
	if err != nil || l.Label != "al" || !r.users.byID["user-1"].verified {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestFormTokens(t *testing.T) {
	r := newRig(t, setup{generic: func(c *oauth.GenericConfig) { c.FormTokens = true }})
	form := func(body string) hostileidp.Script {
		return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, req)
			var m map[string]any
			_ = json.Unmarshal(rec.Body.Bytes(), &m)
			hostileidp.Answer(200, "application/x-www-form-urlencoded", fmt.Sprintf(body, m["access_token"]))(w, req, next)
		}
	}
	for body, ok := range map[string]bool{
		"access_token=%s&token_type=bearer&expires_in=60": true, "access_token=%s&access_token=b&token_type=bearer": false,
		"access_token=%s&token_type=mac": false, "access_token=%s&token_type=bearer&expires_in=x": false, "access_token=%s%%zz&token_type=bearer": false,
	} {
		t.Run("OAU-11 a form that is declared: "+body, func(t *testing.T) {
			r.idp.Script(hostileidp.Token, form(body))
			b := r.b.Another(t)
			if resp := r.signIn(b); (resp.StatusCode == http.StatusSeeOther) != ok {
				t.Errorf("%d %s", resp.StatusCode, resp.Body)
			}
		})
	}
}

// A provider that another package has written.
type scripted struct {
	reg      *oauth.Registration
	identity *oauth.Identity
	err      error
	grant    *oauth.Grant
}

func (p *scripted) Name() string { return "test" }
func (p *scripted) Registration(context.Context) (*oauth.Registration, error) {
	if p.reg == nil {
		return nil, p.err
	}
	return p.reg, nil
}

func (p *scripted) Identify(_ context.Context, g *oauth.Grant) (*oauth.Identity, error) {
	p.grant = g
	return p.identity, p.err
}

func TestProviderContract(t *testing.T) {
	p := &scripted{identity: &oauth.Identity{Issuer: "https://idp.example.com", Subject: "7"}}
	r := newRig(t, setup{provider: func(r *rig) oauth.Provider {
		reg, _ := r.generic("test", nil).Registration(context.Background())
		c := *reg
		c.Nonce, c.MaxAge, c.Scopes = true, time.Hour, []string{"openid", "email"}
		p.reg = &c
		return p
	}})
	t.Run("OAU-03 the nonce that was sent is what Identify is told", func(t *testing.T) {
		at := r.begin(r.b, "/auth/test")
		if q := at.Query(); len(q.Get("nonce")) != 43 || q.Get("max_age") != "3600" {
			t.Errorf("nonce %q, max_age %q", q.Get("nonce"), q.Get("max_age"))
		}
		to := r.answer(r.b, at)
		q := to.Query()
		q.Set("user", `{"name":"x"}`)
		to.RawQuery = q.Encode()
		r.want(r.b.Get(to.String()), http.StatusSeeOther, "")
		g := p.grant
		if g.Nonce != at.Query().Get("nonce") || g.MaxAge != time.Hour || g.IDToken == "" || !g.StartedAt.Equal(r.clock.Now()) ||
			g.Response.Get("user") == "" || g.Response.Has("code") || g.Response.Has("state") || len(g.Scopes) != 2 || g.Token.RefreshToken == "" {
			t.Errorf("%+v", g)
		}
	})
	t.Run("OAU-03 a nonce is used once", func(t *testing.T) {
		if a, b := r.begin(r.b, "/auth/test").Query().Get("nonce"), r.begin(r.b, "/auth/test").Query().Get("nonce"); a == b {
			t.Error("two attempts have one nonce")
		}
	})
	for name, id := range map[string]*oauth.Identity{
		"nobody":                      nil,
		"no issuer":                   {Subject: "7"},
		"no subject":                  {Issuer: "https://idp.example.com"},
		"proved in the future":        {Issuer: "i", Subject: "7", AuthTime: r.clock.Now().Add(time.Hour)},
		"verified without an address": {Issuer: "i", Subject: "7", EmailVerified: true},
	} {
		t.Run("an identity that is none: "+name, func(t *testing.T) {
			p.identity = id
			b := r.b.Another(t)
			r.refused(b, r.signIn(b), http.StatusBadRequest, "IDENTITY_INVALID")
		})
	}
	t.Run("LNK-04 the proof is as old as the provider says", func(t *testing.T) {
		proved := r.clock.Now().Add(-time.Hour)
		p.identity = &oauth.Identity{Issuer: "https://idp.example.com", Subject: "7", AuthTime: proved}
		var got *auth.Principal
		r.mux.Handle("/auth/old/callback", r.flow.Callback(r.links, auth.SignInFunc(func(_ http.ResponseWriter, _ *http.Request, p *auth.Principal) error {
			got = p
			return nil
		})))
		b := r.b.Another(t)
		to := r.answered(b, "/auth/test")
		to.Path = "/auth/old/callback"
		b.Get(to.String())
		if got == nil || !got.FactorAt(auth.FactorFederated).Equal(proved) || !got.AuthenticatedAt.Equal(r.clock.Now()) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("F20 metadata that cannot be had leaves the attempt open", func(t *testing.T) {
		p.identity = &oauth.Identity{Issuer: "https://idp.example.com", Subject: "7"}
		b := r.b.Another(t)
		to := r.answered(b, "/auth/test").String()
		reg := p.reg
		p.reg, p.err = nil, problem.Wrap(problem.Unavailable, fmt.Errorf("discovery"))
		r.refused(b, b.Get(to), http.StatusServiceUnavailable, "UNAVAILABLE")
		p.err = fmt.Errorf("discovery")
		r.refused(b, b.Get(to), http.StatusBadGateway, "PROVIDER_FAILED")
		p.reg, p.err = reg, nil
		r.want(b.Get(to), http.StatusSeeOther, "")
	})
	for name, change := range map[string]func(*oauth.Registration){
		"a token endpoint over HTTP":    func(c *oauth.Registration) { c.TokenURL = "http://attacker.example/token" },
		"an authorization page of data": func(c *oauth.Registration) { c.AuthURL = "data:text/html,x" },
	} {
		t.Run("OAU-10 metadata with "+name, func(t *testing.T) {
			good := *p.reg
			bad := good
			change(&bad)
			p.reg = &bad
			defer func() { p.reg = &good }()
			r.want(r.b.Get("/auth/test"), http.StatusBadGateway, "PROVIDER_FAILED")
		})
	}
}
