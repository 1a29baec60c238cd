package browser

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// walkElsewhere signs in and out at the provider, which is on another port: forms that
// lead there go through a page of this origin, as the policy of the pages wants.
func walkElsewhere(t *testing.T, v *visit) {
	host := strings.TrimPrefix(v.idp.URL, "http://")
	choose := func(p *person, who, heading string) {
		p.t.Helper()
		do(p.t, p.tab, chromedp.WaitVisible("//button[text()='Allow']"), chromedp.Click("//label[contains(., '"+who+"')]"))
		p.click("//button[text()='Allow']", heading)
	}
	begin := func(p *person, path string) {
		p.t.Helper()
		p.open(path, "Sign in")
		do(p.t, p.tab, chromedp.Click("//a[text()='Sign in with "+host+"']"))
	}
	p := v.person(t)
	step(t, "an account elsewhere opens one here, and leads to where one wanted to go", func(t *testing.T) {
		p.t = t
		begin(p, "/orders")
		choose(p, "Carol", "Orders")
		p.open("/account", "Your account")
		p.reads("carol@example.com")
		p.reads("You have none: you sign in with an account elsewhere.")
		p.look("account-elsewhere")
	})
	step(t, "LNK-05 the last way to sign in stays", func(t *testing.T) {
		p.t = t
		do(t, p.tab, chromedp.Click("//section[@aria-labelledby='links']//button[text()='Remove']"))
		p.reads("LAST_LOGIN_METHOD")
	})
	step(t, "a sign-out ends the session at the provider too, and comes back", func(t *testing.T) {
		p.t = t
		p.open("/account", "Your account")
		p.press("Sign out here and at "+host, "Sign in")
		p.reads("You are signed out.")
		p.open("/account", "Sign in")
	})
	step(t, "a password of its own is another way to sign in", func(t *testing.T) {
		p.t = t
		begin(p, "/login")
		choose(p, "Carol", "Your account")
		p.fill("Set a password", "Your account", "new_password", "carol@example")
		p.reads("Please choose another password")
		p.look("account-elsewhere-refused")
		p.fill("Set a password", "Your account", "new_password", words)
		p.reads("Your password is changed")
		if page := text(t, p.tab); strings.Contains(page, "You have none: you sign in") || !strings.Contains(page, "Current password") {
			t.Errorf("the page says %q", page)
		}
		p.signOut()
		p.signIn("carol@example.com", words)
		p.signOut()
	})
	step(t, "LNK-02 an address that has an account is no proof; its owner links, and unlinks", func(t *testing.T) {
		owner := v.member(t, "dave@example.com")
		p.t = t
		begin(p, "/login")
		do(t, p.tab, chromedp.WaitVisible("//button[text()='Allow']"), chromedp.Click("//label[contains(., 'Dave')]"), chromedp.Click("//button[text()='Allow']"))
		p.reads("LINK_REQUIRED")
		p.look("link-required")
		do(t, owner.tab, chromedp.Click("//button[text()='Link an account at "+host+"']"))
		choose(owner, "Dave", "Your account")
		owner.reads("since")
		owner.look("account-linked")
		begin(p, "/login")
		choose(p, "Dave", "Your account")
		do(t, owner.tab, chromedp.WaitVisible("//section[@aria-labelledby='links']//button[text()='Remove']"))
		owner.click("//section[@aria-labelledby='links']//button[text()='Remove']", "Your account")
		owner.reads("That account is not linked any more.")
		p.open("/account", "Sign in")
	})
	step(t, "OID-10 the provider signs a user out", func(t *testing.T) {
		p.t = t
		begin(p, "/login")
		choose(p, "Carol", "Your account")
		now := time.Now()
		token := v.idp.Sign(map[string]any{"typ": "logout+jwt"}, map[string]any{
			"iss": v.idp.URL, "aud": oauthtest.ClientID, "sub": "carol-7", "jti": "1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		})
		res, err := http.PostForm(v.srv.URL+"/api/v1/auth/oidc/backchannel", url.Values{"logout_token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("the logout token is answered with %d", res.StatusCode)
		}
		p.open("/account", "Sign in")
	})
}
