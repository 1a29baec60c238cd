package main

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	alice   = "alice@example.com"
	first   = "correct horse battery staple"
	another = "quite another set of words"
)

// pause lets the mail, which is sent after the answer, come in.
func pause(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-t.Context().Done():
	}
}

type object = map[string]any

func TestAccount(t *testing.T) {
	s := start(t)
	c := s.caller()
	c.want(c.call("GET", "/healthz", nil), 200)
	c.want(c.call("GET", "/api/v1/profile", nil), 401)
	c.want(c.call("POST", "/api/v1/auth/login", object{"email": alice, "password": first}), 401, "INVALID_CREDENTIALS")
	c = s.member(alice, first)
	a := c.want(c.call("GET", "/api/v1/profile", nil), 200)
	if a.text("data", "email") != alice || a.text("data", "method") != "session" {
		t.Error(a.body)
	}

	t.Run("a known address is answered like any other", func(t *testing.T) {
		known := c.want(s.caller().call("POST", "/api/v1/auth/register", object{"email": alice, "password": another}), 202)
		unknown := c.want(s.caller().call("POST", "/api/v1/auth/register", object{"email": "nobody@example.com", "password": another}), 202)
		if known.body != unknown.body {
			t.Errorf("%q and %q", known.body, unknown.body)
		}
	})
	t.Run("a change of password ends all other sessions", func(t *testing.T) {
		other := s.caller()
		other.login(alice, first)
		c.want(c.call("POST", "/api/v1/auth/change-password", object{"current_password": "wrong", "password": another}), 401)
		c.want(c.call("POST", "/api/v1/auth/change-password", object{"current_password": first, "password": another}), 204)
		other.want(other.call("GET", "/api/v1/profile", nil), 401)
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
	})
	t.Run("a reset ends all sessions and signs nobody in", func(t *testing.T) {
		visitor := s.caller()
		visitor.want(visitor.call("POST", "/api/v1/auth/forgot-password", object{"email": alice}), 202)
		token := s.mail(alice, "password")
		visitor.want(visitor.call("POST", "/api/v1/auth/reset-password", object{"token": token, "password": first}), 204)
		visitor.want(visitor.call("POST", "/api/v1/auth/reset-password", object{"token": token, "password": another}), 400)
		visitor.want(visitor.call("GET", "/api/v1/profile", nil), 401)
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
	})
	t.Run("a logout ends the session for good", func(t *testing.T) {
		c.login(alice, first)
		copied := s.caller()
		copied.http.Jar.SetCookies(mustURL(t, s.url), c.http.Jar.Cookies(mustURL(t, s.url)))
		c.want(c.call("POST", "/api/v1/auth/logout", nil), 204)
		copied.want(copied.call("GET", "/api/v1/profile", nil), 401)
	})
	t.Run("a deleted account is gone, with all that was its", func(t *testing.T) {
		bob := s.member("bob@example.com", first)
		key := bob.want(bob.call("POST", "/api/v1/api-keys", object{"name": "n", "scopes": []string{"orders:read"}}), 201).text("key")
		bob.want(bob.post("/account/delete", url.Values{"password": {first}}), 303)
		bob.want(bob.call("GET", "/api/v1/profile", nil), 401)
		script := s.caller()
		script.header.Set("X-API-Key", key)
		script.want(script.call("GET", "/api/v1/orders", nil), 401)
	})
	t.Run("the sixth guess is refused, the right one too", func(t *testing.T) {
		guesser := s.caller()
		for range 5 {
			guesser.want(guesser.call("POST", "/api/v1/auth/login", object{"email": "carol@example.com", "password": "a guess or two"}), 401)
		}
		a := guesser.want(guesser.call("POST", "/api/v1/auth/login", object{"email": "carol@example.com", "password": first}), 429)
		if a.Header.Get("Retry-After") == "" {
			t.Error("without a Retry-After")
		}
	})
}

func TestTokens(t *testing.T) {
	s := start(t)
	s.member(alice, first)
	c := s.caller()
	a := c.want(c.call("POST", "/api/v1/auth/token", object{"email": alice, "password": first}), 200)
	c.header.Set("Authorization", "Bearer "+a.text("access_token"))
	if a := c.want(c.call("GET", "/api/v1/profile", nil), 200); a.text("data", "method") != "jwt" {
		t.Error(a.body)
	}
	next := c.want(c.call("POST", "/api/v1/auth/token/refresh", nil), 200)
	if next.text("access_token") == "" || next.text("access_token") == a.text("access_token") {
		t.Error(next.body)
	}
	c.want(c.call("POST", "/api/v1/auth/token/revoke", nil), 204)
	c.want(c.call("POST", "/api/v1/auth/token/refresh", nil), 401)

	t.Run("a bad token is not rescued by a good cookie", func(t *testing.T) {
		c := s.caller()
		c.login(alice, first)
		c.header.Set("Authorization", "Bearer nonsense")
		c.want(c.call("GET", "/api/v1/profile", nil), 401, "TOKEN_INVALID")
	})
}

