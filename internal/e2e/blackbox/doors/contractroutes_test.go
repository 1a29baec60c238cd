package doors_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

func decodeSegment(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

func (p *people) apiKeys(t *testing.T) {
	for _, c := range []*running.Client{p.customer, p.Bearer(p.token)} {
		a := c.Want(t, c.Call(t, "POST", apiKeys, object{"name": "deploy", "scopes": []string{"orders:read"}, "expires_in": 3600}), 201)
		isJSON(t, a)
		public := []string{"id", "name", "prefix", "environment", "scopes", "created_at", "expires_at"}
		members(t, a.JSON(), append([]string{"key"}, public...)...)
		text, id := a.String("key"), a.String("id")
		if !strings.HasPrefix(text, "sk_live_"+id+"_") || a.String("name") != "deploy" {
			t.Errorf("%s", a.Text)
		}
		if at, err := time.Parse(time.RFC3339, a.String("expires_at")); err != nil || time.Until(at) > time.Hour || time.Until(at) < 50*time.Minute {
			t.Errorf("expires_at %s", a.String("expires_at"))
		}
		listed := c.Want(t, c.Call(t, "GET", apiKeys, nil), 200)
		isJSON(t, listed)
		found := false
		for _, m := range list(t, listed) {
			if m["id"] == id {
				found = true
				members(t, m, public...)
			}
		}
		if !found || strings.Contains(listed.Text, text[len("sk_live_")+len(id)+1:]) {
			t.Errorf("the key is not there, or its secret is: %s", listed.Text)
		}
		c.Want(t, c.Call(t, "DELETE", apiKeys+"/"+id, nil), 204)
		c.Want(t, c.Call(t, "DELETE", apiKeys+"/"+id, nil), 204) // again
		script := p.Key(text)
		script.Want(t, script.Call(t, "GET", orders, nil), 401, "API_KEY_REVOKED")
		c.Want(t, c.Call(t, "DELETE", apiKeys+"/nothing", nil), 404, "NOT_FOUND")
		c.Want(t, c.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:delete"}}), 403, "FORBIDDEN")
		c.Want(t, c.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{}}), 422, "API_KEY_REJECTED")
	}
	script := p.Key(p.key)
	script.Want(t, script.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 403, "FORBIDDEN")
}

func (p *people) orders(t *testing.T) {
	setRoles(t, p.admin, p.id, "manager")
	writing := keyText(t, p.customer, "orders:read", "orders:write")
	for _, c := range []*running.Client{p.customer, p.Bearer(p.token), p.Key(writing)} {
		a := c.Want(t, c.Call(t, "POST", orders, object{"item": " tea "}), 201)
		isJSON(t, a)
		members(t, a.JSON(), "data")
		members(t, a.JSON("data"), "id", "item", "by", "at")
		if a.String("data", "item") != "tea" || a.String("data", "by") != p.id {
			t.Errorf("%s", a.Text)
		}
		id := a.String("data", "id")
		listed := c.Want(t, c.Call(t, "GET", orders, nil), 200)
		isJSON(t, listed)
		if all := list(t, listed); len(all) == 0 || len(all) > 0 && !strings.Contains(listed.Text, id) {
			t.Errorf("%s", listed.Text)
		}
		c.Want(t, c.Call(t, "DELETE", orders+"/"+id, nil), 403, "FORBIDDEN")
		p.admin.Want(t, p.admin.Call(t, "DELETE", orders+"/"+id, nil), 204)
		p.admin.Want(t, p.admin.Call(t, "DELETE", orders+"/"+id, nil), 404, "NOT_FOUND")
	}
	for _, in := range []any{object{"item": ""}, object{"item": strings.Repeat("x", 61)}, object{"item": "a\x00b"}} {
		p.customer.Want(t, p.customer.Call(t, "POST", orders, in), 400, "BAD_REQUEST")
	}
	for _, in := range []string{`{`, `null`, `{"item":7}`, `{"item":"a","by":"x"}`, `{"item":"a","item":"b"}`, `{"item":"a"}x`} {
		p.customer.Want(t, p.customer.Call(t, "POST", orders, in), 400, "BODY_INVALID")
	}
	p.customer.Want(t, p.customer.Call(t, "POST", orders, `{"item":"`+strings.Repeat("x", 70<<10)+`"}`), 413, "BODY_TOO_LARGE")
	p.customer.Want(t, p.customer.Send(t, "POST", orders, nil, strings.NewReader(`{"item":"a"}`)), 415, "UNSUPPORTED_MEDIA_TYPE")
	setRoles(t, p.admin, p.id, "customer")
	p.customer.Want(t, p.customer.Call(t, "POST", orders, object{"item": "tea"}), 403, "FORBIDDEN")
	script := p.Key(writing)
	script.Want(t, script.Call(t, "POST", orders, object{"item": "tea"}), 403)
}

