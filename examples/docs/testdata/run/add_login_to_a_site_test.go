package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth/password/account"
)

// A person goes all the way: register, mail, login, app, logout, login with a code, reset.
func TestWay(t *testing.T) {
	mail := make(chan account.Message, 10)
	site, err := newSite("http://127.0.0.1:8080", account.MailerFunc(func(_ context.Context, m account.Message) error {
		mail <- m
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(site)
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	do := func(r *http.Request, status int, location string) string {
		t.Helper()
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != status || res.Header.Get("Location") != location {
			t.Fatalf("%s %s: %d %q\n%s", r.Method, r.URL.Path, res.StatusCode, res.Header.Get("Location"), text)
		}
		return string(text)
	}
	get := func(path string, status int, location string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return do(r, status, location)
	}
	post := func(path string, status int, location string, pairs ...string) string {
		t.Helper()
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader(v.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", server.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return do(r, status, location)
	}
	token := func(path string) string {
		t.Helper()
		select {
		case m := <-mail:
			link, err := url.Parse(m.Link)
			if err != nil {
				t.Fatal(err)
			}
			field := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(get(link.RequestURI(), 200, ""))
			if link.Path != path || field == nil {
				t.Fatal(m.Kind, link.Path, field)
			}
			return field[1]
		case <-time.After(10 * time.Second):
			t.Fatal("no mail")
		}
		return ""
	}
	const first, second = "correct horse battery", "another horse battery"

	get("/account", 303, "/login?return_to=%2Faccount")
	post("/register", 422, "", "email", "alice@example.com", "password", "short")
	post("/register", 303, "/login?notice=register", "email", "alice@example.com", "password", first)
	post("/verify-email", 303, "/login?notice=verify-email", "token", token("/verify-email"))
	post("/login", 401, "", "email", "alice@example.com", "password", "wrong horse battery")
	post("/login", 303, "/account/danger", "email", "alice@example.com", "password", first, "return_to", "/account/danger")
	get("/account/danger", 200, "")
	get("/account", 200, "")

	enrolment := post("/account/app", 200, "")
	secret := regexp.MustCompile(`<code>([A-Z2-7]+)</code>`).FindStringSubmatch(enrolment)
	if secret == nil || !strings.Contains(enrolment, `src="data:image/png`) {
		t.Fatal(enrolment)
	}
	code, err := totp.GenerateCode(secret[1], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`<code>([^<]+)</code>`).FindAllStringSubmatch(post("/account/app/verify", 200, "", "code", code), -1)
	if len(codes) != 10 {
		t.Fatal(codes)
	}
	post("/logout", 303, "/login?notice=logout")
	get("/account", 303, "/login?return_to=%2Faccount")

	post("/login", 303, "/login/factor", "email", "alice@example.com", "password", first, "return_to", "/account/danger")
	get("/account", 303, "/login?return_to=%2Faccount")
	post("/login/factor", 401, "", "code", code) // was used
	post("/login/factor", 303, "/account/danger", "recovery_code", codes[0][1])
	get("/account", 200, "")

	post("/forgot", 303, "/login?notice=forgot-password", "email", "alice@example.com")
	post("/reset-password", 303, "/login?notice=reset-password", "token", token("/reset-password"), "password", second)
	get("/account", 303, "/login?return_to=%2Faccount")
	post("/login", 401, "", "email", "alice@example.com", "password", first)
	post("/login", 303, "/login/factor", "email", "alice@example.com", "password", second)
}
