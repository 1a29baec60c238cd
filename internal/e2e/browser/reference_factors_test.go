package browser

import (
	"bytes"
	"encoding/base64"
	"image"
	_ "image/png" // the QR code
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

func walkFactors(t *testing.T, v *visit) {
	const email = "bob@example.com"
	p := v.member(t, email)
	var secret string
	var codes []string
	step(t, "an app learns the secret from the picture", func(t *testing.T) {
		p.t = t
		p.press("Set up an authenticator app", "Set up an authenticator app")
		p.look("enrol")
		uri := ask(t, p.tab, chromedp.Evaluate[string](`document.querySelector("#otpauth").href`))
		key, err := otp.NewKeyFromURL(uri)
		if err != nil || key.Issuer() != "Sallyport Reference" || key.AccountName() != email {
			t.Fatalf("%q: %v", uri, err)
		}
		if !samePicture(t, ask(t, p.tab, chromedp.Evaluate[string](`document.querySelector("img.qr").src`)), key) {
			t.Error("the QR code is another one than that of the URI")
		}
		if secret = key.Secret(); secret != ask(t, p.tab, chromedp.Text("#secret")) {
			t.Error("the text is another secret")
		}
		p.fill("Turn it on", "Set up an authenticator app", "code", "000000")
		p.reads("There is a problem")
		p.look("enrol-error")
		p.fill("Turn it on", "Your recovery codes", "code", running.Code(t, secret, -30*time.Second))
		p.look("codes")
		codes = strings.Fields(ask(t, p.tab, chromedp.Text("ul.codes")))
		if len(codes) != 10 {
			t.Errorf("%d recovery codes", len(codes))
		}
		p.click("//a[text()='I have written them down']", "Your account")
		p.look("account-factor")
	})
	step(t, "MFA-06 a password alone opens nothing, and the code leads to where one wanted to go", func(t *testing.T) {
		p.t = t
		p.signOut()
		p.open("/orders", "Sign in")
		p.fill("Sign in", "One more step", "email", email, "password", words)
		p.look("factor")
		p.another(t).open("/account", "Sign in")
		p.fill("Go on", "One more step", "code", "000000")
		p.reads("There is a problem")
		do(t, p.tab, chromedp.Click("input#trust_device"))
		p.fill("Go on", "Orders", "code", running.Code(t, secret, 0))
	})
	step(t, "MFA-13 a browser that is trusted is not asked, until it is forgotten", func(t *testing.T) {
		p.t = t
		p.signOut()
		p.signIn(email, words)
		p.reads("Browsers that are not asked")
		p.look("account-devices")
		elsewhere := v.person(t)
		elsewhere.open("/login", "Sign in")
		elsewhere.fill("Sign in", "One more step", "email", email, "password", words)
		p.press("Forget", "Your account")
		p.reads("asked for the second step again")
		p.signOut()
		p.open("/login", "Sign in")
		p.fill("Sign in", "One more step", "email", email, "password", words)
	})
	step(t, "a recovery code works once", func(t *testing.T) {
		p.t = t
		use := func(heading string) {
			t.Helper()
			do(t, p.tab, chromedp.Evaluate[chromedp.Void](`document.querySelector("details").open = true`), chromedp.WaitVisible("input#recovery_code"))
			p.fill("Use the code", heading, "recovery_code", codes[0])
		}
		use("Your account")
		p.reads("9 are left")
		p.signOut()
		p.open("/login", "Sign in")
		p.fill("Sign in", "One more step", "email", email, "password", words)
		use("One more step")
		do(t, p.tab, chromedp.WaitVisible("input#recovery_code[aria-invalid]"))
		p.look("factor-error")
		p.fill("Use the code", "Your account", "recovery_code", codes[1])
	})
	step(t, "the app is turned off, with a proof", func(t *testing.T) {
		p.t = t
		p.fill("Turn it off", "Your account", "disable_code", "000000")
		do(t, p.tab, chromedp.WaitVisible("input#disable_code[aria-invalid]"))
		p.fill("Turn it off", "Your account", "disable_code", running.Code(t, secret, 30*time.Second))
		p.reads("Signing in takes no second step any more.")
		p.signOut()
		p.signIn(email, words)
	})
}

// samePicture reports whether the data URL is the QR code of the key: the code of a text
// has one form only.
func samePicture(t *testing.T, dataURL string, key *otp.Key) bool {
	t.Helper()
	encoded, ok := strings.CutPrefix(dataURL, "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		t.Fatalf("%q: %v", dataURL, err)
	}
	shown, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	bounds := shown.Bounds()
	made, err := key.Image(bounds.Dx(), bounds.Dy())
	if err != nil {
		t.Fatal(err)
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			a, _, _, _ := shown.At(x, y).RGBA()
			b, _, _, _ := made.At(x, y).RGBA()
			if a != b {
				return false
			}
		}
	}
	return true
}

func walkPasskeys(t *testing.T, v *visit) {
	const email = "erin@example.com"
	v.srv.Register(t, email, words)
	p := v.person(t)
	p.base = strings.Replace(p.base, "127.0.0.1", "localhost", 1) // a domain, as passkeys need
	p.phone()
	p.signIn(email, words)
	step(t, "a passkey is made on the account page", func(t *testing.T) {
		p.t = t
		do(t, p.tab, chromedp.SendKeys("input#passkey_name", "Phone"))
		p.press("Make a passkey", "Your account")
		p.reads("Your passkeys have changed")
		p.reads("Phone")
		p.look("account-passkey")
	})
	step(t, "it signs in alone, and leads to where one wanted to go", func(t *testing.T) {
		p.t = t
		p.signOut()
		p.open("/orders", "Sign in")
		p.press("Sign in with a passkey", "Orders")
	})
	step(t, "it signs in beside a password, and leads there too", func(t *testing.T) {
		p.t = t
		p.signOut()
		p.open("/orders", "Sign in")
		p.fill("Sign in", "One more step", "email", email, "password", words)
		p.look("factor-passkey")
		p.press("Use a passkey", "Orders")
	})
	step(t, "it is removed", func(t *testing.T) {
		p.t = t
		p.open("/account", "Your account")
		p.sure(t, "Phone", "Yes, remove it", "Your account")
		p.reads("You have none.")
		p.signOut()
		p.signIn(email, words)
	})
	step(t, "a bare address says where passkeys are", func(t *testing.T) {
		bare := v.person(t)
		bare.signIn(email, words)
		bare.reads("Open " + p.base + " to use passkeys")
	})
}
