package main

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
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

func TestFirstPassword(t *testing.T) {
	s, _ := startWith(t, oauthtest.User{Subject: "7", Email: alice, EmailVerified: true}, oauthtest.User{Subject: "8", Email: "bob@example.com", EmailVerified: true})
	federated := func() *caller {
		t.Helper()
		c := s.caller()
		c.want(c.roundTrip(c.page("/api/v1/auth/oidc")), 303)
		return c
	}
	c := federated()
	other := federated()
	links, _ := c.call("GET", "/api/v1/links", nil).json("data").([]any)
	link := "/api/v1/links/" + links[0].(object)["id"].(string)
	profile := c.want(c.call("GET", "/api/v1/profile", nil), 200)

	t.Run("there is a form for it, without a current one", func(t *testing.T) {
		a := c.want(c.page("/account"), 200)
		if !strings.Contains(a.body, "Set a password") || !strings.Contains(a.body, `action="/account/password"`) || strings.Contains(a.body, "current_password") {
			t.Error(a.body)
		}
		c.want(c.call("DELETE", link, nil), 409, "LAST_LOGIN_METHOD")
	})
	t.Run("a weak one is refused beside its input", func(t *testing.T) {
		a := c.want(c.post("/account/password", url.Values{"password": {"password1234"}}), 422)
		if !strings.Contains(a.body, `href="#new_password"`) || !strings.Contains(a.body, "Set a password") {
			t.Error(a.body)
		}
		c.want(c.call("POST", "/api/v1/auth/change-password", object{"password": "short"}), 422, "PASSWORD_REJECTED")
	})
	t.Run("a sign-in of an hour ago is not enough", func(t *testing.T) {
		p := &auth.Principal{Subject: profile.text("data", "id"), Method: auth.MethodSession, AuthenticatedAt: time.Now().Add(-time.Hour)}
		ask := func(kind, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(auth.NewContext(t.Context(), p), "POST", s.url+"/account/password", strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			if kind != "application/json" {
				r.Header.Set("Accept", "text/html")
			}
			w := httptest.NewRecorder()
			s.service.accounts.ChangePassword().ServeHTTP(w, r)
			return w
		}
		if w := ask("application/json", `{"password":"`+first+`"}`); w.Code != 401 || !strings.Contains(w.Body.String(), "STEP_UP_REQUIRED") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		w := ask("application/x-www-form-urlencoded", url.Values{"password": {first}}.Encode())
		if to := w.Header().Get("Location"); w.Code != 303 || to != "/login?return_to=/account&notice=again" {
			t.Errorf("%d, leads to %q", w.Code, to)
		}
		c.want(s.caller().call("POST", "/api/v1/auth/login", object{"email": alice, "password": first}), 401)
	})
	t.Run("it is set, signs in, ends other sessions and frees the link", func(t *testing.T) {
		if a := c.want(c.post("/account/password", url.Values{"password": {first}}), 303); a.Header.Get("Location") != "/account?notice=change-password" {
			t.Error(a.Header)
		}
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
		other.want(other.call("GET", "/api/v1/profile", nil), 401)
		s.caller().login(alice, first)
		if a := c.want(c.page("/account"), 200); strings.Contains(a.body, "Set a password") || !strings.Contains(a.body, "current_password") {
			t.Error(a.body)
		}
		c.want(c.call("POST", "/api/v1/auth/change-password", object{"password": another}), 401, "INVALID_CREDENTIALS") // from now on it is asked for
		c.want(c.call("DELETE", link, nil), 204)
	})
}

func TestFirstPasswordByAPI(t *testing.T) {
	s, _ := startWith(t, oauthtest.User{Subject: "7", Email: alice, EmailVerified: true})
	c := s.caller()
	c.want(c.roundTrip(c.page("/api/v1/auth/oidc")), 303)
	t.Run("a mail to the address gets around no provider", func(t *testing.T) {
		c.want(c.call("POST", "/api/v1/auth/forgot-password", object{"email": alice}), 202)
		var list []struct{ To, Subject, Token string }
		for range 500 {
			a := c.want(c.call("GET", "/dev/mailbox", nil), 200)
			if err := json.Unmarshal([]byte(a.body), &list); err != nil {
				t.Fatal(err)
			}
			if len(list) > 0 {
				break
			}
			pause(t)
		}
		if len(list) != 1 || list[0].To != alice || list[0].Token != "" || !strings.Contains(list[0].Subject, "has no password") {
			t.Errorf("%+v", list)
		}
	})
	t.Run("a fresh sign-in is enough for the API, too", func(t *testing.T) {
		c.want(c.call("POST", "/api/v1/auth/change-password", object{"password": first}), 204)
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
		s.caller().login(alice, first)
	})
}
