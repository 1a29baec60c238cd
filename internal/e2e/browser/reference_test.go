package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

const (
	email = "alice@example.com"
	words = "correct horse battery staple"
)

// A person uses the reference server in a browser.
type person struct {
	t    *testing.T
	tab  context.Context
	base string
}

func startReference(t *testing.T) (base, admin string) {
	t.Helper()
	dir := t.TempDir()
	base, announced := start(t, "reference", "-db", filepath.Join(dir, "test.db"), "-secrets", filepath.Join(dir, "secrets.json"))
	for _, line := range announced {
		if _, pw, ok := strings.Cut(line, "admin: admin@example.com password: "); ok {
			return base, pw
		}
	}
	t.Fatalf("no administrator in %q", announced)
	return "", ""
}

func (p *person) open(path, heading string) {
	p.t.Helper()
	do(p.t, p.tab, chromedp.Navigate(p.base+path), chromedp.WaitVisible("//h1[text()='"+heading+"']"))
}

// fill types into the fields, name and text in turn, and presses the button.
func (p *person) fill(button, heading string, fields ...string) {
	p.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		do(p.t, p.tab, chromedp.SendKeys("input#"+fields[i], fields[i+1]))
	}
	p.press(button, heading)
}

func (p *person) press(button, heading string) {
	p.t.Helper()
	do(p.t, p.tab, chromedp.Click("//button[normalize-space()='"+button+"']"), chromedp.WaitVisible("//h1[text()='"+heading+"']"))
}

// reads waits for the page to say something.
func (p *person) reads(want string) {
	p.t.Helper()
	do(p.t, p.tab, chromedp.WaitVisible("//main//*[contains(., '"+want+"')]"))
}