func TestRoles(t *testing.T) {
	s := start(t)
	c, admin := s.member(alice, first), s.administrator()
	id := c.call("GET", "/api/v1/profile", nil).text("data", "id")
	c.want(c.call("GET", "/api/v1/orders", nil), 200)
	c.want(c.call("POST", "/api/v1/orders", object{"item": "tea"}), 403)
	c.want(c.call("GET", "/api/v1/admin/users", nil), 403)

	t.Run("a new role counts at the next request", func(t *testing.T) {
		admin.want(admin.call("PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": []string{"manager"}}), 200)
		c.want(c.call("POST", "/api/v1/orders", object{"item": "tea"}), 201)
		admin.want(admin.call("PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": []string{"customer"}}), 200)
		c.want(c.call("POST", "/api/v1/orders", object{"item": "tea"}), 403)
	})
	t.Run("what is wrong is told", func(t *testing.T) {
		admin.want(admin.call("PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": []string{"emperor"}}), 400)
		admin.want(admin.call("PUT", "/api/v1/admin/users/nobody/roles", object{"roles": []string{"manager"}}), 404)
		admin.want(admin.call("DELETE", "/api/v1/orders/none", nil), 404)
		admin.want(admin.call("POST", "/api/v1/orders", object{"item": strings.Repeat("x", 61)}), 400)
		admin.want(admin.call("POST", "/api/v1/orders", object{"item": strings.Repeat("ü", 60)}), 201) // as many as the form takes
		admin.want(admin.call("GET", "/api/v1/nothing", nil), 404)
	})
	t.Run("the page takes roles by its own form only", func(t *testing.T) {
		page := "/admin/users/" + id + "/roles"
		admin.want(admin.send("POST", page, "application/json", "text/html", strings.NewReader(`{"roles":["manager"]}`)), 400)
		admin.want(admin.post(page, url.Values{"role": {"manager"}}), 400)
		if a := admin.call("GET", "/api/v1/admin/users", nil); strings.Contains(a.body, `"manager"`) || !strings.Contains(a.body, `"customer"`) {
			t.Error(a.body)
		}
		admin.want(admin.post(page, url.Values{"user": {id}, "role": {"customer"}}), 303)
	})
	t.Run("the audit log has it", func(t *testing.T) {
		for range 500 {
			if a := admin.call("GET", "/api/v1/admin/audit", nil); strings.Contains(a.body, `"admin.roles"`) && strings.Contains(a.body, id) {
				return
			}
			pause(t)
		}
		t.Error("no record")
	})
	t.Run("F24 what a stranger sends does not fill it", func(t *testing.T) {
		stranger := s.caller()
		stranger.header.Set("Authorization", "Bearer nonsense")
		stranger.want(stranger.call("GET", "/api/v1/profile", nil), 401)
		stranger.header = http.Header{"X-Api-Key": {"nonsense"}}
		stranger.want(stranger.call("GET", "/api/v1/profile", nil), 401)
		c.want(c.call("GET", "/api/v1/admin/users", nil), 403) // is written after them
		for range 500 {
			a := admin.call("GET", "/api/v1/admin/audit", nil)
			if strings.Contains(a.body, "refused") {
				t.Fatal(a.body)
			}
			if strings.Contains(a.body, "users:read") {
				return
			}
			pause(t)
		}
		t.Error("no record of what was denied")
	})
}

