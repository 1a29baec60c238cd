package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

func TestProviderLogout(t *testing.T) {
	s, idp := startWith(t, oauthtest.User{Subject: "7", Email: alice, EmailVerified: true})
	c := s.caller()
	signIn := func() {
		t.Helper()
		c.want(c.roundTrip(c.page("/api/v1/auth/oidc")), 303)
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
	}
	t.Run("a sign-out leads to the provider and back", func(t *testing.T) {
		signIn()
		if a := c.page("/account"); !strings.Contains(a.body, `action="/logout/oidc"`) {
			t.Fatal(a.body)
		}
		begun := c.want(c.post("/logout/oidc", nil), 200)
		to := mustURL(t, strings.TrimPrefix(begun.Header.Get("Refresh"), "0; url="))
		if q := to.Query(); to.Path != "/logout" || q.Get("id_token_hint") == "" || q.Get("post_logout_redirect_uri") != s.url+"/logout/oidc/done" {
			t.Errorf("leads to %s", to)
		}
		if a := c.want(c.roundTrip(begun), 303); a.Header.Get("Location") != "/login?notice=logout" {
			t.Error(a.Header)
		}
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
	})
	t.Run("a plain sign-out ends what is here, and a password has nothing to end there", func(t *testing.T) {
		signIn()
		c.want(c.post("/logout", nil), 303)
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
		if a := s.administrator().page("/account"); strings.Contains(a.body, `action="/logout/oidc"`) {
			t.Error(a.body)
		}
	})
	t.Run("another site signs nobody out", func(t *testing.T) {
		signIn()
		c.header.Set("Sec-Fetch-Site", "cross-site")
		c.want(c.post("/logout/oidc", nil), 403)
		c.header.Del("Sec-Fetch-Site")
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
	})
	now := time.Now()
	token := func(change func(claims map[string]any)) string {
		claims := map[string]any{
			"iss": idp.URL, "aud": oauthtest.ClientID, "sub": "7", "jti": "1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		if change != nil {
			change(claims)
		}
		return idp.Sign(map[string]any{"typ": "logout+jwt"}, claims)
	}
	tell := func(token string, want int) {
		t.Helper()
		res, err := http.PostForm(s.url+"/api/v1/auth/oidc/backchannel", url.Values{"logout_token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Fatalf("the logout token is answered with %d", res.StatusCode)
		}
	}
	t.Run("the provider signs a user out, in whatever browser", func(t *testing.T) {
		signIn()
		tell(token(func(claims map[string]any) { claims["aud"] = "somebody else" }), 400)
		tell(token(func(claims map[string]any) { delete(claims, "events") }), 400)
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
		tell(token(nil), 200)
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
		signIn()
		tell(token(nil), 400) // it was used
		c.want(c.call("GET", "/api/v1/profile", nil), 200)
	})
	t.Run("it ends refresh tokens as well", func(t *testing.T) {
		script := s.caller()
		owner := s.member("bob@example.com", first)
		idp.SetUsers(oauthtest.User{Subject: "8", Email: "bob@example.com", EmailVerified: true})
		owner.want(owner.roundTrip(owner.post("/account/links/oidc", nil)), 303)
		a := script.want(script.call("POST", "/api/v1/auth/token", object{"email": "bob@example.com", "password": first}), 200)
		script.header.Set("Authorization", "Bearer "+a.text("access_token"))
		script.want(script.call("GET", "/api/v1/profile", nil), 200)
		tell(token(func(claims map[string]any) { claims["sub"], claims["jti"] = "8", "2" }), 200)
		script.want(script.call("POST", "/api/v1/auth/token/refresh", nil), 401)
		owner.want(owner.call("GET", "/api/v1/profile", nil), 401)
	})
}
