package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A caller is a client of the API that keeps its refresh cookie and its token.
type caller struct {
	t             *testing.T
	base          string
	cookie, token string
}

// call sends a request as a page of this origin would, and decodes the answer.
func (c *caller) call(method, path, body string, header ...string) (status int, answer map[string]any) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" && strings.HasPrefix(path, "/api") {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cookie != "" && strings.HasPrefix(path, "/auth") {
		req.Header.Set("Cookie", c.cookie)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	for _, set := range res.Cookies() {
		c.cookie = ""
		if set.MaxAge >= 0 {
			c.cookie = set.Name + "=" + set.Value
		}
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &answer); err != nil {
			c.t.Fatal(err)
		}
	}
	if token, ok := answer["access_token"].(string); ok {
		c.token = token
	}
	return res.StatusCode, answer
}

func signedIn(t *testing.T, base string, a account) *caller {
	t.Helper()
	c := &caller{t: t, base: base}
	if status, answer := c.call("POST", "/auth/login", `{"email":"`+a.Email+`","password":"`+a.Password+`"}`); status != 200 || answer["token_type"] != "Bearer" {
		t.Fatalf("sign-in of %s: %d %v", a.Email, status, answer)
	}
	return c
}

func TestAPI(t *testing.T) {
	var log bytes.Buffer
	api, err := newAPI("http://127.0.0.1", time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	admin, manager, customer := demoAccounts[0], demoAccounts[1], demoAccounts[2]

	t.Run("nobody is told to sign in", func(t *testing.T) {
		c := &caller{t: t, base: srv.URL}
		if status, answer := c.call("GET", "/api/me", ""); status != 401 || answer["code"] != "UNAUTHENTICATED" {
			t.Errorf("%d %v", status, answer)
		}
	})
	t.Run("a wrong password and an unknown address are one answer", func(t *testing.T) {
		c := &caller{t: t, base: srv.URL}
		_, wrong := c.call("POST", "/auth/login", `{"email":"alice@example.com","password":"wrong"}`)
		status, unknown := c.call("POST", "/auth/login", `{"email":"nobody@example.com","password":"wrong"}`)
		if status != 401 || wrong["code"] != unknown["code"] || c.cookie != "" {
			t.Errorf("%d %v %v", status, wrong, unknown)
		}
	})
	t.Run("one password at many accounts is slowed down", func(t *testing.T) {
		api, err := newAPI("http://127.0.0.1", time.Minute, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(api)
		defer srv.Close()
		c := &caller{t: t, base: srv.URL}
		for i := range 40 {
			body := fmt.Sprintf(`{"email":"user%d@example.com","password":"spring 2026"}`, i)
			switch status, answer := c.call("POST", "/auth/login", body); status {
			case 401:
			case 429:
				return
			default:
				t.Fatalf("%d %v", status, answer)
			}
		}
		t.Error("40 accounts were tried from one address")
	})
	t.Run("what a role may do", func(t *testing.T) {
		_, made := signedIn(t, srv.URL, admin).call("POST", "/api/orders", `{"item":"A chair"}`)
		if made["data"] == nil {
			t.Fatalf("%v", made)
		}
		for _, tc := range []struct {
			who         account
			write, kill int
		}{{customer, 403, 403}, {manager, 201, 403}, {admin, 201, 204}} {
			c := signedIn(t, srv.URL, tc.who)
			if status, me := c.call("GET", "/api/me", ""); status != 200 || me["data"].(map[string]any)["email"] != tc.who.Email {
				t.Errorf("%s: %d %v", tc.who.Role, status, me)
			}
			if status, _ := c.call("GET", "/api/orders", ""); status != 200 {
				t.Errorf("%s reads: %d", tc.who.Role, status)
			}
			if status, _ := c.call("POST", "/api/orders", `{"item":"A table"}`); status != tc.write {
				t.Errorf("%s writes: %d", tc.who.Role, status)
			}
			if status, _ := c.call("DELETE", "/api/orders/1", ""); status != tc.kill {
				t.Errorf("%s deletes: %d", tc.who.Role, status)
			}
		}
	})
	t.Run("RFT-02 a refresh rotates the cookie, and a sign-out ends it", func(t *testing.T) {
		c := signedIn(t, srv.URL, customer)
		before := c.cookie
		if status, _ := c.call("POST", "/auth/refresh", ""); status != 200 || c.cookie == before {
			t.Errorf("%d, cookie changed: %v", status, c.cookie != before)
		}
		last := c.cookie
		if status, _ := c.call("POST", "/auth/revoke", ""); status != 204 || c.cookie != "" {
			t.Errorf("revoke: %d %q", status, c.cookie)
		}
		for _, old := range []string{before, last} {
			c.cookie = old
			if status, _ := c.call("POST", "/auth/refresh", ""); status != 401 {
				t.Errorf("a refresh after the sign-out: %d", status)
			}
		}
	})
	t.Run("R14 another site refreshes nothing", func(t *testing.T) {
		c := signedIn(t, srv.URL, customer)
		before := c.cookie
		if status, _ := c.call("POST", "/auth/refresh", "", "Sec-Fetch-Site", "cross-site"); status != 403 || c.cookie != before {
			t.Errorf("%d", status)
		}
	})
	t.Run("devices are listed and ended", func(t *testing.T) {
		here, there := signedIn(t, srv.URL, manager), signedIn(t, srv.URL, manager)
		_, list := here.call("GET", "/api/devices", "")
		if n := len(list["data"].([]any)); n < 2 {
			t.Fatalf("%d devices", n)
		}
		if status, _ := here.call("DELETE", "/api/devices", ""); status != 204 {
			t.Fatalf("%d", status)
		}
		if status, _ := there.call("POST", "/auth/refresh", ""); status != 401 {
			t.Errorf("the other device refreshes: %d", status)
		}
		if status, _ := here.call("POST", "/auth/refresh", ""); status != 200 {
			t.Errorf("this device does not refresh: %d", status)
		}
	})
	t.Run("bad bodies change nothing", func(t *testing.T) {
		c := signedIn(t, srv.URL, admin)
		for _, body := range []string{`{`, `{"item":""}`, `{"item":"x","price":1}`, `{"item":"x"} {}`, `[]`} {
			if status, answer := c.call("POST", "/api/orders", body); status != 400 {
				t.Errorf("%s: %d %v", body, status, answer)
			}
		}
		if status, _ := c.call("POST", "/api/orders", "item=x", "Content-Type", "application/x-www-form-urlencoded"); status != 415 {
			t.Errorf("a form: %d", status)
		}
	})
	t.Run("the page and its scripts", func(t *testing.T) {
		c := &caller{t: t, base: srv.URL}
		for _, path := range []string{"/", "/app.js", "/auth.js", "/style.css", "/.well-known/jwks.json"} {
			if status, _ := c.call("GET", path, ""); status != 200 {
				t.Errorf("%s: %d", path, status)
			}
		}
	})
	t.Run("PWD-15 no token and no password in the log", func(t *testing.T) {
		c := signedIn(t, srv.URL, admin)
		for _, secret := range []string{admin.Password, c.token, c.cookie[strings.IndexByte(c.cookie, '=')+1:]} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
		if !strings.Contains(log.String(), "signin") {
			t.Error("the log has no sign-in")
		}
	})
}