func (p *people) administration(t *testing.T) {
	_, token := p.TokenFor(t, running.AdminEmail, p.Admin)
	for _, c := range []*running.Client{p.admin, p.Bearer(token)} {
		a := c.Want(t, c.Call(t, "GET", "/api/v1/admin/users", nil), 200)
		isJSON(t, a)
		if all := list(t, a); len(all) < 2 {
			t.Errorf("%s", a.Text)
		}
		for _, m := range list(t, a) {
			members(t, m, "id", "email", "roles")
		}
		path := "/api/v1/admin/users/" + p.id + "/roles"
		for _, role := range []string{"manager", "customer"} {
			a := c.Want(t, c.Call(t, "PUT", path, object{"roles": []string{role}}), 200)
			isJSON(t, a)
			members(t, a.JSON("data"), "id", "email", "roles")
			hasRoles(t, p.customer, role)
			hasRoles(t, p.Bearer(p.token), role)
			hasRoles(t, p.Key(p.key), role)
		}
		c.Want(t, c.Call(t, "PUT", path, object{"roles": []string{"emperor"}}), 400, "BAD_REQUEST")
		c.Want(t, c.Call(t, "PUT", "/api/v1/admin/users/nobody/roles", object{"roles": []string{"customer"}}), 404, "NOT_FOUND")
	}
	for _, c := range []*running.Client{p.customer, p.Bearer(p.token), p.Key(p.key)} {
		c.Want(t, c.Call(t, "GET", "/api/v1/admin/users", nil), 403, "FORBIDDEN")
		c.Want(t, c.Call(t, "PUT", "/api/v1/admin/users/"+p.id+"/roles", object{"roles": []string{"admin"}}), 403, "FORBIDDEN")
	}
	script := key(t, p.admin, "users:read", "users:write")
	script.Want(t, script.Call(t, "GET", "/api/v1/admin/users", nil), 200)
	script.Want(t, script.Call(t, "PUT", "/api/v1/admin/users/"+p.id+"/roles", object{"roles": []string{"admin"}}), 403, "FORBIDDEN")
	hasRoles(t, p.customer, "customer")
}

func (p *people) providers(t *testing.T) {
	for start, idp := range map[string]string{oidc: p.idp.URL + "/authorize", github: p.hub.URL + "/login/oauth/authorize"} {
		c := p.Client()
		a := c.Want(t, c.Call(t, "GET", start+"?return_to=/orders", nil), 303)
		to := a.Header.Get("Location")
		if !strings.HasPrefix(to, idp+"?") || len(a.Cookies()) != 1 || !a.Cookies()[0].HttpOnly || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("leads to %s with %v", to, a.Header)
		}
		done := c.Want(t, c.Call(t, "GET", p.atProvider(t, parse(t, to)), nil), 200)
		isJSON(t, done)
		members(t, done.JSON("data"), "id", "email", "roles")
		if done.String("return_to") != "/orders" || done.Cookie("session") == nil || !done.Cookie("session").HttpOnly {
			t.Errorf("%s %v", done.Text, done.Header)
		}
		me := c.Want(t, c.Call(t, "GET", profile, nil), 200)
		if me.String("data", "id") != done.String("data", "id") || me.String("data", "method") != "session" {
			t.Errorf("%s", me.Text)
		}
		hasRoles(t, c, "customer")
		page := p.Client()
		if a := page.Want(t, page.Page(t, p.callback(t, page, start)), 303); a.Header.Get("Location") != "/account" {
			t.Errorf("a page leads to %q", a.Header.Get("Location"))
		}
	}
	c := p.Client()
	for _, path := range []string{"/api/v1/auth/google", "/api/v1/auth/google/callback?code=x&state=y", "/api/v1/auth/", "/api/v1/auth/OIDC"} {
		c.Want(t, c.Call(t, "GET", path, nil), 404, "NOT_FOUND")
	}
}

func (p *people) unstorable(t *testing.T) {
	for _, text := range []string{"%00", "a%00b", "%ff", "%c3", "%ed%a0%80", "%F0%9F%92%A9", strings.Repeat("a", 4000), "'", "%5C", "%25"} {
		for _, r := range []route{
			{"DELETE", orders + "/", nil}, {"DELETE", apiKeys + "/", nil}, {"POST", apiKeys + "/{}/rotate", object{}}, {"DELETE", "/api/v1/sessions/", nil}, {"DELETE", links + "/", nil},
			{"PUT", "/api/v1/admin/users/{}/roles", object{"roles": []string{"customer"}}}, {"GET", "/api/v1/admin/users?after=", nil}, {"GET", "/admin?after=", nil}, {"POST", "/orders/{}/delete", nil}, {"POST", "/account/sessions/{}/end", nil},
			{"DELETE", "/api/v1/passkeys/", nil}, {"GET", oidc + "?return_to=/", nil}, {"GET", oidc + "/callback?code=x&state=", nil},
		} {
			path := strings.Replace(r.path, "{}", text, 1)
			if path == r.path {
				path += text
			}
			if a := p.admin.Call(t, r.method, path, r.body); a.StatusCode >= 500 {
				t.Errorf("%s %.60s: %d %s", r.method, path, a.StatusCode, a.Text)
			}
		}
	}
	// A link that is not there ends the sessions of whoever wanted it gone.
	p.admin = p.Administrator(t)
	for _, text := range []string{`a\u0000b`, `\u0000`, `\ud800`, `\udc00a`, "\xff", `💩`} {
		for _, r := range []struct{ path, body string }{
			{orders, `{"item":"` + text + `"}`}, {apiKeys, `{"name":"` + text + `","scopes":["orders:read"]}`}, {apiKeys, `{"name":"n","scopes":["` + text + `"]}`},
			{"/api/v1/auth/login", `{"email":"` + text + `@example.com","password":"` + text + words + `"}`}, {"/api/v1/auth/register", `{"email":"` + text + `@example.com","password":"` + text + words + `"}`},
			{"/api/v1/auth/forgot-password", `{"email":"` + text + `@example.com"}`}, {"/api/v1/auth/reset-password", `{"token":"` + text + `","password":"` + words + `"}`}, {"/api/v1/auth/verify-email", `{"token":"` + text + `"}`},
		} {
			if a := p.admin.Call(t, "POST", r.path, r.body); a.StatusCode >= 500 {
				t.Errorf("%s with %q: %d %s", r.path, r.body, a.StatusCode, a.Text)
			}
		}
	}
}