func TestFirstAdministrator(t *testing.T) {
	s := start(t)
	c := s.member(alice, first)
	var out bytes.Buffer
	if err := s.service.promote(t.Context(), "bob@example.com", &out); err == nil || !strings.Contains(err.Error(), "register first") {
		t.Error(err)
	}
	c.want(c.call("GET", "/api/v1/admin/users", nil), 403)
	for range 2 { // the second time there is nothing to do
		if err := s.service.promote(t.Context(), "Alice@Example.com", &out); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(out.String(), alice+" is an administrator") {
		t.Errorf("%s", &out)
	}
	a := c.want(c.call("GET", "/api/v1/admin/users", nil), 200)
	if strings.Count(a.body, `"admin"`) != 2 { // hers, and that of the first
		t.Error(a.body)
	}
}

func TestSessions(t *testing.T) {
	s := start(t)
	c := s.member(alice, first)
	other := s.caller()
	other.login(alice, first)
	list, _ := c.want(c.call("GET", "/api/v1/sessions", nil), 200).json("data").([]any)
	if len(list) != 2 {
		t.Fatalf("%d sessions, want 2", len(list))
	}
	for _, entry := range list {
		if e := entry.(object); e["current"] != true {
			c.want(c.call("DELETE", "/api/v1/sessions/"+e["id"].(string), nil), 204)
		}
	}
	other.want(other.call("GET", "/api/v1/profile", nil), 401)
	other.login(alice, first)
	c.want(c.call("DELETE", "/api/v1/sessions", nil), 204)
	other.want(other.call("GET", "/api/v1/profile", nil), 401)
	c.want(c.call("GET", "/api/v1/profile", nil), 200)
}

func TestPages(t *testing.T) {
	s := start(t)
	c := s.caller()
	t.Run("a visitor is led to the login and back", func(t *testing.T) {
		a := c.want(c.page("/orders"), 303)
		if got := a.Header.Get("Location"); got != "/login?return_to=%2Forders" {
			t.Error(got)
		}
		a = c.want(c.post("/login", url.Values{"email": {adminEmail}, "password": {s.admin}, "return_to": {"/orders"}}), 303)
		if got := a.Header.Get("Location"); got != "/orders" {
			t.Error(got)
		}
	})
	t.Run("pages are for who may see them", func(t *testing.T) {
		for _, path := range []string{"/", "/account", "/orders", "/admin"} {
			if a := c.want(c.page(path), 200); !strings.Contains(a.body, "Sign out") || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s", path, a.body)
			}
		}
		customer := s.member(alice, first)
		customer.want(customer.page("/admin"), 403)
		if a := customer.want(customer.page("/orders"), 200); strings.Contains(a.body, `action="/orders"`) {
			t.Error("a customer is shown the form for orders")
		}
	})
	t.Run("orders by form", func(t *testing.T) {
		c.want(c.post("/orders", url.Values{"item": {"<b>tea</b>"}}), 303)
		if a := c.page("/orders"); !strings.Contains(a.body, "&lt;b&gt;tea&lt;/b&gt;") {
			t.Error(a.body)
		}
	})
	t.Run("a wrong password is said on the form", func(t *testing.T) {
		a := s.caller().post("/login", url.Values{"email": {alice}, "password": {"wrong"}})
		if a.StatusCode != 401 || !strings.Contains(a.body, `role="alert"`) || !strings.Contains(a.body, alice) || strings.Contains(a.body, "wrong\"") {
			t.Error(a.StatusCode, a.body)
		}
	})
	t.Run("another site can send nothing", func(t *testing.T) {
		c.header.Set("Sec-Fetch-Site", "cross-site")
		c.header.Set("Origin", "https://evil.example")
		defer func() { c.header.Del("Sec-Fetch-Site"); c.header.Del("Origin") }()
		for _, path := range []string{"/orders", "/login", "/logout", "/account/delete", "/account/sessions/end-others", "/admin/users/x/roles"} {
			if a := c.post(path, url.Values{"item": {"tea"}}); a.StatusCode != 403 {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
		}
	})
	t.Run("a link of mail changes nothing by being opened", func(t *testing.T) {
		v := s.caller()
		v.want(v.post("/register", url.Values{"email": {"carol@example.com"}, "password": {first}}), 303)
		token := s.mail("carol@example.com", "")
		for range 2 {
			if a := v.want(v.page("/verify-email?token="+token), 200); !strings.Contains(a.body, token) || a.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Error(a.Header, a.body)
			}
		}
		v.want(v.post("/verify-email", url.Values{"token": {token}}), 303)
		v.login("carol@example.com", first)
	})
	t.Run("a page that is not there is a page", func(t *testing.T) {
		if a := c.want(c.page("/nothing"), 404); !strings.Contains(a.body, "NOT_FOUND") {
			t.Error(a.body)
		}
	})
}

func TestConfig(t *testing.T) {
	none := func(string) string { return "" }
	for _, args := range [][]string{
		{"-addr", "0.0.0.0:8080"}, {"-addr", "0.0.0.0:8080", "-dev", "true"}, {"-base-url", "http://app.example.com"},
		{"-base-url", "https://app.example.com"}, {"-addr", "nowhere"}, {"-dev", "maybe"}, {"-dev=maybe"}, {"what"},
		{"-audit-days", "-1"}, {"-audit-days", "36501"}, {"-audit-days", "1.5"}, {"-audit-days", "a year"},
	} {
		if c, err := parseConfig(args, none); err == nil {
			t.Errorf("%q is taken: %+v", args, c)
		}
	}
	c, err := parseConfig(nil, none)
	if err != nil || !c.Dev || c.BaseURL != "http://127.0.0.1:8080" || c.AuditDays != 400 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = parseConfig([]string{"-audit-days", "0"}, none); err != nil || c.AuditDays != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	mail := func(string) string { return "smtp://mail.example.com" }
	for text, want := range map[string]bool{"-dev": true, "-dev=true": true, "-dev true": true, "-dev=false": false, "-dev false": false, "--dev false": false} {
		c, err := parseConfig(append(strings.Fields(text), "-addr", "localhost:1", "-base-url", "http://localhost:1"), mail)
		if !want && err == nil || want && (err != nil || !c.Dev || c.Addr != "localhost:1") {
			t.Errorf("%q: %+v, %v", text, c, err) // without -dev this base URL is refused
		}
	}
	if c, err = parseConfig([]string{"-base-url", "https://app.example.com/"}, mail); err != nil || c.Dev || c.BaseURL != "https://app.example.com" {
		t.Errorf("%+v, %v", c, err)
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