// look keeps a picture of the page, for people, where SALLYPORT_SHOTS names a folder.
func (p *person) look(name string) {
	p.t.Helper()
	dir := os.Getenv("SALLYPORT_SHOTS")
	if dir == "" {
		return
	}
	for width, suffix := range map[int64]string{1200: "desktop", 390: "phone"} {
		do(p.t, p.tab, chromedp.EmulateViewport(width, 900))
		if err := os.WriteFile(filepath.Join(dir, name+"-"+suffix+".png"), ask(p.t, p.tab, chromedp.CaptureScreenshot()), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	do(p.t, p.tab, chromedp.EmulateViewport(1200, 900))
}

// TestReference walks through the pages as a new user and as the administrator.
func TestReference(t *testing.T) {
	base, admin := startReference(t)
	p := &person{t, chromium(t), base}

	step(t, "register, confirm, sign in", func(t *testing.T) {
		p.t = t
		p.open("/", "Sallyport Reference")
		p.look("home")
		p.open("/register", "Create an account")
		p.look("register")
		p.fill("Create account", "Create an account", "email", email, "password", "password1234")
		p.reads("There is a problem")
		p.look("register-error")
		do(t, p.tab, chromedp.Clear("input#email"))
		p.fill("Create account", "Sign in", "email", email, "password", words)
		p.reads("follow its link")
		link := ""
		for link == "" {
			do(t, p.tab, chromedp.Navigate(base+"/dev/mailbox"))
			if _, token, ok := strings.Cut(text(t, p.tab), "verify-email?token="); ok {
				link = "/verify-email?token=" + strings.FieldsFunc(token, func(r rune) bool {
					return !(r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
				})[0]
			}
		}
		p.open(link, "Confirm your address")
		p.press("Confirm my address", "Sign in")
		p.look("login")
		p.fill("Sign in", "Sign in", "email", email, "password", "a wrong password")
		p.reads("There is a problem")
		do(t, p.tab, chromedp.Clear("input#email"))
		p.fill("Sign in", "Your account", "email", email, "password", words)
		p.look("account")
	})

	secret := ""
	step(t, "a second step by an app", func(t *testing.T) {
		p.t = t
		p.press("Set up an authenticator app", "Set up an authenticator app")
		p.look("enrol")
		if ask(t, p.tab, chromedp.Evaluate[int](`document.querySelector("img.qr").naturalWidth`)) == 0 {
			t.Error("the QR code is no picture")
		}
		secret = ask(t, p.tab, chromedp.Text("#secret"))
		p.fill("Turn it on", "Your recovery codes", "code", codeAt(t, secret, -30*time.Second))
		p.look("codes")
		do(t, p.tab, chromedp.Click("//a[text()='I have written them down']"), chromedp.WaitVisible("//h1[text()='Your account']"))
		p.press("Sign out", "Sign in")
		p.fill("Sign in", "One more step", "email", email, "password", words)
		p.look("factor")
		p.fill("Go on", "One more step", "code", "000000")
		p.reads("There is a problem")
		p.fill("Go on", "Your account", "code", codeAt(t, secret, 0))
	})

	step(t, "a key is shown once", func(t *testing.T) {
		p.t = t
		do(t, p.tab, chromedp.Click(`//input[@value='orders:read']`))
		p.fill("Make a key", "Your new key", "key_name", "backup")
		p.look("key")
		key := ask(t, p.tab, chromedp.Text("#new-key"))
		r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/api/v1/orders", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-Key", key)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("the key is answered with %d", res.StatusCode)
		}
		p.open("/account", "Your account")
		if strings.Contains(text(t, p.tab), key) {
			t.Error("the key is shown again")
		}
	})

	step(t, "roles count at the next request", func(t *testing.T) {
		p.t = t
		boss := &person{t, chromium(t), base}
		boss.open("/login", "Sign in")
		boss.fill("Sign in", "Your account", "email", "admin@example.com", "password", admin)
		p.open("/orders", "Orders")
		if strings.Contains(text(t, p.tab), "New order") {
			t.Error("a customer is offered to order")
		}
		boss.open("/admin", "Administration")
		boss.look("admin")
		do(t, boss.tab, chromedp.Click("//fieldset[legend='Roles of "+email+"']//input[@value='manager']"),
			chromedp.Click("//fieldset[legend='Roles of "+email+"']//button"), chromedp.WaitVisible("//p[@class='notice']"))
		p.open("/orders", "Orders")
		p.fill("Order", "Orders", "item", "A lamp")
		p.reads("A lamp")
		p.look("orders")
	})

	step(t, "another origin can send nothing", func(t *testing.T) {
		p.t = t
		evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<form method="post" action="` + base + `/orders"><input name="item" value="forged"><button id="go">Go</button></form>`))
		}))
		defer evil.Close()
		do(t, p.tab, chromedp.Navigate(strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)), chromedp.Click("#go"), chromedp.WaitVisible("//h1[text()='Sign in']")) // it comes without the cookie
		p.open("/nothing", "There is nothing here")
		p.look("problem")
		p.open("/orders", "Orders")
		if strings.Contains(text(t, p.tab), "forged") {
			t.Error("the order was placed")
		}
	})

	step(t, "a sign-out in one tab is one in all, and the back button shows nothing", func(t *testing.T) {
		p.t = t
		second, cancel := chromedp.NewContext(p.tab)
		defer cancel()
		other := &person{t, second, base}
		other.open("/orders", "Orders")
		p.press("Sign out", "Sign in")
		do(t, other.tab, chromedp.Reload(), chromedp.WaitVisible("//h1[text()='Sign in']"))
		do(t, p.tab, chromedp.Evaluate[chromedp.Void](`history.back()`), chromedp.WaitVisible("//h1[text()='Sign in']"))
		if strings.Contains(text(t, p.tab), "A lamp") {
			t.Error("the back button shows the orders")
		}
	})
}

// step is a subtest without which those after it make no sense.
func step(t *testing.T, name string, do func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, do) {
		t.FailNow()
	}
}

// codeAt is the code of an authenticator app.
func codeAt(t *testing.T, secret string, ahead time.Duration) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(ahead))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestReferencePasskeys makes a passkey on the account page, and signs in with it alone
// and beside a password.
func TestReferencePasskeys(t *testing.T) {
	base, admin := startReference(t)
	p := &person{t, chromium(t), strings.Replace(base, "127.0.0.1", "localhost", 1)}
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
	p.open("/login", "Sign in")
	p.fill("Sign in", "Your account", "email", "admin@example.com", "password", admin)
	do(t, p.tab, chromedp.SendKeys("input#passkey_name", "Phone"), chromedp.Click("//button[text()='Make a passkey']"))
	p.reads("Your passkeys have changed")
	p.reads("Phone")
	p.look("passkeys")

	p.press("Sign out", "Sign in")
	do(t, p.tab, chromedp.Click("//button[text()='Sign in with a passkey']"), chromedp.WaitVisible("//h1[text()='Your account']"))

	p.press("Sign out", "Sign in")
	p.fill("Sign in", "One more step", "email", "admin@example.com", "password", admin)
	do(t, p.tab, chromedp.Click("//button[text()='Use a passkey']"), chromedp.WaitVisible("//h1[text()='Your account']"))

	do(t, p.tab, chromedp.Click("//button[@aria-label='Remove Phone']"))
	p.reads("You have none.")
}
