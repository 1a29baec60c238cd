package main

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// code is that of an authenticator app, some steps from now.
func code(t *testing.T, secret string, steps int) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enrol gives a member a second factor, by the code of the step before this one.
func enrol(t *testing.T, c *caller) (secret string, recovery []string) {
	t.Helper()
	secret = c.want(c.call("POST", "/api/v1/auth/mfa/enable", nil), 200).text("secret")
	a := c.want(c.call("POST", "/api/v1/auth/mfa/verify", object{"code": code(t, secret, -1)}), 200)
	list, _ := a.json("recovery_codes").([]any)
	for _, entry := range list {
		recovery = append(recovery, entry.(string))
	}
	if len(recovery) < 10 {
		t.Fatal(a.body)
	}
	return secret, recovery
}

func TestFactors(t *testing.T) {
	s := start(t)
	c := s.member(alice, first)
	secret, recovery := enrol(t, c)

	login := func(path string) *caller {
		t.Helper()
		v := s.caller()
		v.want(v.call("POST", path, object{"email": alice, "password": first}), 401, "MFA_REQUIRED")
		return v
	}
	t.Run("a password alone opens nothing", func(t *testing.T) {
		v := login("/api/v1/auth/login")
		for _, path := range []string{"/api/v1/profile", "/api/v1/orders", "/api/v1/sessions", "/api/v1/api-keys"} {
			v.want(v.call("GET", path, nil), 401)
		}
		v.want(v.call("POST", "/api/v1/auth/token/refresh", nil), 401)
		v.want(v.call("POST", "/api/v1/auth/mfa/enable", nil), 401)
	})
	t.Run("with a code it is the session, once", func(t *testing.T) {
		now := code(t, secret, 0)
		v := login("/api/v1/auth/login")
		v.want(v.call("POST", "/api/v1/auth/mfa/challenge", object{"code": now}), 200)
		v.want(v.call("GET", "/api/v1/profile", nil), 200)
		again := login("/api/v1/auth/login")
		again.want(again.call("POST", "/api/v1/auth/mfa/challenge", object{"code": now}), 401)
	})
	t.Run("a recovery code is the tokens, once", func(t *testing.T) {
		v := login("/api/v1/auth/token")
		a := v.want(v.call("POST", "/api/v1/auth/mfa/challenge", object{"recovery_code": recovery[0]}), 200)
		v.header.Set("Authorization", "Bearer "+a.text("access_token"))
		v.want(v.call("GET", "/api/v1/profile", nil), 200)
		again := login("/api/v1/auth/token")
		again.want(again.call("POST", "/api/v1/auth/mfa/challenge", object{"recovery_code": recovery[0]}), 401)
	})
	t.Run("a challenge is of its browser", func(t *testing.T) {
		login("/api/v1/auth/login")
		other := s.caller()
		other.want(other.call("POST", "/api/v1/auth/mfa/challenge", object{"recovery_code": recovery[1]}), 401)
	})
	t.Run("a reset does not skip it", func(t *testing.T) {
		v := s.caller()
		v.want(v.call("POST", "/api/v1/auth/forgot-password", object{"email": alice}), 202)
		v.want(v.call("POST", "/api/v1/auth/reset-password", object{"token": s.mail(alice, "password"), "password": first}), 204)
		login("/api/v1/auth/login")
	})
	t.Run("guesses are counted over all logins", func(t *testing.T) {
		for range 5 {
			v := login("/api/v1/auth/login")
			v.call("POST", "/api/v1/auth/mfa/challenge", object{"code": "000000"})
		}
		v := login("/api/v1/auth/login")
		v.want(v.call("POST", "/api/v1/auth/mfa/challenge", object{"recovery_code": recovery[2]}), 429)
	})
}

