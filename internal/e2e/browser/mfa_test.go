package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// TestMFA makes a passkey and an app on the pages of the example, and goes through its
// doors with both, under the policy of the pages.
func TestMFA(t *testing.T) {
	base, announced := start(t, "mfa")
	origin := strings.Replace(base, "127.0.0.1", "localhost", 1)
	if !strings.HasSuffix(announced[0], origin) {
		t.Fatalf("%q does not say %s", announced, origin)
	}
	address, pw, _ := strings.Cut(announced[1], " ")
	pw = strings.TrimSpace(pw)

	p := &person{t: t, tab: chromium(t), base: origin, fingers: true}
	if _, err := chromedp.Call(p.tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	phone := webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if _, err := chromedp.Call(p.tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &phone}); err != nil {
		t.Fatal(err)
	}
	signOut := func() {
		p.t.Helper()
		p.press("Sign out", "Welcome")
		p.open("/login", "Sign in")
	}

	step(t, "MFA-15 a passkey is made on the account page", func(t *testing.T) {
		p.t = t
		p.open("/secret", "Sign in")
		p.look("mfa-login")
		p.fill("Sign in", "You need a second step for this", "email", address, "password", pw)
		p.look("mfa-locked")
		p.open("/account", "Your account")
		do(t, p.tab, chromedp.SendKeys("input#passkey_name", "Phone"), chromedp.Click("//button[text()='Make a passkey']"))
		p.reads("Your passkeys have changed")
		p.reads("Phone")
		p.open("/secret", "The secret page")
	})
	step(t, "MFA-15 it signs in alone", func(t *testing.T) {
		p.t = t
		signOut()
		p.open("/secret", "Sign in")
		p.press("Sign in with a passkey", "The secret page")
	})
	step(t, "MFA-15 it signs in beside a password, and leads where one wanted to go", func(t *testing.T) {
		p.t = t
		signOut()
		p.open("/secret", "Sign in")
		p.fill("Sign in", "One more step", "email", address, "password", pw)
		p.look("mfa-factor-passkey")
		if page := text(t, p.tab); strings.Contains(page, "authenticator app") {
			t.Errorf("a user without an app reads %q", page)
		}
		p.press("Use a passkey", "The secret page")
		p.open("/account", "Your account")
	})
	step(t, "an app beside it, and a browser that is trusted", func(t *testing.T) {
		p.t = t
		p.press("Set up an authenticator app", "Set up an authenticator app")
		p.look("mfa-enrol")
		if ask(t, p.tab, chromedp.Evaluate[int](`document.querySelector("img.qr").naturalWidth`)) == 0 {
			t.Error("the QR code is no picture")
		}
		secret := ask(t, p.tab, chromedp.Text("#secret"))
		p.fill("Turn it on", "Your recovery codes", "code", running.Code(t, secret, -30*time.Second))
		p.look("mfa-codes")
		do(t, p.tab, chromedp.Click("//a[text()='I have written them down']"), chromedp.WaitVisible("//h1[text()='Your account']"))
		p.look("mfa-account")
		signOut()
		p.fill("Sign in", "One more step", "email", address, "password", pw)
		p.look("mfa-factor")
		do(t, p.tab, chromedp.Click("input#trust"))
		p.fill("Go on", "Your account", "code", running.Code(t, secret, 0))
		p.reads("Browsers that are not asked")
		signOut()
		p.fill("Sign in", "Your account", "email", address, "password", pw)
	})
	step(t, "MFA-15 the passkey steps up, and leads back", func(t *testing.T) {
		p.t = t
		p.open("/secret", "Is it still you?")
		p.look("mfa-stepup")
		p.press("Use a passkey", "The secret page")
	})
	step(t, "scripts see no cookie, and a bare address says where passkeys are", func(t *testing.T) {
		p.t = t
		if visible := ask(t, p.tab, chromedp.Evaluate[string](`document.cookie`)); visible != "" {
			t.Errorf("document.cookie %q", visible)
		}
		bare := &person{t: t, tab: p.tab, base: base}
		bare.open("/login", "Sign in")
		if page := text(t, p.tab); strings.Contains(page, "Sign in with a passkey") {
			t.Errorf("a passkey is offered where there can be none: %q", page)
		}
	})
	step(t, "MFA-15 a passkey is removed", func(t *testing.T) {
		p.t = t
		p.open("/account", "Your account")
		do(t, p.tab, chromedp.Click("//button[@aria-label='Remove Phone']"))
		p.reads("You have none.")
		signOut()
		p.fill("Sign in", "One more step", "email", address, "password", pw)
		if page := text(t, p.tab); strings.Contains(page, "Use a passkey") {
			t.Errorf("a passkey is asked for that there is not: %q", page)
		}
	})
}
