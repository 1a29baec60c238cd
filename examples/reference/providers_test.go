package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// startWith serves with a provider whose first user signs in without being asked.
func startWith(t *testing.T, users ...oauthtest.User) (*site, *oauthtest.Server) {
	t.Helper()
	idp := oauthtest.New(t, oauthtest.Config{SkipConsent: true, Users: users})
	return start(t, func(c *config) {
		c.OIDCIssuer, c.OIDCID, c.OIDCSecret = idp.URL, oauthtest.ClientID, oauthtest.ClientSecret
		c.GitHubID, c.GitHubSecret, c.GitHubURL, c.GitHubAPIURL = oauthtest.ClientID, oauthtest.ClientSecret, idp.URL, idp.URL+"/api/v3"
	}), idp
}

// roundTrip follows the browser to the provider and back, and returns the answer of
// the callback. From a link it gets there by a redirect, from a form by a page.
func (c *caller) roundTrip(a answer) answer {
	c.t.Helper()
	to := a.Header.Get("Location")
	if page, ok := strings.CutPrefix(a.Header.Get("Refresh"), "0; url="); ok {
		c.want(a, 200)
		to = page
	} else {
		c.want(a, 303)
	}
	res, err := c.http.Get(to)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	back := res.Header.Get("Location")
	if !strings.HasPrefix(back, c.url) {
		c.t.Fatalf("the provider answers %d to %q and leads to %q", res.StatusCode, to, back)
	}
	return c.page(strings.TrimPrefix(back, c.url))
}

func TestProviderLimit(t *testing.T) {
	t.Run("RLT-09 an address may begin 1,200 sign-ins a minute elsewhere", func(t *testing.T) {
		s, _ := startWith(t)
		for range 1200 {
			c := s.caller() // without the cookies of the attempts before
			c.want(c.page("/api/v1/auth/github"), 303)
		}
		c := s.caller()
		if a := c.want(c.page("/api/v1/auth/github"), 429); a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

func TestProvidersByKey(t *testing.T) {
	s, _ := startWith(t)
	owner := s.member(alice, first)
	script := s.caller()
	script.header.Set("X-API-Key", owner.want(owner.call("POST", "/api/v1/api-keys", object{"name": "n", "scopes": []string{"orders:read"}}), 201).text("key"))
	script.want(script.call("GET", "/api/v1/orders", nil), 200)
	for path, send := range map[string]func(path string) answer{
		"/api/v1/links":           func(path string) answer { return script.call("GET", path, nil) },
		"/api/v1/links/x":         func(path string) answer { return script.call("DELETE", path, nil) },
		"/account/links/oidc":     func(path string) answer { return script.post(path, nil) },
		"/account/links/x/remove": func(path string) answer { return script.post(path, nil) },
	} {
		if a := send(path); a.StatusCode != 403 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
}

func TestProviders(t *testing.T) {
	for _, name := range []string{"oidc", "github"} {
		t.Run(name, func(t *testing.T) {
			s, _ := startWith(t, oauthtest.User{Subject: "7", ID: 7, Email: alice, EmailVerified: true, Username: "alice"})
			path := "/api/v1/auth/" + name
			c := s.caller()
			a := c.want(c.roundTrip(c.page(path+"?return_to=/orders")), 303)
			if to := a.Header.Get("Location"); to != "/orders" {
				t.Errorf("leads to %q", to)
			}
			who := c.want(c.call("GET", "/api/v1/profile", nil), 200)
			if who.text("data", "email") != alice {
				t.Error(who.body)
			}
			again := s.caller()
			again.roundTrip(again.page(path))
			if a := again.call("GET", "/api/v1/profile", nil); a.text("data", "id") != who.text("data", "id") {
				t.Errorf("another user: %s", a.body)
			}
			thief := s.caller()
			a = c.page(path)
			res, err := c.http.Get(a.Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			thief.want(thief.page(strings.TrimPrefix(res.Header.Get("Location"), c.url)), 400)
			thief.want(thief.call("GET", "/api/v1/profile", nil), 401)
		})
	}
	t.Run("an address that has an account is no proof; its owner links", func(t *testing.T) {
		s, _ := startWith(t, oauthtest.User{Subject: "7", ID: 7, Email: alice, EmailVerified: true})
		owner := s.member(alice, first)
		c := s.caller()
		c.want(c.roundTrip(c.page("/api/v1/auth/oidc")), 409)
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
		begun := owner.post("/account/links/oidc", url.Values{})
		if policy := begun.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self';") {
			t.Errorf("forms may lead elsewhere: %s", policy)
		}
		owner.want(owner.roundTrip(begun), 303)
		c.want(c.roundTrip(c.page("/api/v1/auth/oidc")), 303)
		if a := c.call("GET", "/api/v1/profile", nil); a.text("data", "id") != owner.call("GET", "/api/v1/profile", nil).text("data", "id") {
			t.Error(a.body)
		}
		links, _ := owner.call("GET", "/api/v1/links", nil).json("data").([]any)
		if len(links) != 1 {
			t.Fatalf("%d links", len(links))
		}
		owner.want(owner.call("DELETE", "/api/v1/links/"+links[0].(object)["id"].(string), nil), 204)
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
	})
	t.Run("a second factor is asked for here as well", func(t *testing.T) {
		s, _ := startWith(t, oauthtest.User{Subject: "7", ID: 7, Email: alice, EmailVerified: true})
		c := s.caller()
		c.roundTrip(c.page("/api/v1/auth/oidc"))
		secret, _ := enrol(t, c)
		again := s.caller()
		a := again.want(again.roundTrip(again.page("/api/v1/auth/oidc")), 303)
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, "/login/factor") {
			t.Fatalf("leads to %q", to)
		}
		again.want(again.call("GET", "/api/v1/profile", nil), 401)
		again.want(again.post("/login/factor", url.Values{"code": {code(t, secret, 0)}}), 303)
		again.want(again.call("GET", "/api/v1/profile", nil), 200)
	})
	t.Run("the service starts while a provider is down", func(t *testing.T) {
		s := start(t, func(c *config) { c.OIDCIssuer, c.OIDCID = "http://127.0.0.1:1", "x" })
		c := s.caller()
		c.want(c.page("/login"), 200)
		c.want(c.page("/api/v1/auth/oidc"), 502)
	})
}
