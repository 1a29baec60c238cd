package oauthtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

const redirectURL = "https://app.example.com/callback"

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func request(change func(q url.Values)) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {oauthtest.ClientID}, "redirect_uri": {redirectURL}, "state": {"s"}, "scope": {"openid"}, "nonce": {"n"},
		"code_challenge": {challenge("v")}, "code_challenge_method": {"S256"},
	}
	if change != nil {
		change(q)
	}
	return "/authorize?" + q.Encode()
}

func token(t *testing.T, s *oauthtest.Server, form url.Values) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(oauthtest.ClientID, url.QueryEscape(oauthtest.ClientSecret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, m
}

func TestConsentPage(t *testing.T) {
	s := oauthtest.New(t, oauthtest.Config{Users: []oauthtest.User{{Subject: "1", Name: "<b>Alice</b>"}, {Subject: "2", Name: "Bob"}}})
	b := authtest.NewBrowserAt(t, s.URL, nil)
	page := b.Get(request(nil))
	if strings.Contains(page.Body, "<b>") || !strings.Contains(page.Body, "Bob") {
		t.Fatalf("the page is %s", page.Body)
	}
	form := page.Form("/consent")
	t.Run("denied", func(t *testing.T) {
		form := b.Get(request(nil)).Form("/consent")
		form.Set("answer", "deny")
		to, err := b.Post("/consent", form).Location()
		if err != nil || to.Query().Get("error") != "access_denied" || to.Query().Get("state") != "s" || to.Query().Get("iss") != s.URL || to.Query().Has("code") {
			t.Fatalf("%v, %v", to, err)
		}
	})
	form.Set("answer", "allow")
	form.Set("user", "2")
	to, err := b.Post("/consent", form).Location()
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("%v, %v", to, err)
	}
	if resp := b.Post("/consent", form); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the page works twice: %d", resp.StatusCode)
	}
	code := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {redirectURL}, "code_verifier": {"v"}}
	status, m := token(t, s, code)
	if status != http.StatusOK || m["id_token"] == nil {
		t.Fatalf("%d %v", status, m)
	}
	get := func(token string) int {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/userinfo", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	access, _ := m["access_token"].(string)
	if got := get(access); got != http.StatusOK {
		t.Errorf("userinfo: %d", got)
	}
	t.Run("a code that comes twice ends what was given for it", func(t *testing.T) {
		if status, m := token(t, s, code); status != http.StatusBadRequest || m["error"] != "invalid_grant" {
			t.Errorf("%d %v", status, m)
		}
		if got := get(access); got != http.StatusUnauthorized {
			t.Errorf("userinfo: %d", got)
		}
	})
}

func TestServerIsStrict(t *testing.T) {
	now := time.Now()
	s := oauthtest.New(t, oauthtest.Config{SkipConsent: true, RedirectURLs: []string{redirectURL}, Now: func() time.Time { return now }})
	b := authtest.NewBrowserAt(t, s.URL, nil)
	for name, change := range map[string]func(q url.Values){
		"another redirect_uri": func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") },
		"another client":       func(q url.Values) { q.Set("client_id", "x") },
		"a parameter twice":    func(q url.Values) { q.Add("state", "t") },
	} {
		if resp := b.Get(request(change)); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	for name, change := range map[string]func(q url.Values){
		"no PKCE":    func(q url.Values) { q.Del("code_challenge") },
		"plain PKCE": func(q url.Values) { q.Set("code_challenge_method", "plain") },
		"implicit":   func(q url.Values) { q.Set("response_type", "token") },
	} {
		if to, err := b.Get(request(change)).Location(); err != nil || !to.Query().Has("error") || to.Query().Has("code") {
			t.Errorf("%s: %v, %v", name, to, err)
		}
	}
	for name, change := range map[string]func(f url.Values){
		"another verifier":     func(f url.Values) { f.Set("code_verifier", "w") },
		"no verifier":          func(f url.Values) { f.Del("code_verifier") },
		"another redirect_uri": func(f url.Values) { f.Set("redirect_uri", "https://evil.example/") },
		"another code":         func(f url.Values) { f.Set("code", "x") },
		"two proofs":           func(f url.Values) { f.Set("client_secret", oauthtest.ClientSecret) },
		"a late code":          func(url.Values) { now = now.Add(2 * time.Minute) },
	} {
		to, err := b.Get(request(nil)).Location()
		if err != nil {
			t.Fatal(err)
		}
		f := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {redirectURL}, "code_verifier": {"v"}}
		change(f)
		if status, m := token(t, s, f); status < 400 {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
}

func TestLogout(t *testing.T) {
	s := oauthtest.New(t, oauthtest.Config{LogoutURLs: []string{"https://app.example.com/"}})
	b := authtest.NewBrowserAt(t, s.URL, nil)
	to, err := b.Get("/logout?client_id=client&state=x&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2F").Location()
	if err != nil || to.String() != "https://app.example.com/?state=x" {
		t.Errorf("%v, %v", to, err)
	}
	if resp := b.Get("/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%d", resp.StatusCode)
	}
}
