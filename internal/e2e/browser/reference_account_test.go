package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// link waits for mail and returns the path of the page that it leads to.
func (v *visit) link(t *testing.T, to, subject, page string) string {
	t.Helper()
	return page + "?token=" + v.srv.Token(t, to, subject)
}

func walkAccount(t *testing.T, v *visit) {
	const email, changed = "alice@example.com", "quite another set of words"
	p := v.person(t)
	step(t, "register, after a password that is refused", func(t *testing.T) {
		p.t = t
		p.open("/", "Sallyport Reference")
		p.look("home")
		do(t, p.tab, chromedp.KeyEvent(kb.Tab))
		if got := ask(t, p.tab, chromedp.Evaluate[string](`document.activeElement.textContent`)); got != "Skip to content" {
			t.Errorf("the first thing that the keyboard reaches is %q", got)
		}
		p.open("/register", "Create an account")
		p.look("register")
		p.fill("Create account", "Create an account", "email", email, "password", "password1234")
		p.reads("There is a problem")
		p.look("register-error")
		if got := ask(t, p.tab, chromedp.Evaluate[string](`document.activeElement.id`)); got != "error" {
			t.Errorf("the focus is on %q and not on the error", got)
		}
		do(t, p.tab, chromedp.Click("#error a"))
		if got := ask(t, p.tab, chromedp.Evaluate[string](`document.activeElement.id + " " + document.activeElement.getAttribute("aria-describedby")`)); got != "password error password-hint" {
			t.Errorf("the error leads to %q", got)
		}
		if got := ask(t, p.tab, chromedp.Value("input#email")); got != email {
			t.Errorf("the address is forgotten: %q", got)
		}
		p.fill("Create account", "Sign in", "password", words)
		p.reads("follow its link")
		p.look("registered")
	})
	step(t, "RST-10 the link of the mail does nothing by being opened, and works once", func(t *testing.T) {
		p.t = t
		link := v.link(t, email, "", "/verify-email")
		p.open(link, "Confirm your address")
		p.open(link, "Confirm your address")
		p.look("verify")
		p.press("Confirm my address", "Sign in")
		p.open(link, "Confirm your address")
		p.press("Confirm my address", "Confirm your address")
		p.reads("There is a problem")
	})
	step(t, "sign in, after a wrong password, and come to where one wanted to go", func(t *testing.T) {
		p.t = t
		p.open("/orders", "Sign in")
		p.look("login")
		p.fill("Sign in", "Sign in", "email", email, "password", "a wrong password")
		p.reads("There is a problem")
		p.look("login-error")
		if page := ask(t, p.tab, chromedp.Evaluate[string](`document.documentElement.outerHTML`)); strings.Contains(page, "a wrong password") {
			t.Error("the page repeats the password")
		}
		p.fill("Sign in", "Orders", "password", words)
		p.open("/account", "Your account")
		p.look("account")
		p.open("/nothing", "There is nothing here")
		p.look("problem")
	})
	step(t, "SES-12 scripts see no cookie", func(t *testing.T) {
		if visible := ask(t, p.tab, chromedp.Evaluate[string](`document.cookie`)); visible != "" {
			t.Errorf("document.cookie %q", visible)
		}
	})
	step(t, "PWD-16 a new password signs other browsers out, and this one stays", func(t *testing.T) {
		p.t = t
		other := v.person(t)
		other.signIn(email, words)
		p.open("/account", "Your account")
		p.fill("Change the password", "Your account", "current_password", "not the one", "new_password", changed)
		do(t, p.tab, chromedp.WaitVisible("input#current_password[aria-invalid]"))
		p.look("account-error")
		p.fill("Change the password", "Your account", "current_password", words, "new_password", "password1234")
		do(t, p.tab, chromedp.WaitVisible("input#new_password[aria-invalid]"))
		p.fill("Change the password", "Your account", "current_password", words, "new_password", changed)
		p.reads("Your password is changed")
		other.open("/account", "Sign in")
	})
	step(t, "a new address counts when its mail was answered", func(t *testing.T) {
		p.t = t
		p.fill("Change the address", "Your account", "new_email", "alice.two@example.com", "email_password", changed)
		p.reads("We have sent a mail to the new address")
		if !strings.Contains(text(t, p.tab), email) {
			t.Error("the address has changed already")
		}
		p.open(v.link(t, "alice.two@example.com", "", "/verify-email"), "Confirm your address")
		p.press("Confirm my address", "Sign in")
		p.signIn("alice.two@example.com", changed)
		p.reads("alice.two@example.com")
	})
	step(t, "RST-06 a forgotten password: all are signed out, and nobody is signed in", func(t *testing.T) {
		visitor := v.person(t)
		visitor.open("/login", "Sign in")
		visitor.click("//a[text()='Forgot your password?']", "Forgot your password?")
		visitor.look("forgot")
		visitor.fill("Send the link", "Sign in", "email", "alice.two@example.com")
		visitor.reads("a mail with a link is on its way")
		visitor.open(v.link(t, "alice.two@example.com", "password", "/reset-password"), "Choose a new password")
		visitor.look("reset")
		visitor.fill("Set the password", "Sign in", "password", words)
		visitor.open("/account", "Sign in")
		p.t = t
		p.open("/account", "Sign in")
		p.signIn("alice.two@example.com", words)
	})
	step(t, "SES-07 a sign-out in one tab is one in all, and the back button shows nothing", func(t *testing.T) {
		p.t = t
		second := p.another(t)
		second.open("/account", "Your account")
		p.open("/account", "Your account")
		p.signOut()
		do(t, second.tab, chromedp.Reload(), chromedp.WaitVisible("//h1[text()='Sign in']"))
		do(t, p.tab, chromedp.Evaluate[chromedp.Void](`history.back()`), chromedp.WaitVisible("//h1[text()='Sign in']"))
		if page := text(t, p.tab); strings.Contains(page, "alice.two@example.com") {
			t.Errorf("the back button shows %q", page)
		}
	})
	step(t, "SES-17 a deleted account is gone, in every browser", func(t *testing.T) {
		p.t = t
		p.signIn("alice.two@example.com", words)
		other := v.person(t)
		other.signIn("alice.two@example.com", words)
		p.fill("Delete my account", "Your account", "delete_password", "not the one")
		do(t, p.tab, chromedp.WaitVisible("input#delete_password[aria-invalid]"))
		p.fill("Delete my account", "Sign in", "delete_password", words)
		p.reads("Your account is deleted.")
		other.open("/account", "Sign in")
		p.fill("Sign in", "Sign in", "email", "alice.two@example.com", "password", words)
		p.reads("There is a problem")
	})
}
