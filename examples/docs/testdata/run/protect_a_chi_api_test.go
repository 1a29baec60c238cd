package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The lines of curl of the page, in their order.
func TestLines(t *testing.T) {
	api, err := newAPI("http://127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	cookies := map[string]*http.Cookie{}
	send := func(want int, method, path, kind, body string, header ...string) map[string]any {
		t.Helper()
		r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:40000"
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		if len(header) == 2 {
			r.Header.Set(header[0], header[1])
		} else {
			for _, c := range cookies {
				r.AddCookie(c)
			}
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookies[c.Name] = c
		}
		if w.Code != want {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		var answer map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		return answer
	}
	const form = "application/x-www-form-urlencoded"
	send(401, "POST", "/auth/login", form, "email=bob@example.com&password=x")
	if in := send(200, "POST", "/auth/login", form, "email=alice@example.com&password=alice+keeps+the+keys"); in["expires_in"] != 900.0 || in["token_type"] != "Bearer" {
		t.Error(in)
	}
	token := "Bearer " + send(200, "POST", "/auth/refresh", "", "")["access_token"].(string)
	if got := send(200, "GET", "/orders", "", "", "Authorization", token); got["by"] != "jwt" || got["for"] != "1" {
		t.Error(got)
	}
	send(201, "POST", "/orders", "", "", "Authorization", token)
	key := send(201, "POST", "/keys", "application/json", `{"name":"backup","scopes":["orders:read"]}`, "Authorization", token)["key"].(string)
	if got := send(200, "GET", "/orders", "", "", "X-API-Key", key); got["by"] != "apikey" {
		t.Error(got)
	}
	if got := send(403, "POST", "/orders", "", "", "X-API-Key", key); got["code"] != "INSUFFICIENT_SCOPE" {
		t.Error(got)
	}
	send(401, "POST", "/keys", "application/json", `{"scopes":["orders:read"]}`, "X-API-Key", key)
	if got := send(401, "GET", "/orders", "", "", "Authorization", "Bearer nonsense"); got["code"] != "TOKEN_INVALID" {
		t.Error(got)
	}
	if got := send(404, "GET", "/nowhere", "", "", "X-API-Key", key); got["code"] != "NOT_FOUND" {
		t.Error(got)
	}
	clear := cookies
	if got := send(401, "GET", "/orders", "", "", "X-None", "x"); got["code"] != "UNAUTHENTICATED" {
		t.Error(got)
	}
	cookies = clear
	spent := map[string]*http.Cookie{}
	for name, c := range cookies {
		spent[name] = c
	}
	send(204, "POST", "/auth/logout", "", "")
	cookies = spent
	send(401, "POST", "/auth/refresh", "", "")
}