func TestFactorPages(t *testing.T) {
	s := start(t)
	c := s.member(alice, first)
	a := c.want(c.post("/account/factor/enable", nil), 200)
	found := regexp.MustCompile(`id="secret">([A-Z2-7]+)<`).FindStringSubmatch(a.body)
	if found == nil || !strings.Contains(a.body, `src="data:image/png;base64,`) {
		t.Fatal(a.body)
	}
	a = c.want(c.post("/account/factor/verify", url.Values{"code": {code(t, found[1], -1)}}), 200)
	if n := strings.Count(a.body, "<li><code>"); n < 10 {
		t.Fatal(a.body)
	}
	v := s.caller()
	a = v.want(v.post("/login", url.Values{"email": {alice}, "password": {first}, "return_to": {"/orders"}}), 303)
	if to := a.Header.Get("Location"); !strings.HasPrefix(to, "/login/factor") {
		t.Fatal(to)
	}
	if a = v.want(v.page(a.Header.Get("Location")), 200); !strings.Contains(a.body, `name="code"`) {
		t.Fatal(a.body)
	}
	if a = v.post("/login/factor", url.Values{"code": {"000000"}}); a.StatusCode != 401 || !strings.Contains(a.body, `role="alert"`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	a = v.want(v.post("/login/factor", url.Values{"code": {code(t, found[1], 0)}}), 303)
	if to := a.Header.Get("Location"); to != "/orders" {
		t.Error(to)
	}
	if a = v.want(v.page("/account"), 200); !strings.Contains(a.body, "10 are left") {
		t.Error(a.body)
	}
}

func TestDevices(t *testing.T) {
	s := start(t)
	c := s.member(alice, first)
	secret, recovery := enrol(t, c)
	browser := s.caller()
	login := func() answer {
		t.Helper()
		return browser.want(browser.post("/login", url.Values{"email": {alice}, "password": {first}}), 303)
	}
	login()
	if a := browser.want(browser.page("/login/factor"), 200); !strings.Contains(a.body, `name="trust_device"`) {
		t.Fatal(a.body)
	}
	browser.want(browser.post("/login/factor", url.Values{"code": {code(t, secret, 0)}, "trust_device": {"true"}}), 303)
	browser.want(browser.post("/logout", nil), 303)

	t.Run("a trusted browser is asked for no code, and any other one is", func(t *testing.T) {
		if to := login().Header.Get("Location"); to != "/account" {
			t.Errorf("leads to %q", to)
		}
		other := s.caller()
		other.want(other.call("POST", "/api/v1/auth/login", object{"email": alice, "password": first}), 401, "MFA_REQUIRED")
	})
	t.Run("its owner forgets it, and nobody else can", func(t *testing.T) {
		a := browser.want(browser.page("/account"), 200)
		found := regexp.MustCompile(`name="id" value="([\w-]{22})"><button class="quiet" aria-label="Forget`).FindStringSubmatch(a.body)
		if found == nil {
			t.Fatal(a.body)
		}
		stranger := s.member("bob@example.com", another)
		stranger.want(stranger.post("/account/devices/forget", url.Values{"id": {found[1]}}), 303)
		browser.want(browser.post("/logout", nil), 303)
		if to := login().Header.Get("Location"); to != "/account" {
			t.Fatalf("a stranger has forgotten it: leads to %q", to)
		}
		browser.want(browser.post("/account/devices/forget", url.Values{"id": {found[1]}}), 303)
		browser.want(browser.post("/logout", nil), 303)
		if to := login().Header.Get("Location"); to != "/login/factor" {
			t.Errorf("leads to %q", to)
		}
	})
	t.Run("a wrong recovery code is said at its own field", func(t *testing.T) {
		a := browser.post("/login/factor?recovery", url.Values{"recovery_code": {"wrong"}})
		if a.StatusCode != 401 || !strings.Contains(a.body, `href="#recovery_code"`) || !strings.Contains(a.body, "<details open>") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		browser.want(browser.post("/login/factor?recovery", url.Values{"recovery_code": {recovery[0]}}), 303)
	})
}

// TestReturn: a passkey completes a sign-in by a script, which has to learn where the
// form of the password was to lead. A client that wants to go nowhere is told nothing.
func TestReturn(t *testing.T) {
	s := start(t)
	secret, recovery := enrol(t, s.member(alice, first))
	v := s.caller()
	v.want(v.post("/login", url.Values{"email": {alice}, "password": {first}, "return_to": {"/orders"}}), 303)
	if a := v.want(v.call("POST", "/api/v1/auth/mfa/challenge", object{"code": code(t, secret, 0)}), 200); a.text("return_to") != "/orders" {
		t.Error(a.body)
	}
	v = s.caller()
	v.want(v.call("POST", "/api/v1/auth/login", object{"email": alice, "password": first}), 401, "MFA_REQUIRED")
	a := v.want(v.call("POST", "/api/v1/auth/mfa/challenge", object{"recovery_code": recovery[0]}), 200)
	if members, _ := a.json().(object); len(members) != 1 || members["data"] == nil {
		t.Error(a.body)
	}
}

func TestKeys(t *testing.T) {
	s := start(t)
	c, admin := s.member(alice, first), s.administrator()
	id := c.call("GET", "/api/v1/profile", nil).text("data", "id")
	admin.want(admin.call("PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": []string{"manager"}}), 200)
	c.want(c.call("POST", "/api/v1/api-keys", object{"name": "n", "scopes": []string{"orders:read"}, "userId": "x"}), 400)
	c.want(c.call("POST", "/api/v1/api-keys", object{"name": "n", "scopes": []string{"users:write"}}), 403)
	made := c.want(c.call("POST", "/api/v1/api-keys", object{"name": "n", "scopes": []string{"orders:read", "orders:write"}, "expires_in": 3600}), 201)
	script := s.caller()
	script.header.Set("X-API-Key", made.text("key"))

	t.Run("a key has its scopes and what its owner may do now", func(t *testing.T) {
		script.want(script.call("POST", "/api/v1/orders", object{"item": "tea"}), 201)
		if a := script.want(script.call("GET", "/api/v1/profile", nil), 200); a.text("data", "method") != "apikey" {
			t.Error(a.body)
		}
		admin.want(admin.call("PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": []string{"customer"}}), 200)
		script.want(script.call("POST", "/api/v1/orders", object{"item": "tea"}), 403)
		script.want(script.call("GET", "/api/v1/orders", nil), 200)
	})
	t.Run("a key changes no account", func(t *testing.T) {
		for _, r := range [][2]string{
			{"POST", "/api/v1/api-keys"}, {"GET", "/api/v1/api-keys"}, {"POST", "/api/v1/auth/change-password"},
			{"POST", "/api/v1/auth/mfa/enable"}, {"GET", "/api/v1/sessions"}, {"DELETE", "/api/v1/sessions"},
		} {
			script.want(script.call(r[0], r[1], object{}), 403)
		}
	})
	t.Run("a bad key is not rescued by a good cookie", func(t *testing.T) {
		c.header.Set("X-API-Key", made.text("key")+"x")
		defer c.header.Del("X-API-Key")
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
	})
	t.Run("a bad token is not rescued by a good key", func(t *testing.T) {
		script.header.Set("Authorization", "Bearer nonsense")
		defer script.header.Del("Authorization")
		script.want(script.call("GET", "/api/v1/profile", nil), 401, "TOKEN_INVALID")
	})
	t.Run("a revoked key is refused at once", func(t *testing.T) {
		c.want(c.call("DELETE", "/api/v1/api-keys/"+made.text("id"), nil), 204)
		script.want(script.call("GET", "/api/v1/orders", nil), 401)
	})
	t.Run("by page it is shown once", func(t *testing.T) {
		a := c.want(c.post("/account/keys", url.Values{"name": {"page"}, "scope": {"orders:read"}}), 201)
		found := regexp.MustCompile(`id="new-key">([^<]+)<`).FindStringSubmatch(a.body)
		if found == nil {
			t.Fatal(a.body)
		}
		script.header.Set("X-API-Key", found[1])
		script.want(script.call("GET", "/api/v1/orders", nil), 200)
		if a = c.page("/account"); strings.Contains(a.body, found[1]) || !strings.Contains(a.body, "page") {
			t.Error(a.body)
		}
	})
}
