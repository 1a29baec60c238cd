package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestQuickstart signs in on the real page and is let in or refused by
// permission.
func TestQuickstart(t *testing.T) {
	base, announced := start(t, "quickstart")
	accounts := demoAccounts(t, announced)
	ctx := chromium(t)

	signIn := func(role string) {
		t.Helper()
		do(t, ctx,
			chromedp.Navigate(base+"/orders"), // leads to the form, and the form back here
			chromedp.WaitVisible("#email"),
			chromedp.SendKeys("#email", accounts[role][0]),
			chromedp.SendKeys("#password", accounts[role][1]+"\r"),
			chromedp.WaitVisible("//h1[text()='Orders']"))
	}
	signOut := func() {
		t.Helper()
		do(t, ctx, chromedp.Click("//button[text()='Sign out']"), chromedp.WaitVisible("//h1[text()='Welcome']"))
	}

	signIn("manager")
	do(t, ctx,
		chromedp.SendKeys("#item", "A lamp\r"),
		chromedp.WaitVisible("//li/span[text()='A lamp']"))
	if strings.Contains(text(t, ctx), "Delete") {
		t.Error("a manager is offered to delete")
	}

	t.Run("SES-12 the cookie is out of reach for scripts", func(t *testing.T) {
		visible := ask(t, ctx, chromedp.Evaluate[string](`document.cookie`))
		there, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
		if err != nil {
			t.Fatal(err)
		}
		if c := there.Cookies; visible != "" || len(c) != 1 || !c[0].HTTPOnly || c[0].SameSite != network.CookieSameSiteLax {
			t.Errorf("document.cookie %q, cookies %+v", visible, c)
		}
	})

	t.Run("a button that is not offered does not work either", func(t *testing.T) {
		do(t, ctx,
			chromedp.Evaluate[chromedp.Void](`document.body.insertAdjacentHTML("beforeend", '<form method="post" action="/orders/1/delete"><button id="forged">Delete</button></form>')`),
			chromedp.Click("#forged"),
			chromedp.WaitVisible("//h1[text()='You may not do this']"))
		if page := text(t, ctx); !strings.Contains(page, "your role does not permit this") || !strings.Contains(page, "FORBIDDEN") {
			t.Errorf("the page says %q", page)
		}
	})

	t.Run("the back button after sign-out shows nothing of before", func(t *testing.T) {
		do(t, ctx, chromedp.Navigate(base+"/orders"), chromedp.WaitVisible("//h1[text()='Orders']"))
		signOut()
		do(t, ctx, chromedp.NavigateBack(), chromedp.WaitVisible("//h1[text()='Sign in']"))
		if strings.Contains(text(t, ctx), "A lamp") {
			t.Error("the orders are still there")
		}
	})

	signIn("customer")
	if page := text(t, ctx); !strings.Contains(page, "A lamp") || strings.Contains(page, "New order") {
		t.Errorf("a customer sees %q", page)
	}
	signOut()

	signIn("admin")
	do(t, ctx, chromedp.Click("//button[text()='Delete']"), chromedp.WaitVisible("//p[text()='No orders yet.']"))

	t.Run("a wrong password keeps the visitor on the form", func(t *testing.T) {
		signOut()
		do(t, ctx,
			chromedp.Navigate(base+"/login"),
			chromedp.SendKeys("#email", accounts["admin"][0]),
			chromedp.SendKeys("#password", "wrong\r"),
			chromedp.WaitVisible("#error"))
		if page := text(t, ctx); !strings.Contains(page, "Unknown e-mail or wrong password.") {
			t.Errorf("the page says %q", page)
		}
	})
}

// demoAccounts reads the accounts that an example announces: e-mail and password
// by role.
func demoAccounts(t *testing.T, announced []string) map[string][2]string {
	t.Helper()
	accounts := make(map[string][2]string)
	for _, line := range announced {
		if role, rest, ok := strings.Cut(line, " "); ok && strings.Contains(rest, "@") {
			email, password, _ := strings.Cut(strings.TrimSpace(rest), " ")
			accounts[role] = [2]string{email, strings.TrimSpace(password)}
		}
	}
	if len(accounts) != 3 {
		t.Fatalf("the program announces %q", announced)
	}
	return accounts
}
